"""The two keepings of outbox, inbox and queue, behind one face for the suite."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Any, Protocol, TypeVar

from services.chassis import inbox, outbox, queue
from services.chassis.db import Connection, PgTransactions, Pool
from services.chassis.facts import FactRecord
from services.chassis.inbox import Parked
from services.chassis.outbox import PgOutbox
from services.chassis.queue import PgQueue
from services.chassis.relaying import OutboxRows
from services.chassis.working import QueueRows
from tests.contract.chassis.watching import WatchedWakeups
from tests.fakes.chassis import (
    ManualClock,
    MemoryDatabase,
    MemoryOutbox,
    MemoryQueue,
    MemoryTransactions,
    memory_inbox,
    memory_outbox,
    memory_queue,
)

T = TypeVar("T")
# A transaction of either kind; the suite only hands it on.
Tx = Any


class Inbox(Protocol):
    """The functions of the inbox module."""

    async def remember(self, tx: Tx, fact: FactRecord, source: str, /) -> bool: ...
    async def remember_all(
        self, tx: Tx, facts: Sequence[FactRecord], source: str, /
    ) -> set[str]: ...
    async def latest(self, tx: Tx, object_key: str, type_: str, revision: int, /) -> bool: ...
    async def park(
        self, tx: Tx, fact: FactRecord, waiting_for: str, reason: str, /, *, source: str = ""
    ) -> None: ...
    async def unpark(self, tx: Tx, waiting_for: str, /) -> list[FactRecord]: ...
    async def list_parked(
        self, tx: Tx, /, *, after: int = 0, limit: int = 100
    ) -> Sequence[Parked]: ...
    async def kept_unknown(
        self, tx: Tx, types: Sequence[str], /
    ) -> Sequence[tuple[FactRecord, str]]: ...

    async def forget_kept(self, tx: Tx, fact_id: str, type_: str, /) -> None: ...

    async def keep_unknown(self, tx: Tx, fact: FactRecord, source: str, /) -> None: ...


class Enqueue(Protocol):
    """The function of the queue module."""

    async def __call__(
        self, tx: Tx, queue: str, keys: Sequence[str], /, *, due_in: float = 0.0, priority: int = 0
    ) -> None: ...


@dataclass
class Backend:
    """One keeping. ``advance`` lets the database's time pass, in seconds."""

    outbox: OutboxRows
    queue: QueueRows
    inbox: Inbox
    append: Callable[[Tx, Sequence[FactRecord]], Awaitable[None]]
    enqueue: Enqueue
    wakeups: WatchedWakeups
    run: Callable[[Callable[[Tx], Awaitable[T]]], Awaitable[T]]
    advance: Callable[[float], Awaitable[None]]
    waiting: Callable[[str], Awaitable[list[str]]]
    dead: Callable[[str], Awaitable[list[str]]]
    keys: Callable[[str], Awaitable[list[str]]]
    is_known: Callable[[Tx, str], Awaitable[bool]]


def memory_backend(clock: ManualClock | None) -> Backend:
    """In memory, on a clock that stands still, or on the machine's."""
    db = MemoryDatabase(clock)
    wakeups = WatchedWakeups()
    rows, keys = MemoryOutbox(db), MemoryQueue(db)

    async def advance(seconds: float) -> None:
        assert clock is not None, "the machine's clock cannot be set"
        clock.advance(seconds)

    async def waiting(destination: str) -> list[str]:
        return [fact.id for fact in rows.waiting(destination)]

    async def dead(destination: str) -> list[str]:
        return [fact.id for fact in rows.dead(destination)]

    async def queued(name: str) -> list[str]:
        return sorted(keys.keys(name))

    async def is_known(tx: Tx, object_key: str) -> bool:
        return any(name == object_key for (name, _), _ in tx.rows(memory_inbox.REVISIONS))

    return Backend(
        outbox=rows,
        queue=keys,
        inbox=memory_inbox,
        append=memory_outbox.append,
        enqueue=memory_queue.enqueue,
        wakeups=wakeups,
        # A test lets hours of the database's time pass within a transaction, as PostgreSQL's does.
        run=partial(MemoryTransactions(db, lambda tx: tx, wakeups=wakeups).run, timeout=inf),
        advance=advance,
        waiting=waiting,
        dead=dead,
        keys=queued,
        is_known=is_known,
    )


def postgres_backend(pool: Pool) -> Backend:
    """In PostgreSQL; time passes by moving what is due."""
    wakeups = WatchedWakeups()

    def same(connection: Connection) -> Connection:
        return connection

    async def advance(seconds: float) -> None:
        await pool.execute("UPDATE outbox SET due_at = due_at - make_interval(secs => $1)", seconds)
        await pool.execute(
            "UPDATE reconcile_queue SET due_at = due_at - make_interval(secs => $1), "
            "next_at = next_at - make_interval(secs => $1)",
            seconds,
        )

    async def ids(table: str, destination: str) -> list[str]:
        sql = f"SELECT fact_id FROM {table} WHERE destination = $1 ORDER BY seq"  # noqa: S608
        return [row["fact_id"] for row in await pool.fetch(sql, destination)]

    async def queued(name: str) -> list[str]:
        sql = "SELECT key FROM reconcile_queue WHERE queue = $1 ORDER BY key"
        return [row["key"] for row in await pool.fetch(sql, name)]

    async def is_known(tx: Tx, object_key: str) -> bool:
        sql = "SELECT EXISTS (SELECT 1 FROM inbox_revisions WHERE object_key = $1)"
        return bool(await tx.fetchval(sql, object_key))

    return Backend(
        outbox=PgOutbox(pool),
        queue=PgQueue(pool),
        inbox=inbox,
        append=outbox.append,
        enqueue=queue.enqueue,
        wakeups=wakeups,
        run=PgTransactions(pool, same, wakeups=wakeups).run,
        advance=advance,
        waiting=lambda destination: ids("outbox", destination),
        dead=lambda destination: ids("dead_letters", destination),
        keys=queued,
        is_known=is_known,
    )


def fact(number: int, *, key: str = "acc_1", to: str = "subscription", size: int = 2) -> FactRecord:
    """A fact that is told from others by its number."""
    return FactRecord(
        id=f"fct_{number}",
        key=key,
        revision=number,
        type="tollgate.test.v1.Thing",
        payload=b"\x00\xff" * (size // 2),
        destinations=(to,),
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    )
