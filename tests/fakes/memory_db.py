"""A small transactional store in memory, for the in-memory twins of the services' stores.

READ COMMITTED like the real one: a transaction sees what others have committed and what it wrote
itself; writes take row locks that are kept to its end, and wait for those of others; a unique key
is a row that is inserted. Rows are immutable values: a change is a new value put in place.

A statement is one step, as it is one round trip: what is one statement on PostgreSQL and touches
several rows takes its step by itself and then uses ``hold`` and ``write``.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from math import inf
from typing import Any, Generic, TypeVar

from services.chassis import wakeups as wakeup
from services.chassis.backoff import Backoff
from services.chassis.clock import Clock, SystemClock
from services.chassis.errors import Aborted, Unavailable
from services.chassis.wakeups import Wakeups

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
S = TypeVar("S")
T = TypeVar("T")


@dataclass(frozen=True)
class Table(Generic[K, V]):
    """A table by name: keys of one type, rows of another."""

    name: str


@dataclass(frozen=True, eq=False)
class Index(Generic[K, V]):
    """An index on a table: rows by what ``of`` says of them; those of which it says None have none.

    Scans cost a world of many payments more than all its work.
    """

    table: Table[K, V]
    of: Callable[[K, V], Hashable]


class Deadlock(Exception):  # noqa: N818 - reads as what it is
    """Transactions wait for each other in a circle; this one gives up and runs again."""


class ConnectionLost(Exception):  # noqa: N818 - reads as what it is
    """The transaction is gone, and at its commit nobody knows what became of it."""


class CommitFate(Enum):
    """What becomes of a commit; the two losses look alike from outside."""

    COMMITTED = auto()
    LOST_BEFORE = auto()
    LOST_AFTER = auto()


_Place = tuple[str, Hashable]
_Entries = dict[Hashable, dict[Any, None]]


async def _yield() -> None:
    await asyncio.sleep(0)


class MemoryDatabase:
    """What is committed, and who holds which row.

    ``step`` runs before every statement (a simulation puts its latency there), ``fate`` decides at
    each commit whether its answer is lost.
    """

    def __init__(
        self,
        clock: Clock | None = None,
        *,
        step: Callable[[], Awaitable[None]] = _yield,
        fate: Callable[[], CommitFate] = lambda: CommitFate.COMMITTED,
    ) -> None:
        self.clock = clock or SystemClock()
        self.step = step
        self.fate = fate
        self.tables: defaultdict[str, dict[Any, Any]] = defaultdict(dict)
        self.open: dict[MemoryTx, None] = {}
        self.holders: dict[_Place, MemoryTx] = {}
        self.waiting: dict[MemoryTx, tuple[_Place, asyncio.Future[None]]] = {}
        self._sequences: defaultdict[str, int] = defaultdict(int)
        self._indexes: defaultdict[str, dict[Index[Any, Any], _Entries]] = defaultdict(dict)

    def now(self) -> float:
        """Return the database's time in seconds."""
        return self.clock.now().timestamp()

    def next(self, sequence: str) -> int:
        """Return the next number of a sequence, from 1; a rollback gives none back."""
        self._sequences[sequence] += 1
        return self._sequences[sequence]

    def begin(self) -> "MemoryTx":
        """Open a transaction."""
        tx = MemoryTx(self)
        self.open[tx] = None
        return tx

    def crash(self, transactions: Sequence["MemoryTx"]) -> None:
        """Roll back the transactions of a process that is no more; none of its code runs again."""
        for tx in transactions:
            self.waiting.pop(tx, None)
            tx.rollback()

    def entries(self, index: Index[K, V], value: Hashable) -> dict[K, None]:
        """Return the keys of the committed rows of an index that have this value."""
        indexes = self._indexes[index.table.name]
        entries = indexes.get(index)
        if entries is None:
            entries = indexes[index] = {}
            for key, row in self.tables[index.table.name].items():
                _move(entries, key, None, index.of(key, row))
        return entries.get(value, {})

    def set(self, name: str, key: Hashable, row: Any) -> None:
        """Put a committed row in its place; None removes it."""
        table = self.tables[name]
        before = table.get(key)
        for index, entries in self._indexes[name].items():
            was = None if before is None else index.of(key, before)
            now = None if row is None else index.of(key, row)
            if was != now:
                _move(entries, key, was, now)
        if row is None:
            table.pop(key, None)
        else:
            table[key] = row

    def committed(self, table: Table[K, V]) -> dict[K, V]:
        """Return a copy of what is committed, for a test to look at."""
        return dict(self.tables[table.name])


