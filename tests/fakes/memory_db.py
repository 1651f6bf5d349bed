"""A small transactional store in memory, for the in-memory twins of the services' stores.

READ COMMITTED like the real one: a transaction sees what others have committed and what it wrote
itself; writes take row locks that are kept to its end, and wait for those of others; a unique key
is a row that is inserted. Rows are immutable values: a change is a new value put in place.

A statement is one step, as it is one round trip: what is one statement on PostgreSQL and touches
several rows takes its step by itself and then uses ``hold`` and ``write``.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Mapping, Sequence
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
Writes = Mapping[str, Mapping[Any, Any]]
"""Rows by table and key; None where one was removed."""
_Entries = dict[Hashable, dict[Any, None]]
_NOBODY: dict[Any, None] = {}


async def _yield() -> None:
    await asyncio.sleep(0)


class MemoryDatabase:
    """What is committed, and who holds which row.

    ``step`` runs before every statement (a simulation puts its latency there), ``fate`` decides at
    each commit whether its answer is lost, ``owner`` says whose a transaction is that begins.
    """

    def __init__(
        self,
        clock: Clock | None = None,
        *,
        step: Callable[[], Awaitable[None]] = _yield,
        fate: Callable[[], CommitFate] = lambda: CommitFate.COMMITTED,
        owner: Callable[[], object] = lambda: None,
    ) -> None:
        self.clock = clock or SystemClock()
        self.step = step
        self.fate = fate
        self.owner = owner
        self.tables: defaultdict[str, dict[Any, Any]] = defaultdict(dict)
        self.open: dict[MemoryTx, None] = {}
        self.holders: dict[_Place, MemoryTx] = {}
        self.waiting: dict[MemoryTx, tuple[_Place, asyncio.Future[None]]] = {}
        self._sequences: defaultdict[str, int] = defaultdict(int)
        self.indexes: defaultdict[str, dict[Index[Any, Any], _Entries]] = defaultdict(dict)

    def now(self) -> float:
        """Return the database's time in seconds."""
        return self.clock.now().timestamp()

    def next(self, sequence: str) -> int:
        """Return the next number of a sequence, from 1; a rollback gives none back."""
        self._sequences[sequence] += 1
        return self._sequences[sequence]

    def begin(self, until: float = inf) -> "MemoryTx":
        """Open a transaction; at ``until``, by the monotonic clock, it has taken too long."""
        return MemoryTx(self, until)

    def written(self, writes: Writes) -> None:
        """Hear what a commit wrote; a simulation plans by it who looks for work, and when."""

    def crash(self, transactions: Sequence["MemoryTx"]) -> None:
        """Roll back the transactions of a process that is no more; none of its code runs again."""
        for tx in transactions:
            self.waiting.pop(tx, None)
            tx.rollback()

    def index(self, index: Index[K, V]) -> _Entries:
        """Begin to keep an index, and return the keys of its committed rows by their values."""
        entries = self.indexes[index.table.name][index] = {}
        for key, row in self.tables[index.table.name].items():
            _move(entries, key, None, index.of(key, row))
        return entries

    def set(self, name: str, key: Hashable, row: Any) -> None:
        """Put a committed row in its place; None removes it."""
        self.apply({name: {key: row}})

    def apply(self, writes: Writes) -> None:
        """Put committed rows in their places."""
        for name, rows in writes.items():
            table = self.tables[name]
            indexed = name in self.indexes
            for key, row in rows.items():
                if indexed:
                    self._reindex(name, key, table.get(key), row)
                if row is None:
                    table.pop(key, None)
                else:
                    table[key] = row

    def _reindex(self, name: str, key: Hashable, before: Any, row: Any) -> None:
        for index, entries in self.indexes[name].items():
            was = None if before is None else index.of(key, before)
            now = None if row is None else index.of(key, row)
            if was != now:
                _move(entries, key, was, now)

    def committed(self, table: Table[K, V]) -> dict[K, V]:
        """Return a copy of what is committed, for a test to look at."""
        return dict(self.tables[table.name])


