"""One after the other: those of this process who work for the same account."""

import asyncio
from weakref import WeakValueDictionary

from services.payments.domain import AccountId


class Turns:
    """A lock for each account that somebody works for, and no longer.

    Only a courtesy within this process: what has to hold between replicas, and after a crash,
    holds by the account's place in the database.
    """

    def __init__(self) -> None:
        # Whoever holds a lock or waits for it keeps it here.
        self._locks: WeakValueDictionary[AccountId, asyncio.Lock] = WeakValueDictionary()

    def of(self, account_id: AccountId) -> asyncio.Lock:
        """Return the account's lock; it is given in the order in which it is asked for."""
        return self._locks.setdefault(account_id, asyncio.Lock())

    def __len__(self) -> int:
        """Return for how many accounts somebody works or waits."""
        return len(self._locks)