class MemoryTx:
    """One transaction; the in-memory twin of a connection."""

    def __init__(self, db: MemoryDatabase) -> None:
        self.db = db
        self.until = inf
        """When it has taken too long, by the database's monotonic clock."""
        self._writes: dict[_Place, Any] = {}
        self.touched: set[str] = set()
        """Names of the tables that it has written to."""
        self._locks: dict[_Place, None] = {}
        self._ended = False

    def get(self, table: Table[K, V], key: K) -> V | None:
        """Return a row, or None."""
        name = table.name
        if name in self.touched and (name, key) in self._writes:
            written: V | None = self._writes[name, key]
            return written
        return self.db.tables[name].get(key)

    def rows(self, table: Table[K, V]) -> list[tuple[K, V]]:
        """Return all rows in the order in which they were made."""
        if table.name not in self.touched:
            return list(self.db.tables[table.name].items())
        merged: dict[Any, Any] = dict(self.db.tables[table.name])
        for (name, key), row in self._writes.items():
            if name == table.name:
                merged[key] = row
        return [(key, row) for key, row in merged.items() if row is not None]

    def found(self, index: Index[K, V], value: Hashable) -> list[tuple[K, V]]:
        """Return the rows that have this value in an index; their order says nothing."""
        keys: dict[Any, None] = self.db.entries(index, value)
        if index.table.name not in self.touched:
            table = self.db.tables[index.table.name]
            return [(key, table[key]) for key in keys]
        keys = dict(keys)
        for name, key in self._writes:
            if name == index.table.name:
                keys[key] = None
        rows = ((key, self.get(index.table, key)) for key in keys)
        return [(k, row) for k, row in rows if row is not None and index.of(k, row) == value]

    async def lock(self, table: Table[K, V], key: K) -> V | None:
        """Take the row's lock, waiting for who has it, and return the row as it is then.

        Raises Deadlock. A key without a row is locked all the same, as inserts of one unique key
        wait for each other.
        """
        await self.db.step()
        place = (table.name, key)
        if not self._take(place):
            await self._wait_for(place)
        return self.get(table, key)

    async def hold(self, table: Table[K, V], key: K) -> V | None:
        """Take a row's lock within a statement that has begun; see ``lock``."""
        place = (table.name, key)
        if not self._take(place):
            await self._wait_for(place)
        return self.get(table, key)

    def write(self, table: Table[K, V], key: K, row: V | None) -> None:
        """Write a row that is held, within the statement; None removes it."""
        place = (table.name, key)
        assert place in self._locks, f"{place} is not held"
        self._writes[place] = row
        self.touched.add(table.name)

    def try_lock(self, table: Table[K, V], key: K) -> bool:
        """Take the row's lock unless somebody has it (SKIP LOCKED)."""
        return self._take((table.name, key))

    async def put(self, table: Table[K, V], key: K, row: V) -> None:
        """Write a row, locking it."""
        await self.db.step()
        place = (table.name, key)
        if not self._take(place):
            await self._wait_for(place)
        self._writes[place] = row
        self.touched.add(table.name)

    async def insert(self, table: Table[K, V], key: K, row: V) -> bool:
        """Write a row unless the key is taken; waits for another that is at the same key."""
        if await self.lock(table, key) is not None:
            return False
        self.write(table, key, row)
        return True

    async def delete(self, table: Table[K, V], key: K) -> bool:
        """Remove a row; False if there is none."""
        if await self.lock(table, key) is None:
            return False
        self.write(table, key, None)
        return True

    def commit(self) -> None:
        """Make everything visible at once."""
        self._check()
        put = self.db.set
        for (name, key), row in self._writes.items():
            put(name, key, row)
        self._end()

    def rollback(self) -> None:
        """Forget everything."""
        if not self._ended:
            self._end()

    def check_time(self) -> None:
        """Raise TimeoutError if it has taken too long."""
        if self.db.clock.monotonic() >= self.until:
            raise TimeoutError

    def _check(self) -> None:
        if self._ended:
            raise ConnectionLost("the transaction has ended")

    def _take(self, place: _Place) -> bool:
        if self._ended:
            raise ConnectionLost("the transaction has ended")
        if self.db.clock.monotonic() >= self.until:
            raise TimeoutError
        holder = self.db.holders.setdefault(place, self)
        if holder is not self:
            return False
        self._locks[place] = None
        return True

    async def _wait_for(self, place: _Place) -> None:
        await self._wait(place)
        while not self._take(place):
            await self._wait(place)

    async def _wait(self, place: _Place) -> None:
        self._refuse_circle(place)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.db.waiting[self] = (place, turn)
        left = None if self.until == inf else self.until - self.db.clock.monotonic()
        try:
            async with asyncio.timeout(left):
                await turn
        finally:
            self.db.waiting.pop(self, None)

    def _refuse_circle(self, place: _Place) -> None:
        holder = self.db.holders.get(place)
        while holder is not None:
            if holder is self:
                raise Deadlock(f"waiting for {place} goes round in a circle")
            waits = self.db.waiting.get(holder)
            holder = self.db.holders.get(waits[0]) if waits else None

    def _end(self) -> None:
        self._ended = True
        self.db.open.pop(self, None)
        for place in self._locks:
            del self.db.holders[place]
        if not (self._locks and self.db.waiting):
            return
        for place, turn in list(self.db.waiting.values()):
            if place in self._locks and not turn.done():
                turn.set_result(None)


