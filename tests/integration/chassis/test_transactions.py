"""Transactions on PostgreSQL: what is rerun, what is not, and how a restart is survived."""

import asyncio

import asyncpg
import pytest

from deploy.sandbox.postgres.server import PostgresServer
from services.chassis import outbox
from services.chassis.clock import Clock, SystemClock
from services.chassis.db import (
    Connection,
    GatheringStore,
    MisusedConnectionError,
    PgTransactions,
    Pool,
    Statements,
    open_pool,
)
from services.chassis.errors import Aborted, Unavailable
from services.chassis.wakeups import Wakeups, after_commit
from tests.contract.chassis.backends import fact
from tests.integration.chassis.clocks import TellingClock
from tests.integration.chassis_pool import Migrated

_INSERT = "INSERT INTO inbox_facts (source, fact_id, type) VALUES ('t', $1, 't')"
_IDS = "SELECT array_agg(fact_id ORDER BY fact_id) FROM inbox_facts"


class SkippingClock(SystemClock):
    """A clock whose pauses are over at once: how loaded the machine is decides nothing."""

    def __init__(self) -> None:
        self.slept = 0.0

    def monotonic(self) -> float:
        return self.slept

    async def sleep(self, seconds: float) -> None:
        self.slept += seconds


def _transactions(
    pool: Pool, wakeups: Wakeups | None = None, clock: Clock | None = None
) -> PgTransactions[Connection]:
    def same(connection: Connection) -> Connection:
        return connection

    return PgTransactions(pool, same, wakeups=wakeups, clock=clock)


async def test_an_exception_rolls_back_and_comes_out(pool: Pool) -> None:
    async def fail(conn: Connection) -> None:
        await conn.execute(_INSERT, "a")
        raise LookupError

    with pytest.raises(LookupError):
        await _transactions(pool).run(fail)
    assert await pool.fetchval(_IDS) is None


