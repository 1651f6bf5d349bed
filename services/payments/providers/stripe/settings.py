"""What the Stripe provider has to be told."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

API_VERSION = "2026-10-28.endive"
"""The API version that we speak; payloads of events in another one are not read."""


@dataclass(frozen=True, slots=True)
class StripeSettings:
    """Key, address and webhook secrets. ``secrets`` by path; a path without any is off."""

    secret_key: str = field(repr=False)
    secrets: Mapping[str, tuple[str, ...]] = field(repr=False)
    api_base: str = "https://api.stripe.com"
    key_file: Path | None = None
    """Where the key comes from, if it does from a file; it may be rotated there."""

    @property
    def livemode(self) -> bool:
        """Whether the key moves real money, as it says itself (``sk_live_…``, ``rk_live_…``)."""
        return is_live(self.secret_key)


def is_live(secret_key: str) -> bool:
    """Tell a key's mode; ValueError for a text that is no secret key."""
    kind, mode, rest = (*secret_key.split("_", 2), "", "")[:3]
    if kind not in ("sk", "rk") or mode not in ("live", "test") or not rest:
        raise ValueError("a Stripe secret key begins with sk_live_, sk_test_, rk_live_ or rk_test_")
    return mode == "live"


class SharedKey:
    """The key in use, which may be replaced while calls go on with the one before."""

    def __init__(self, secret_key: str) -> None:
        self.secret_key = secret_key
        self._users: list[Callable[[str], None]] = []

    def follow(self, use: Callable[[str], None]) -> None:
        """Have a user of the key told of every later one."""
        self._users.append(use)

    def replace(self, secret_key: str) -> None:
        """Use another key from now on."""
        self.secret_key = secret_key
        for use in self._users:
            use(secret_key)