class MemoryTransactions(Generic[S]):
    """The in-memory twin of PgTransactions."""

    def __init__(
        self,
        db: MemoryDatabase,
        make_store: Callable[[MemoryTx], S],
        *,
        wakeups: Wakeups | None = None,
    ) -> None:
        self._db = db
        self._make_store = make_store
        self._wakeups = wakeups or Wakeups()
        self._backoff = Backoff(base=0.01, cap=0.2, jitter=lambda: 0.5)

    def run(
        self, fn: Callable[[S], Awaitable[T]], *, timeout: float = 10.0
    ) -> Coroutine[Any, Any, T]:
        """Run ``fn`` and commit; rerun it after a deadlock or a lost connection.

        ``timeout`` is in seconds of the database's clock, and bounds waits for locks: nothing else
        in a transaction takes long.
        """
        return self._insist(fn, timeout, alone=False)

    def single(
        self, fn: Callable[[S], Awaitable[T]], *, timeout: float = 10.0
    ) -> Coroutine[Any, Any, T]:
        """Run ``fn``, whose one statement is a transaction by itself: its commit is no step."""
        return self._insist(fn, timeout, alone=True)

    # Every statement comes by here on its way, so that this is one frame, and not three.
    async def _insist(self, fn: Callable[[S], Awaitable[T]], timeout: float, *, alone: bool) -> T:
        db = self._db
        deadline = db.clock.monotonic() + timeout
        failures = 0
        while True:
            tx = db.begin()
            tx.until = deadline
            try:
                with wakeup.gathering() as topics:
                    result = await fn(self._make_store(tx))
                    if not alone:
                        await db.step()
                    tx.check_time()
                    self._commit(tx)
            except (Deadlock, ConnectionLost, TimeoutError) as exc:
                failures += 1
                delay = self._backoff.delay(failures)
                if db.clock.monotonic() + delay >= deadline:
                    raise _gave_up(exc) from exc
            else:
                if topics:
                    for topic in sorted(topics):
                        self._wakeups.wake(topic)
                return result
            finally:
                tx.rollback()
            await db.clock.sleep(delay)

    def _commit(self, tx: MemoryTx) -> None:
        fate = self._db.fate()
        if fate is not CommitFate.LOST_BEFORE:
            tx.commit()
        if fate is not CommitFate.COMMITTED:
            raise ConnectionLost("the answer to the commit was lost")


def _move(entries: _Entries, key: Hashable, was: Hashable, now: Hashable) -> None:
    if was is not None:
        del entries[was][key]
        if not entries[was]:
            del entries[was]
    if now is not None:
        entries.setdefault(now, {})[key] = None


def _gave_up(exc: BaseException) -> Aborted | Unavailable:
    if isinstance(exc, Deadlock):
        return Aborted("Others kept changing the same data.", reason="CONTENTION")
    return Unavailable("The database did not answer in time.", reason="DATABASE_UNAVAILABLE")
