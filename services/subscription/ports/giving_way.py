"""What the store keeps of money that is to be given back beside purchases, and of what waits."""

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Protocol

from services.subscription.domain import GivingWay


class GivingWayRows(Protocol):
    """Subscriptions that give way to others, within one transaction. Read with the holdings.

    They are noted when they are found, and dropped if they turn out to be none. As with purchases
    it is decided first, under the account's lock, and asked for afterwards.
    """

    async def save_giving_way(self, row: GivingWay) -> None:
        """Note that one gives way, to which and since when; one that is decided on stays.

        The caller holds the account's lock. When it was found first stays.
        """
        ...

    async def drop_giving_way(self, subscription: str) -> None:
        """Forget that one was to give way, unless that is decided."""
        ...

    async def decide_giving_way(self, subscription: str) -> None:
        """Note that one ends and is given back; the caller holds its account's lock."""
        ...

    async def due_giving_way(self, delay: timedelta, limit: int) -> Sequence[GivingWay]:
        """Return what was found longer ago than this and is neither decided on nor postponed."""
        ...

    async def claim_giving_way(self, provider: str, limit: int) -> Sequence[GivingWay]:
        """Return what is decided and due for a try, and put off the next, as with refunds."""
        ...

    async def note_gave_way(self, subscription: str, refund_id: str, again: int = 0) -> bool:
        """Note that one was ended and given back, or ``again``; False if that was known."""
        ...

    async def ask_again(self, account: str, ways: Collection[str]) -> Sequence[str]:
        """Note what is to be asked for once more, as more invoices of it were paid since.

        Looks at a locked account's purchases that are given back, and at these subscriptions that
        give way. Each is asked for as often as that happened, one after the other: it is claimed
        until the last was noted. What was not asked for yet needs no more. The first invoice of a
        purchase is what it was bought with, and never late. Returns their names.
        """
        ...


class Postponements(Protocol):
    """Decisions that wait for news, by the name of the purchase or subscription they are about."""

    async def postpone(self, name: str, long: timedelta) -> bool:
        """Put a decision off; waits double from half a minute to an hour.

        Returns True once, when it has been put off for ``long``. One that was not tried for a day
        is put off as if for the first time.
        """
        ...

    async def forget_postponed(self) -> int:
        """Forget at most a thousand that were not tried for a day; return how many."""
        ...
