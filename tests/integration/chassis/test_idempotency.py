"""Idempotency keys: one effect, one answer, whoever asks again and however soon."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from services.chassis.db import Connection, PgTransactions, Pool
from services.chassis.errors import Aborted
from services.chassis.idempotency import IdempotencyConflict, Scope, once, purge

_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
SCOPE = Scope("acc_1", "user_1", "/tollgate.test.v1.Test/Create", "key-1")


class Shop:
    """Makes something once for each key."""

    def __init__(self, pool: Pool) -> None:
        def same(connection: Connection) -> Connection:
            return connection

        self.transactions = PgTransactions(pool, same)
        self.made = 0
        self.release = asyncio.Event()
        self.release.set()
        self.began = asyncio.Event()

    async def create(
        self,
        scope: Scope = SCOPE,
        content: bytes = b"hash",
        *,
        fail: bool = False,
        wait: float = 0.2,
    ) -> bytes:
        async def produce() -> bytes:
            self.began.set()
            await self.release.wait()
            if fail:
                raise LookupError
            self.made += 1
            return f"thing {self.made}".encode()

        return await self.transactions.run(
            lambda conn: once(conn, scope, content, produce, wait=wait)
        )


async def test_a_replay_gets_the_first_answer(pool: Pool) -> None:
    shop = Shop(pool)
    assert [await shop.create(), await shop.create()] == [b"thing 1", b"thing 1"]


async def test_the_same_key_with_other_content_is_refused(pool: Pool) -> None:
    shop = Shop(pool)
    await shop.create()
    with pytest.raises(IdempotencyConflict) as refused:
        await shop.create(content=b"other")
    assert refused.value.reason == "IDEMPOTENCY_KEY_REUSED"


@pytest.mark.parametrize("other", ["account", "actor", "rpc", "key"])
async def test_a_key_counts_within_its_scope_only(pool: Pool, other: str) -> None:
    shop = Shop(pool)
    await shop.create()
    elsewhere = replace(SCOPE, **{other: "another"})
    assert await shop.create(elsewhere, b"other") == b"thing 2"


async def test_no_key_is_a_new_operation(pool: Pool) -> None:
    shop = Shop(pool)
    scope = replace(SCOPE, key="")
    assert [await shop.create(scope), await shop.create(scope)] == [b"thing 1", b"thing 2"]


async def test_an_operation_that_failed_stores_no_answer(pool: Pool) -> None:
    shop = Shop(pool)
    with pytest.raises(LookupError):
        await shop.create(fail=True)
    assert await shop.create() == b"thing 1"


async def test_a_second_call_waits_for_the_first_and_gets_its_answer(pool: Pool) -> None:
    shop = Shop(pool)
    shop.release.clear()
    first = asyncio.ensure_future(shop.create())
    await shop.began.wait()
    second = asyncio.ensure_future(shop.create(wait=20))
    async with asyncio.timeout(20):
        while not (  # noqa: ASYNC110 - that it waits has no event
            second.done() or await pool.fetchval(_WAITING)
        ):
            await asyncio.sleep(0.005)
    shop.release.set()
    assert (await first, await second) == (b"thing 1", b"thing 1")


async def test_a_second_call_that_waited_long_enough_is_aborted(pool: Pool) -> None:
    shop = Shop(pool)
    shop.release.clear()
    first = asyncio.ensure_future(shop.create())
    await shop.began.wait()
    with pytest.raises(Aborted):
        await shop.create()
    shop.release.set()
    assert await first == b"thing 1"


async def test_waiting_for_a_key_changes_no_other_lock_timeout(pool: Pool) -> None:
    async def answer() -> bytes:
        return b""

    async with pool.acquire() as conn, conn.transaction():
        before = await conn.fetchval("SELECT current_setting('lock_timeout')")
        await once(conn, SCOPE, b"hash", answer)
        assert await conn.fetchval("SELECT current_setting('lock_timeout')") == before


async def test_old_answers_are_forgotten_and_young_ones_kept(pool: Pool) -> None:
    shop = Shop(pool)
    await shop.create()
    await pool.execute("UPDATE idempotency SET created_at = now() - interval '31 days'")
    await shop.create(replace(SCOPE, key="young"))
    async with pool.acquire() as conn:
        assert await purge(conn) == 1
        assert await purge(conn, older_than=timedelta(days=1)) == 0
    assert await pool.fetchval("SELECT array_agg(key) FROM idempotency") == ["young"]


async def test_an_answer_is_kept_for_thirty_days(pool: Pool) -> None:
    shop = Shop(pool)
    await shop.create()
    async with pool.acquire() as conn:
        for days, forgotten in ((29, 0), (31, 1)):
            await conn.execute(
                "UPDATE idempotency SET created_at = now() - make_interval(days => $1)", days
            )
            assert await purge(conn) == forgotten
