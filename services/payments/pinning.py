"""Rule 1: a key counts only for the account and mode that it was first seen with.

A key of another account, rotated in by mistake, would find none of our customers' objects. So its
account is compared with the pinned one before anything is folded; a mismatch refuses the provider
while the service stays up.
"""

import asyncio

from services.chassis.errors import Unavailable
from services.chassis.transactions import Transactions
from services.payments.domain import Identity
from services.payments.errors import KeyNotVerified, ProviderUnreachable
from services.payments.ports import Provider, Store


class KeyState:
    """What is known about the provider's key in this process.

    ``identity`` is the pinned account: enough to take events in. ``verified`` says that the key
    was seen to belong to it: needed to fold. ``trouble`` is a sentence for readiness, empty when
    all is well.
    """

    def __init__(self) -> None:
        self.identity: Identity | None = None
        self.trouble = "The provider's account is not known yet."
        self._refused = False
        self._verified = asyncio.Event()

    @property
    def verified(self) -> bool:
        """Whether the key was compared with the pin, and fits."""
        return self._verified.is_set()

    def pinned(self) -> Identity:
        """Return the pinned account.

        KeyNotVerified if the key was refused; ProviderUnreachable while nothing is known yet, as
        after a start at which the provider did not answer: that passes.
        """
        if self.identity is None:
            raise self._in_the_way()
        return self.identity

    def trusted(self) -> Identity:
        """Return the pinned account of a key that was seen to belong to it; else as `pinned`."""
        if not self.verified:
            raise self._in_the_way()
        return self.pinned()

    def _in_the_way(self) -> KeyNotVerified | ProviderUnreachable:
        return (KeyNotVerified if self._refused else ProviderUnreachable)(self.trouble)

    async def until_verified(self) -> None:
        """Wait until the key was compared with the pin, and fits."""
        await self._verified.wait()

    def accept(self, identity: Identity) -> None:
        """The key belongs to the pinned account."""
        self.identity, self.trouble, self._refused = identity, "", False
        self._verified.set()

    def assume(self, pinned: Identity | None, trouble: str) -> None:
        """The key could not be compared; events may come in if an account is pinned."""
        self.identity, self.trouble, self._refused = pinned, trouble, False
        self._verified.clear()

    def refuse(self, trouble: str) -> None:
        """The key belongs to somebody else: nothing comes in and nothing is folded."""
        self.identity, self.trouble, self._refused = None, trouble, True
        self._verified.clear()


async def check_key(
    tx: Transactions[Store], provider: Provider, expected: str, livemode: bool, state: KeyState
) -> bool:
    """Compare the key with the pin; pins its account if there is none. Returns False to try again.

    ``expected`` is the account that the operator named, empty for none; ``livemode`` is the key's,
    as it says itself, so that a mode is refused even while the provider cannot be reached.
    """
    pinned = await tx.run(lambda store: store.pinned(provider.name))
    if _refused(pinned, expected, livemode, state):
        return True
    try:
        found = await provider.identify()
    except Unavailable as exc:
        state.assume(pinned, exc.message)
        return False
    if expected and found.account != expected:
        state.refuse(f"The key belongs to {found}, but {expected} is configured.")
        return True
    pinned = await tx.run(lambda store: store.pin(provider.name, found))
    if pinned != found:
        state.refuse(f"The key belongs to {found}, but {pinned} is pinned.")
    else:
        state.accept(pinned)
    return True


def _refused(pinned: Identity | None, expected: str, livemode: bool, state: KeyState) -> bool:
    if pinned is None:
        return False
    if expected and pinned.account != expected:
        state.refuse(f"{expected} is configured, but {pinned} is pinned.")
        return True
    if pinned.livemode != livemode:
        mode = "live" if livemode else "test"
        state.refuse(f"The key is for {mode} mode, but {pinned} is pinned.")
        return True
    return False
