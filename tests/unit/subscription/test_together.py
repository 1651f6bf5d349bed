"""Facts of one purchase that came together are taken in one transaction, to the same end."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations

import pytest

from services.chassis.errors import Unavailable
from services.subscription.domain import Phase, State
from services.subscription.incoming import ProviderStatus
from services.subscription.offers import AddonQuantity
from services.subscription.ports import Expansion, ResolvedPrice
from services.subscription.usecases import PurchaseFact
from tests.fakes.subscription_world import (
    START,
    Catalog,
    World,
    catalog,
    checkout,
    memory_world,
    seen,
)
from tests.fakes.subscription_world import invoice as paid

FACTS: tuple[PurchaseFact, ...] = (checkout("cs_1", sub="sub_1"), paid("in_1"), seen())


async def _ending(world: World) -> tuple[object, ...]:
    """What a purchase came to; names and numbers of orders may differ."""
    (subscription,) = await world.subscriptions()
    (purchase,) = await world.purchases()
    order = await world.order()
    return (
        replace(subscription, name="", account="", create_time=START, update_time=START),
        (purchase.status, purchase.reason, purchase.subscription == subscription.name),
        (order.phase, order.plan, order.capacity),
        await world.waiting(),
    )


@pytest.mark.parametrize("order", list(permutations(FACTS)))
async def test_taken_together_or_one_by_one_a_purchase_comes_to_the_same(
    order: Sequence[PurchaseFact],
) -> None:
    together, alone = memory_world(), memory_world()
    await together.give_together(*order)
    for fact in FACTS:
        await alone.give(fact, revision=1)
    assert await _ending(together) == await _ending(alone)


async def test_what_came_together_is_one_order() -> None:
    world = memory_world()
    await world.give_together(*FACTS)
    assert [(one.phase, one.generation) for one in await world.orders(await world.owner())] == [
        (Phase.RUNNING, 1)
    ]


async def test_taken_together_twice_counts_once() -> None:
    world = memory_world()
    await world.give_together(*FACTS)
    before = await _ending(world), await world.order()
    await world.give_together(*FACTS)
    assert (await _ending(world), await world.order()) == before


async def test_of_what_came_together_the_part_that_is_known_counts_once_and_the_rest_does() -> None:
    world = memory_world()
    await world.give(FACTS[0])
    await world.give_together(*FACTS, FACTS[1])
    alone = memory_world()
    for fact in FACTS:
        await alone.give(fact, revision=1)
    assert await _ending(world) == await _ending(alone)


@pytest.mark.parametrize("revisions", [(1, 2), (2, 1)])
async def test_of_two_snapshots_that_came_together_the_later_one_stands(
    revisions: tuple[int, int],
) -> None:
    world = memory_world()
    await world.give_together(*FACTS)
    over, going = seen(status=ProviderStatus.CANCELED, ended=5), seen()
    later = {2: going, 3: over}
    await world.give_together(
        *(later[revision + 1] for revision in revisions),
        revisions=[revision + 1 for revision in revisions],
    )
    (subscription,) = await world.subscriptions()
    assert subscription.state is State.CANCELED
    assert (await world.order()).phase is not Phase.RUNNING


class Counted(Catalog):
    """A catalog that counts what it is asked, and may be away for one price."""

    def __init__(self) -> None:
        super().__init__(**catalog().sold)
        self.asked: list[str] = []
        self.away = ""

    async def resolve_prices(self, provider: str, prices: Sequence[str]) -> Sequence[ResolvedPrice]:
        self.asked.append(",".join(prices))
        if self.away in prices:
            raise Unavailable("pricing is away")
        return await super().resolve_prices(provider, prices)

    async def expand_capacity(
        self, plan: str, addons: Sequence[AddonQuantity], catalog_version: str
    ) -> Expansion:
        self.asked.append(plan)
        return await super().expand_capacity(plan, addons, catalog_version)


async def test_pricing_is_asked_once_for_what_came_together() -> None:
    pricing = Counted()
    await memory_world(pricing=pricing).give_together(*FACTS)
    assert len(pricing.asked) == len(set(pricing.asked)) == 2


async def test_a_fact_that_cannot_be_taken_now_takes_the_others_with_it() -> None:
    pricing = Counted()
    pricing.away = "price_b"
    world = memory_world(pricing=pricing)
    with pytest.raises(Unavailable):
        await world.give_together(FACTS[0], seen(price="price_b"))
    assert await world.purchases() == []
    assert await world.waiting() == []