class MemoryTx:
    """One transaction; the in-memory twin of a connection.

    ``until`` is when it has taken too long, by the database's monotonic clock: that is looked at
    when it waits for others, and when it commits.
    """

    __slots__ = ("_ended", "_locks", "_writes", "db", "owner", "until")

    def __init__(self, db: MemoryDatabase, until: float = inf) -> None:
        self.db = db
        self.until = until
        self.owner = db.owner()
        db.open[self] = None
        self._writes: dict[str, dict[Any, Any]] = {}
        self._locks: dict[_Place, None] = {}
        self._ended = False

    def get(self, table: Table[K, V], key: K) -> V | None:
        """Return a row, or None."""
        name = table.name
        if self._writes and name in self._writes:
            written = self._writes[name]
            if key in written:
                mine: V | None = written[key]
                return mine
        return self.db.tables[name].get(key)

    def rows(self, table: Table[K, V]) -> list[tuple[K, V]]:
        """Return all rows in the order in which they were made."""
        committed = self.db.tables[table.name]
        if table.name not in self._writes:
            return list(committed.items())
        merged: dict[Any, Any] = {**committed, **self._writes[table.name]}
        return [(key, row) for key, row in merged.items() if row is not None]

    def found(self, index: Index[K, V], value: Hashable) -> list[tuple[K, V]]:
        """Return the rows that have this value in an index; their order says nothing."""
        name = index.table.name
        entries = self.db.indexes[name].get(index)
        if entries is None:
            entries = self.db.index(index)
        keys = entries.get(value, _NOBODY)
        table = self.db.tables[name]
        if name not in self._writes:
            return [(key, table[key]) for key in keys] if keys else []
        written = self._writes[name]
        rows = [(key, table[key]) for key in keys if key not in written]
        for key, row in written.items():
            if row is not None and index.of(key, row) == value:
                rows.append((key, row))
        return rows

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
        name = table.name
        assert (name, key) in self._locks, f"{(name, key)} is not held"
        if name in self._writes:
            self._writes[name][key] = row
        else:
            self._writes[name] = {key: row}

    def try_lock(self, table: Table[K, V], key: K) -> bool:
        """Take the row's lock unless somebody has it (SKIP LOCKED)."""
        return self._take((table.name, key))

    async def put(self, table: Table[K, V], key: K, row: V) -> None:
        """Write a row, locking it."""
        await self.lock(table, key)
        self.write(table, key, row)

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
        db, writes = self.db, self._writes
        if self._ended:
            raise ConnectionLost("the transaction has ended")
        if db.clock.monotonic() >= self.until:
            raise TimeoutError
        self._end()
        if writes:
            db.apply(writes)
            db.written(writes)

    def rollback(self) -> None:
        """Forget everything."""
        if not self._ended:
            self._end()

    def _take(self, place: _Place) -> bool:
        if self._ended:
            raise ConnectionLost("the transaction has ended")
        if self.db.holders.setdefault(place, self) is not self:
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
        db, locks = self.db, self._locks
        db.open.pop(self, None)
        for place in locks:
            del db.holders[place]
        if locks and db.waiting:
            for place, turn in list(db.waiting.values()):
                if place in locks and not turn.done():
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
            tx = MemoryTx(db, deadline)
            try:
                with wakeup.gathering(self._wakeups) as gathered:
                    result = await fn(self._make_store(tx))
                    if not alone:
                        await db.step()
                fate = db.fate()
                if fate is not CommitFate.LOST_BEFORE:
                    tx.commit()
                if fate is not CommitFate.COMMITTED:
                    raise ConnectionLost("the answer to the commit was lost")
            except BaseException as exc:
                tx.rollback()
                if not isinstance(exc, (Deadlock, ConnectionLost, TimeoutError)):
                    raise
                failures += 1
                delay = self._backoff.delay(failures)
                if db.clock.monotonic() + delay >= deadline:
                    raise _gave_up(exc) from exc
            else:
                gathered.tell()
                return result
            await db.clock.sleep(delay)


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
