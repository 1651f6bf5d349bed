"""Rule 7: orders of an account are numbered and told under its lock, whoever gives them."""

import asyncio

from services.chassis.db import Pool
from services.subscription import usecases
from services.subscription.auditing import Actor
from tests.fakes.subscription_world import World, checkout, seen

EVE = Actor("eve")


async def test_facts_and_a_raised_epoch_at_once_number_an_accounts_orders_without_a_gap(
    world: World, pool: Pool
) -> None:
    # The facts of one customer wait for each other before the account; an operator does not.
    await world.give(checkout("cs_1", sub="sub_1"))

    async def raise_epoch() -> None:
        await usecases.raise_epoch(world.tx, EVE, "restored")
        await usecases.resend_behind(world.tx, EVE)

    async with asyncio.TaskGroup() as group:
        for revision in range(1, 17):
            price = "price_a" if revision % 2 else "price_b"
            group.create_task(world.give(seen(price=price), revision=revision))
            group.create_task(raise_epoch())
    rows = await pool.fetch("SELECT revision FROM outbox ORDER BY seq")
    generations = [row["revision"] for row in rows]
    assert generations == list(range(1, len(generations) + 1))
    assert (await world.order()).generation == generations[-1]
