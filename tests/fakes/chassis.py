"""In-memory twins of what the chassis keeps in PostgreSQL, and clocks and ids to steer by hand.

A service's in-memory store is bound to a ``MemoryTx`` as its real one is to a connection:

    PLANS: Table[str, Plan] = Table("plans")

    class MemoryStore:
        def __init__(self, tx: MemoryTx) -> None: ...
        async def plan(self, plan_id: str) -> Plan | None:
            return await self._tx.lock(PLANS, plan_id)
"""

import asyncio
import heapq
import itertools
from collections import defaultdict
from datetime import UTC, datetime, timedelta

from tests.fakes import memory_inbox, memory_outbox, memory_queue
from tests.fakes.memory_db import (
    CommitFate,
    ConnectionLost,
    Deadlock,
    MemoryDatabase,
    MemoryTransactions,
    MemoryTx,
    Table,
)
from tests.fakes.memory_outbox import MemoryOutbox
from tests.fakes.memory_queue import MemoryQueue

__all__ = [
    "CommitFate",
    "ConnectionLost",
    "Deadlock",
    "ManualClock",
    "MemoryDatabase",
    "MemoryOutbox",
    "MemoryQueue",
    "MemoryTransactions",
    "MemoryTx",
    "SequenceIds",
    "Table",
    "memory_inbox",
    "memory_outbox",
    "memory_queue",
]


class ManualClock:
    """A clock that stands still until it is told to go on."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._start = start
        self._elapsed = 0.0
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        awake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed + seconds, next(self._order), awake))
        await awake

    def advance(self, seconds: float) -> None:
        """Let time pass; sleepers whose time has come wake in order."""
        self._elapsed += seconds
        while self._sleepers and self._sleepers[0][0] <= self._elapsed:
            _, _, awake = heapq.heappop(self._sleepers)
            if not awake.done():
                awake.set_result(None)


class SequenceIds:
    """Ids that count: ``acc_1``, ``acc_2``, ``quo_1``."""

    def __init__(self) -> None:
        self._last: defaultdict[str, int] = defaultdict(int)

    def new(self, prefix: str) -> str:
        self._last[prefix] += 1
        return f"{prefix}_{self._last[prefix]}"
