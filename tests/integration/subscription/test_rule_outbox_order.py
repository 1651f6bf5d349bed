"""Rule 7: orders of an account are numbered and told under its lock, whoever gives them."""

import asyncio
from dataclasses import replace

from services.chassis.db import Pool
from services.subscription import usecases
from services.subscription.auditing import Actor
from services.subscription.ports import Store
from services.subscription.usecases.settling import give_order
from tests.fakes.subscription_world import World, checkout, seen

EVE = Actor("eve")
_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"


async def until_somebody_waits(pool: Pool) -> None:
    async with asyncio.timeout(10):
        while not await pool.fetchval(_WAITING):  # noqa: ASYNC110 - the database tells nobody
            await asyncio.sleep(0.01)


async def test_a_fact_that_comes_while_an_order_is_given_is_numbered_after_it(
    world: World, pool: Pool
) -> None:
    await world.give(checkout("cs_1", sub="sub_1"))
    name = await world.owner()
    await usecases.raise_epoch(world.tx, EVE, "restored")
    facts: list[asyncio.Task[object]] = []

    async def give_again(store: Store) -> None:
        account = await store.lock_account(name)
        assert account is not None
        [order] = await store.orders(name)
        again = replace(order, epoch=await store.epoch(), generation=account.generation + 1)
        await give_order(store, again, EVE, "", None)
        facts.append(asyncio.create_task(world.give(seen(price="price_b"), revision=1)))
        await until_somebody_waits(pool)

    await world.tx.run(give_again)
    await asyncio.gather(*facts)
    rows = await pool.fetch("SELECT revision FROM outbox ORDER BY seq")
    assert [row["revision"] for row in rows] == [1, 2, 3]
    assert (await world.order()).generation == 3
