"""The pool: what is given back at once, and what is looked after first."""

import asyncio

import asyncpg
import pytest

from services.chassis.db import Pool, open_pool
from services.chassis.pool import DirectPool
from tests.integration.chassis_pool import Migrated

_WHO = "SELECT pg_backend_pid()"
_SETTINGS = "SELECT setting FROM pg_settings WHERE name = ANY($1) ORDER BY name"


async def test_a_connection_is_free_again_in_the_turn_in_which_it_is_given_back(pool: Pool) -> None:
    assert isinstance(pool, DirectPool)
    held = await pool.acquire()
    first = await held.fetchval(_WHO)
    tasks = asyncio.all_tasks()
    await pool.release(held)
    assert asyncio.all_tasks() == tasks
    assert await pool.fetchval(_WHO) == first
    with pytest.raises(asyncpg.InterfaceError, match="released back to the pool"):
        await held.fetchval(_WHO)


async def test_giving_back_twice_gives_back_once(pool: Pool) -> None:
    held = await pool.acquire()
    await pool.release(held)
    await pool.release(held)
    both = await pool.acquire(), await pool.acquire()
    assert len({await one.fetchval(_WHO) for one in both}) == 2
    for one in both:
        await pool.release(one)


async def test_a_transaction_that_was_left_open_is_not_handed_on(pool: Pool) -> None:
    held = await pool.acquire()
    await held.execute("BEGIN")
    await held.execute("INSERT INTO inbox_facts (source, fact_id, type) VALUES ('t', 'left', 't')")
    await pool.release(held)
    assert await pool.fetchval("SELECT count(*) FROM inbox_facts") == 0


async def test_a_statement_that_is_cancelled_leaves_a_pool_that_serves(migrated: Migrated) -> None:
    pool = await open_pool(migrated.service, application_name="test", min_size=1, max_size=1)
    try:
        for _ in range(3):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await pool.fetchval("SELECT pg_sleep(30)")
        async with asyncio.timeout(20):
            assert await pool.fetchval("SELECT 1") == 1
    finally:
        await pool.close()


async def test_connections_that_were_expired_are_not_used_again(pool: Pool) -> None:
    held = await pool.acquire()
    old = await held.fetchval(_WHO)
    await pool.expire_connections()
    await pool.release(held)
    assert await pool.fetchval(_WHO) != old


async def test_a_killed_connection_is_replaced(pool: Pool) -> None:
    held = await pool.acquire()
    old = await held.fetchval(_WHO)
    with pytest.raises(asyncpg.PostgresConnectionError):
        await held.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    await pool.release(held)
    assert await pool.fetchval(_WHO) != old


async def test_statements_are_planned_once_and_by_their_indexes(pool: Pool) -> None:
    rows = await pool.fetch(_SETTINGS, ["enable_seqscan", "jit", "plan_cache_mode"])
    assert [row["setting"] for row in rows] == ["off", "off", "force_generic_plan"]
