"""What people ask with about buying, changing and ending, and what they are answered."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from services.chassis.errors import Violations
from services.chassis.money import Money
from services.subscription.domain import State
from services.subscription.offers import AddonQuantity, catalog_of
from services.subscription.ports.payments import EndMode
from services.subscription.ports.pricing import Interval

MAX_ADDONS = 20
MAX_QUANTITY = 1000
MAX_URL = 2048
MAX_TEXT = 255
_BREAKS_URL = re.compile(r"[\x00-\x20\x7f]")


@dataclass(frozen=True, slots=True)
class BuyRequest:
    """A plan that is asked for. ``request_hash`` is a digest of all but ``request_id``."""

    account: str
    plan: str
    addons: tuple[AddonQuantity, ...]
    currency: str
    interval: Interval
    promotion_code: str
    trial: bool
    success_url: str
    cancel_url: str
    request_id: str
    request_hash: bytes

    def check(self) -> None:
        """Raise InvalidArgument that names every bad field."""
        bad = Violations()
        if not catalog_of(self.plan):
            bad.add("plan", "expected <catalog>/<plan>")
        check_addons(bad, self.addons)
        check_url(bad, "success_url", self.success_url)
        check_url(bad, "cancel_url", self.cancel_url)
        check_text(bad, "promotion_code", self.promotion_code)
        check_text(bad, "request_id", self.request_id)
        bad.raise_if_any()


@dataclass(frozen=True, slots=True)
class UpdateRequest:
    """What a subscription is to be from now on.

    ``addons`` is None to keep what is held, but for ``addon_changes``: units more, or less.
    """

    name: str
    plan: str
    addons: tuple[AddonQuantity, ...] | None
    request_id: str
    request_hash: bytes
    validate_only: bool = False
    addon_changes: tuple[tuple[str, int], ...] = ()

    def check(self) -> None:
        """Raise InvalidArgument that names every bad field."""
        bad = Violations()
        if len(self.addon_changes) > MAX_ADDONS:
            bad.add("addon_changes", f"expected at most {MAX_ADDONS}")
        for addon, units in self.addon_changes:
            if not 1 <= abs(units) <= MAX_QUANTITY:
                bad.add(f"addon_changes[{addon!r}]", f"expected 1 to {MAX_QUANTITY}, or less by it")
        if self.plan and not catalog_of(self.plan):
            bad.add("plan", "expected <catalog>/<plan>, or nothing to keep the plan")
        check_addons(bad, self.addons or ())
        check_text(bad, "request_id", self.request_id)
        bad.raise_if_any()


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """How a subscription is to end, or that it goes on after all."""

    name: str
    mode: EndMode
    reason: str
    request_id: str
    request_hash: bytes

    def check(self) -> None:
        """Raise InvalidArgument that names every bad field."""
        bad = Violations()
        check_text(bad, "reason", self.reason)
        check_text(bad, "request_id", self.request_id)
        bad.raise_if_any()


@dataclass(frozen=True, slots=True)
class Purchasing:
    """A payment page that a purchase waits at; ``url`` is empty once it is done or shut."""

    quote: str
    checkout_id: str
    url: str
    expire_time: datetime | None
    subtotal: Money | None


@dataclass(frozen=True, slots=True)
class Verified:
    """What became of a payment page; ``plan`` is empty while nothing is known here."""

    verified: bool
    state: State = State.INCOMPLETE
    plan: str = ""


def check_addons(bad: Violations, addons: Sequence[AddonQuantity]) -> None:
    """Note what is wrong with what is to be added."""
    if len(addons) > MAX_ADDONS:
        bad.add("addons", f"expected at most {MAX_ADDONS}")
    if len({addon.addon for addon in addons}) != len(addons):
        bad.add("addons", "expected each add-on once")
    for place, addon in enumerate(addons):
        if not 1 <= addon.quantity <= MAX_QUANTITY:
            bad.add(f"addons[{place}].quantity", f"expected 1 to {MAX_QUANTITY}")


def check_url(bad: Violations, field: str, url: str) -> None:
    """Note a URL that is not absolute http or https."""
    expected = f"expected an absolute http or https URL of at most {MAX_URL} characters"
    if len(url) > MAX_URL or _BREAKS_URL.search(url):
        bad.add(field, expected)
        return
    try:
        parts = urlsplit(url)
        whole = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        whole = False
    if not whole:
        bad.add(field, expected)


def check_text(bad: Violations, field: str, text: str) -> None:
    """Note a text that is too long."""
    if len(text) > MAX_TEXT:
        bad.add(field, f"expected at most {MAX_TEXT} characters")
