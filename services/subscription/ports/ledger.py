"""The credit ledger's rows, within one transaction.

Lock order: a hold, then its account's row, then grants. The one statement of ``post`` touches the
account's row only and takes its lock; what follows under it attributes the amount to grants.
"""

from collections.abc import Sequence
from typing import Protocol

from services.subscription.granting import PaidInvoice, Reversal
from services.subscription.incoming import PaymentReversed, ReversalKind
from services.subscription.ledger import Balance, Entry, Grant, Hold, HoldState, Part, Pool, Posting


class Ledger(Protocol):
    """Credits of accounts."""

    async def open_pool(self, pool: Pool) -> None:
        """Make the row of a pool if there is none, and lock it."""
        ...

    async def balance(self, pool: Pool) -> Balance:
        """Return what an account may spend; all zero where nothing was ever granted."""
        ...

    async def post(self, posting: Posting) -> Entry | None:
        """Enter a posting, once; None, and nothing is entered, if it would overspend.

        Raises DuplicateEntry if another transaction entered it meanwhile.
        """
        ...

    async def entry(self, name: str) -> Entry | None:
        """Return an entry."""
        ...

    async def list_entries(self, pool: Pool, after: int, limit: int) -> Sequence[Entry]:
        """Return entries with sequences above ``after``, in order."""
        ...

    async def add_grant(self, grant: Grant) -> bool:
        """Add a grant; False if it stands."""
        ...

    async def grant(self, name: str) -> Grant | None:
        """Return a grant."""
        ...

    async def grants(self, pool: Pool) -> Sequence[Grant]:
        """Return the grants of a pool, oldest first."""
        ...

    async def save_grant(self, grant: Grant) -> None:
        """Write a grant; the caller holds its account's lock."""
        ...

    async def take_from_grants(self, pool: Pool, amount: int, *, held: bool) -> Sequence[Part]:
        """Take an amount out of what remains, of grants that expire first; spent, or ``held``.

        Returns how much was taken of which grant.
        """
        ...

    async def settle_held(self, parts: Sequence[Part], *, spent: bool) -> int:
        """Spend what grants hold, or give it back to them; return what has expired by that."""
        ...

    async def add_hold(self, hold: Hold) -> None:
        """Add a hold."""
        ...

    async def hold(self, name: str) -> Hold | None:
        """Return a hold."""
        ...

    async def leave_held(self, name: str, state: HoldState) -> Hold | None:
        """Let a hold leave HELD, once; None if it has left it."""
        ...

    async def expired_holds(self, limit: int) -> Sequence[str]:
        """Return holds whose time is over, the longest expired first."""
        ...

    async def add_reversal(self, fact: PaymentReversed) -> None:
        """Keep that money moved, once."""
        ...

    async def applied_reversals(self, grant: str) -> Sequence[Reversal]:
        """Return what was applied to a grant."""
        ...

    async def reversal(self, reversal_id: str, kind: ReversalKind) -> Reversal | None:
        """Return a movement of money."""
        ...

    async def save_reversal(self, reversal: Reversal) -> None:
        """Write what a reversal did."""
        ...

    async def invoice_paid(self, account: str, invoice_id: str) -> PaidInvoice | None:
        """Return a paid invoice of an account's subscription."""
        ...