class Gathered(GatheringStore):
    """Writes all that it was told by one statement."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.told: list[str] = []

    async def flush(self) -> None:
        """Write it."""
        told = "INSERT INTO inbox_facts (source, fact_id, type) SELECT 't', unnest($1::text[]), 't'"
        await self._connection.execute(told, self.told)


async def test_what_a_store_gathered_is_committed_with_the_rest_or_not_at_all(pool: Pool) -> None:
    async def tell(store: Gathered) -> None:
        store.told += ["a", "b"]

    async def fail(store: Gathered) -> None:
        store.told += ["c"]
        raise LookupError

    tx = PgTransactions(pool, Gathered)
    with pytest.raises(LookupError):
        await tx.run(fail)
    await tx.run(tell)
    assert await pool.fetchval(_IDS) == ["a", "b"]
    with pytest.raises(asyncpg.UniqueViolationError):
        await tx.run(tell)


async def test_a_cancelled_caller_leaves_nothing_behind(pool: Pool) -> None:
    written = asyncio.Event()

    async def hang(conn: Connection) -> None:
        await conn.execute(_INSERT, "a")
        written.set()
        await asyncio.Event().wait()

    running = asyncio.ensure_future(_transactions(pool).run(hang))
    await written.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await pool.fetchval(_IDS) is None


async def test_a_deadlock_runs_the_whole_function_again(pool: Pool) -> None:
    await pool.execute("INSERT INTO inbox_revisions VALUES ('a', 't', 0), ('b', 't', 0)")
    both_hold_one = asyncio.Barrier(2)
    runs: list[str] = []

    async def take(conn: Connection, first: str, second: str) -> None:
        runs.append(first)
        for key in (first, second):
            sql = "UPDATE inbox_revisions SET revision = revision + 1 WHERE object_key = $1"
            await conn.execute(sql, key)
            if key == first and len(runs) <= 2:
                await both_hold_one.wait()

    transactions = _transactions(pool)
    await asyncio.gather(
        transactions.run(lambda conn: take(conn, "a", "b")),
        transactions.run(lambda conn: take(conn, "b", "a")),
    )
    assert len(runs) == 3
    assert await pool.fetchval("SELECT array_agg(revision) FROM inbox_revisions") == [2, 2]


async def test_a_statement_called_the_wrong_way_is_not_tried_again(pool: Pool) -> None:
    runs = 0

    async def wrong(conn: Connection) -> None:
        nonlocal runs
        runs += 1
        await conn.execute("SELECT $1::text, $2::text", "one")

    with pytest.raises(MisusedConnectionError, match="2 arguments"):
        await _transactions(pool).run(wrong)
    assert runs == 1


async def test_a_transaction_that_takes_too_long_is_unavailable(pool: Pool) -> None:
    async def slow(conn: Connection) -> None:
        await conn.execute("SELECT pg_sleep(5)")

    with pytest.raises(Unavailable) as refused:
        await _transactions(pool).run(slow, timeout=0.1)
    assert refused.value.reason == "DATABASE_UNAVAILABLE"


async def test_contention_without_an_end_is_aborted_when_its_time_is_over(pool: Pool) -> None:
    clock = SkippingClock()
    runs: list[float] = []

    async def lose(_conn: Connection) -> None:
        runs.append(clock.slept)
        raise asyncpg.SerializationError("could not serialize access")

    with pytest.raises(Aborted) as refused:
        await _transactions(pool, clock=clock).run(lose, timeout=30.0)
    assert refused.value.reason == "CONTENTION"
    assert len(runs) > 10
    assert 28.0 < clock.slept < 30.0


async def test_transactions_survive_a_killed_server(pool: Pool, postgres: PostgresServer) -> None:
    """Every acknowledged row stands, and no caller sees the restart."""
    transactions = _transactions(pool)
    acknowledged: list[str] = []
    a_third = asyncio.Event()

    async def insert(id_: str) -> None:
        sql = _INSERT + " ON CONFLICT DO NOTHING"
        await transactions.run(lambda conn: conn.execute(sql, id_))

    async def write(lane: int) -> None:
        for number in range(30):
            id_ = f"{lane}-{number:02}"
            await insert(id_)
            acknowledged.append(id_)
            if len(acknowledged) == 40:
                a_third.set()

    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        for lane in range(4):
            group.create_task(write(lane))
        await a_third.wait()
        await postgres.kill()
        await postgres.start()
    assert await pool.fetchval(_IDS) == sorted(acknowledged)
    assert len(acknowledged) == 120


async def test_single_statements_say_unavailable_while_the_server_is_gone(
    pool: Pool, postgres: PostgresServer
) -> None:
    statements = Statements(pool)
    await statements.fetch("SELECT 1")
    await postgres.kill()
    with pytest.raises(Unavailable):
        await statements.fetch("SELECT 1")


async def test_the_pool_waits_for_a_server_that_is_not_up_yet(
    migrated: Migrated, pool: Pool, postgres: PostgresServer
) -> None:
    await postgres.kill()
    clock = TellingClock()
    opening = asyncio.ensure_future(
        open_pool(migrated.service, application_name="early", min_size=1, clock=clock)
    )
    async with asyncio.timeout(10):
        await clock.sleeps.wait()
        assert not opening.done()
        await postgres.start()
        opened = await opening
    assert await opened.fetchval("SELECT current_setting('application_name')") == "early"
    await opened.close()


async def test_jsonb_comes_and_goes_as_values(pool: Pool) -> None:
    value = {"a": [1, None, "é"], "b": {"c": True}}
    assert await pool.fetchval("SELECT $1::jsonb", value) == value


async def test_what_is_appended_wakes_after_the_commit_and_a_rollback_wakes_nobody(
    pool: Pool,
) -> None:
    wakeups = Wakeups()

    async def append(conn: Connection, *, fail: bool) -> None:
        await outbox.append(conn, [fact(1)])
        if fail:
            raise LookupError

    transactions = _transactions(pool, wakeups)
    with pytest.raises(LookupError):
        await transactions.run(lambda conn: append(conn, fail=True))
    assert wakeups.seen("outbox:subscription") == 0
    await transactions.run(lambda conn: append(conn, fail=False))
    assert wakeups.seen("outbox:subscription") == 1


async def test_a_single_statement_wakes_once_it_stands_and_one_that_fails_wakes_nobody(
    pool: Pool,
) -> None:
    wakeups = Wakeups()

    async def append(conn: Connection, *, fail: bool) -> bool:
        if fail:
            after_commit("single")
            raise LookupError
        await outbox.append(conn, [fact(1)])
        return conn.is_in_transaction()

    transactions = _transactions(pool, wakeups)
    with pytest.raises(LookupError):
        await transactions.single(lambda conn: append(conn, fail=True))
    assert wakeups.seen("single") == 0
    assert not await transactions.single(lambda conn: append(conn, fail=False))
    assert wakeups.seen("outbox:subscription") == 1
    assert await pool.fetchval("SELECT count(*) FROM outbox") == 1


async def test_a_single_statement_is_sent_again_after_its_connection_was_lost(pool: Pool) -> None:
    runs = 0

    async def die_once(conn: Connection) -> int:
        nonlocal runs
        runs += 1
        if runs == 1:
            await conn.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        found: int = await conn.fetchval("SELECT 7")
        return found

    assert await _transactions(pool).single(die_once) == 7
    assert runs == 2


async def test_a_single_statement_called_the_wrong_way_is_not_tried_again(pool: Pool) -> None:
    with pytest.raises(MisusedConnectionError, match="2 arguments"):
        await _transactions(pool).single(
            lambda conn: conn.execute("SELECT $1::text, $2::text", "one")
        )
