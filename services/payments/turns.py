"""One after the other, and few at once: those who work for the same account."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import cast
from weakref import WeakValueDictionary

from services.chassis.transactions import Transactions
from services.payments.binding import Operation, OperationState
from services.payments.commerce import PlaceState, decode, encode
from services.payments.domain import AccountId, OperationId
from services.payments.ports import Store

AT_ONCE = 3
"""Operations of one account that a process works on at once, of the eight that it works on."""
_AFTER = "after"


class Turns:
    """A lock for each account that somebody works for, and no longer.

    Only a courtesy within this process: what has to hold between replicas, and after a crash,
    holds by the account's place in the database.
    """

    def __init__(self) -> None:
        # Whoever holds a lock or waits for it keeps it here.
        self._locks: WeakValueDictionary[AccountId, asyncio.Lock] = WeakValueDictionary()
        self._seated: Counter[AccountId] = Counter()

    def of(self, account_id: AccountId) -> asyncio.Lock:
        """Return the account's lock; it is given in the order in which it is asked for."""
        return self._locks.setdefault(account_id, asyncio.Lock())

    @contextmanager
    def seat(self, account_id: AccountId) -> Iterator[bool]:
        """Count within the block as one who works for the account; False if there are enough.

        Those who wait for each other would else keep the worker from everybody else. What is
        nobody's (refunds of strangers' purchases) waits for nothing.
        """
        if account_id and self._seated[account_id] >= AT_ONCE:
            yield False
            return
        self._seated[account_id] += 1
        try:
            yield True
        finally:
            self._seated[account_id] -= 1
            if not self._seated[account_id]:
                del self._seated[account_id]

    def __len__(self) -> int:
        """Return for how many accounts somebody works or waits."""
        return len(self._locks)


async def after_others(store: Store, operation: Operation) -> Operation:
    """Return a new operation that is to come after those of its kind that are under way."""
    others = await store.operations_under_way(operation.account_id, operation.kind)
    return replace(operation, ask=encode({**decode(operation.ask), _AFTER: list(others)}))


async def is_its_turn(tx: Transactions[Store], operation: Operation) -> bool:
    """Tell whether all that an operation comes after are over."""
    names = cast("list[str]", decode(operation.ask).get(_AFTER, []))

    async def over(store: Store) -> bool:
        before = [await store.operation(OperationId(name)) for name in names]
        return all(one is None or one.state is not OperationState.STARTED for one in before)

    return not names or await tx.run(over)


async def holds_place(tx: Transactions[Store], operation: Operation) -> bool:
    """Tell whether an operation has the account's place: the others wait for it, with all seats."""
    place = await tx.run(lambda store: store.place(operation.id))
    return place is not None and place.state is PlaceState.OPEN
