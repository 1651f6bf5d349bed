"""Plans that were made while a table was empty serve it when it is full.

A statement is planned once for a connection. A queue is empty nearly always, so that is what its
plans are made for; when a backlog comes, nobody plans anew before the table was analysed again.
"""

from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest
import pytest_asyncio

from services.chassis.db import Pool, Statements, open_pool
from services.chassis.facts import FactRecord
from services.chassis.outbox import PgOutbox, append
from services.chassis.queue import PgQueue, asked, enqueue, holds, withdrawal
from services.chassis.relaying import Postponed, Rejected
from tests.integration.chassis_pool import Migrated

_BACKLOG = 3_000
_FEW = 60
"""Rows that the work on a few keys may cost, with their versions."""

_READ = """
SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::bigint
FROM pg_stat_user_tables WHERE relname IN ('outbox', 'reconcile_queue')
"""
_TABLES = ("outbox", "reconcile_queue")
_FILL_QUEUE = """
INSERT INTO reconcile_queue (queue, key, priority, due_at)
SELECT 'q', 'waits_' || n, 5, now() - interval '1 s' FROM generate_series(1, $1::int) AS n
"""
_FILL_OUTBOX = """
INSERT INTO outbox (destination, fact_id, fact_key, revision, type, payload, traceparent)
SELECT 'd', 'fct_' || n, 'waits_' || n, 1, 't', 'x', '' FROM generate_series(1, $1::int) AS n
"""
_WITHDRAW = f"WITH asked AS ({withdrawal('$1', '$2', '$3')}) SELECT 1"
_ASKED = asked("SELECT unnest($2::text[])", "$1")


@pytest_asyncio.fixture
async def one(pool: Pool, migrated: Migrated) -> AsyncIterator[Pool]:
    """One connection to tables that are known to be empty, which nobody analyses meanwhile."""
    owner = await asyncpg.connect(migrated.owner)
    for table in _TABLES:
        await owner.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = false)")
    await owner.execute("VACUUM (ANALYZE) outbox, reconcile_queue")
    opened = await open_pool(migrated.service, application_name="test", min_size=1, max_size=1)
    yield opened
    await opened.close()
    for table in _TABLES:
        await owner.execute(f"ALTER TABLE {table} RESET (autovacuum_enabled)")
    await owner.close()


async def _read(pool: Pool) -> int:
    """Return how many rows were read of the tables so far."""
    await pool.execute("SELECT pg_stat_force_next_flush()")
    found: int = await pool.fetchval(_READ)
    return found


async def _enqueue(pool: Pool, keys: list[str]) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await enqueue(connection, "q", keys, priority=9)


async def _finish(pool: Pool) -> None:
    queue = PgQueue(pool)
    await _enqueue(pool, ["one"])
    (claimed,) = await queue.claim("q", 1, 30.0)
    assert claimed.key == "one"
    assert await queue.renew("q", [(claimed.key, claimed.epoch)], 30.0)
    async with pool.acquire() as connection, connection.transaction():
        assert await holds(connection, "q", claimed.key, claimed.epoch)
    assert await queue.finish("q", claimed)


async def _try_again(pool: Pool) -> None:
    queue = PgQueue(pool)
    await _enqueue(pool, ["two"])
    (claimed,) = await queue.claim("q", 1, 30.0)
    await queue.again("q", claimed, 0.0, "not yet")
    (claimed,) = await queue.claim("q", 1, 30.0)
    await _enqueue(pool, ["two"])
    assert not await queue.finish("q", claimed)
    (claimed,) = await queue.claim("q", 1, 30.0)
    assert await queue.finish("q", claimed)


async def _oldest(pool: Pool) -> None:
    queue = PgQueue(pool)
    await _enqueue(pool, ["three"])
    (claimed,) = await queue.claim_oldest("q", 30.0)
    assert await queue.finish("q", claimed)


async def _withdraw(pool: Pool) -> None:
    await _enqueue(pool, ["four", "five"])
    statements = Statements(pool)
    found = await statements.fetch(_ASKED, "q", ["four", "five"])
    assert {row["key"] for row in found} == {"four", "five"}
    generations = [row["generation"] for row in found]
    await statements.fetch(_WITHDRAW, "q", [row["key"] for row in found], generations)
    assert not await statements.fetch(_ASKED, "q", ["four", "five"])


async def _tell(pool: Pool) -> None:
    outbox = PgOutbox(pool)
    facts = [
        FactRecord(
            id=f"fct_new_{name}",
            key=f"a_{name}",
            revision=1,
            type="t",
            payload=b"x",
            destinations=("d",),
            traceparent="",
        )
        for name in ("one", "two", "three")
    ]
    async with pool.acquire() as connection, connection.transaction():
        await append(connection, facts)
    one, two, three = await outbox.claim("d", "", 3, 30.0)
    await outbox.accepted([one])
    await outbox.postpone([Postponed(two, 0.0, "not yet")])
    await outbox.reject([Rejected(three, "never")])
    (two,) = await outbox.claim("d", "", 1, 30.0)
    await outbox.accepted([two])


@pytest.mark.parametrize("work", [_finish, _try_again, _oldest, _withdraw, _tell])
async def test_what_one_key_costs_does_not_grow_with_what_waits(
    one: Pool, work: Callable[[Pool], Awaitable[None]]
) -> None:
    # All are planned now, for tables with nothing in them.
    await work(one)
    await one.execute(_FILL_QUEUE, _BACKLOG)
    await one.execute(_FILL_OUTBOX, _BACKLOG)
    before = await _read(one)
    await work(one)
    read = await _read(one) - before
    assert 0 < read < _FEW, f"{read} rows were read of {_BACKLOG} that wait"
