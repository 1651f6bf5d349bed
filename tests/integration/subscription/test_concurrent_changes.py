"""Changes of one subscription at the same time, on PostgreSQL."""

import asyncio
from dataclasses import replace

import pytest

from services.chassis.errors import Aborted
from services.subscription.domain import Subscription
from services.subscription.incoming import Item, Payer
from services.subscription.offers import AddonQuantity
from services.subscription.purchasing import UpdateRequest
from services.subscription.usecases import update_subscription
from tests.fakes.subscription_pricing import Catalog
from tests.fakes.subscription_world import World, checkout, customer, seen
from tests.unit.subscription.people import BOSS, update
from tests.unit.subscription.test_changing import pools

ITEMS = (Item("price_large", 1), Item("price_more", 1))


@pytest.fixture
def catalogs() -> Catalog:
    return pools()


async def _hold(world: World) -> Subscription:
    payer = Payer(customer("cus_1"), identity=(("organization", "acme"),))
    await world.give(replace(checkout("cs_1", sub="sub_1"), payer=payer, items=ITEMS))
    await world.give(replace(seen(), payer=payer, items=ITEMS), revision=1)
    [sub] = await world.subscriptions()
    return sub


async def _until_made(world: World, request: UpdateRequest) -> None:
    """Ask with the same key until it is made, as whoever is told that it is under way."""
    while True:
        try:
            await update_subscription(world.desk, BOSS, request)
        except Aborted as refusal:
            if refusal.reason not in ("REQUEST_IN_PROGRESS", "CONTENTION"):
                raise
        else:
            return


async def test_units_that_several_add_at_once_are_all_billed(world: World) -> None:
    sub = await _hold(world)
    wishes = [update(sub.name, units=(("dc/more", 1),), key=f"k{one}") for one in range(3)]
    await asyncio.gather(*(_until_made(world, wish) for wish in wishes for _ in range(2)))
    told, _ = world.shop.states["sub_1"]
    assert told.items == (Item("price_large", 1), Item("price_more", 4))
    assert len(world.shop.changes) == 3


async def test_of_a_plan_and_an_add_on_changed_at_once_neither_is_lost(world: World) -> None:
    sub = await _hold(world)
    world.cluster.used["acme"] = {"cpu": "1"}
    more = update(sub.name, units=(("dc/more", 1),), key="k1")
    smaller = update(sub.name, "dc/small", key="k2")
    await asyncio.gather(_until_made(world, more), _until_made(world, smaller))
    told, revision = world.shop.states["sub_1"]
    await world.give(told, revision)
    [held] = await world.subscriptions()
    assert (held.offer.plan, held.offer.addons) == ("dc/small", (AddonQuantity("dc/more", 2),))
