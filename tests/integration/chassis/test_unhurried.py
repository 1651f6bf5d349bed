"""Which statements do not wait for the disk; nothing else stops waiting because of them."""

from collections.abc import AsyncIterator

import pytest

from services.chassis import db, outbox, queue
from services.chassis.db import Pool, open_pool
from services.chassis.outbox import PgOutbox
from services.chassis.queue import PgQueue
from tests.integration.chassis_pool import Migrated

_FACT = """
INSERT INTO outbox (destination, fact_id, fact_key, revision, type, payload, traceparent)
VALUES ('pricing', 'fct_1', 'acc_1', 1, 't', 'x', '') RETURNING seq
"""
_KEY = """
INSERT INTO reconcile_queue (queue, key, priority, due_at)
VALUES ('tenants', 'ten_1', 0, now()) RETURNING generation
"""
_WAITS = "SELECT current_setting('synchronous_commit')"


@pytest.fixture
async def one_connection(pool: Pool, migrated: Migrated) -> AsyncIterator[Pool]:
    """A pool in which everybody has the same connection; ``pool`` has emptied the tables."""
    async with await open_pool(
        migrated.service, application_name="test", min_size=1, max_size=1
    ) as only:
        yield only


async def _waits_after(pool: Pool, sql: str, *args: object) -> tuple[str, str]:
    """Return whether the commit of this statement waits for the disk, and that of the next."""
    async with pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        rows = await connection.fetch(sql, *args)
        assert rows, "a statement without rows writes nothing"
        own = await connection.fetchval(_WAITS)
        await transaction.commit()
        return own, await connection.fetchval(_WAITS)


async def test_the_lease_of_a_fact_and_its_removal_do_not_wait_and_what_comes_next_does(
    pool: Pool,
) -> None:
    seq = await pool.fetchval(_FACT)
    claim = await _waits_after(pool, outbox.CLAIM, "pricing", "", 64, 10.0, 3)
    removal = f"DELETE FROM outbox WHERE seq = $1 RETURNING {db.UNHURRIED}"  # noqa: S608
    assert claim == ("off", "on")
    assert await _waits_after(pool, removal, seq) == ("off", "on")


async def test_who_holds_a_key_is_on_the_disk_before_the_run_begins(pool: Pool) -> None:
    await pool.fetchval(_KEY)
    claim = await _waits_after(pool, queue.CLAIM, "tenants", 8, 10.0, list(range(9, -1, -1)))
    assert claim == ("on", "on")


async def test_loops_leave_the_setting_of_their_connections_as_it_was(
    one_connection: Pool,
) -> None:
    pool = one_connection
    await pool.fetchval(_FACT)
    await pool.fetchval(_KEY)
    facts, keys = PgOutbox(pool), PgQueue(pool)
    claimed = await facts.claim("pricing", "", 64, 10.0)
    await facts.accepted(claimed)
    (key,) = await keys.claim("tenants", 8, 10.0)
    assert await keys.finish("tenants", key)
    assert await pool.fetchval(_WAITS) == "on"
    assert await pool.fetchval("SELECT count(*) FROM outbox") == 0
    assert await pool.fetchval("SELECT count(*) FROM reconcile_queue") == 0
