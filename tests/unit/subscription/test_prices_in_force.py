"""What prices stand for is asked once for each version, and what is in force each time."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from services.subscription.incoming import Item
from services.subscription.offers import Appraisal
from services.subscription.ports import ResolvedPrice
from services.subscription.usecases import PricesInForce
from services.subscription.usecases.appraising import AskedOnce, appraise
from tests.fakes.subscription_pricing import PROVIDER, Catalog, Sold
from tests.fakes.subscription_world import USD, namespace

ITEMS = (Item("price_a", 1, USD),)


class Counted(Catalog):
    """A catalog that counts how often it is asked what prices stand for."""

    asked = 0

    async def resolve_prices(self, provider: str, prices: Sequence[str]) -> Sequence[ResolvedPrice]:
        """Count, and say."""
        self.asked += 1
        return await super().resolve_prices(provider, prices)


@pytest.fixture
def catalog() -> Counted:
    return Counted(price_a=Sold())


async def plan_of(catalog: Catalog, known: PricesInForce) -> tuple[str, str, bytes]:
    found = (await appraise(AskedOnce(catalog, known), PROVIDER, ITEMS)).offer
    assert found is not None
    return found.plan, found.catalog_version, found.capacity.body


async def test_a_price_is_asked_for_once_while_its_version_is_in_force(catalog: Counted) -> None:
    known = PricesInForce()
    first = await plan_of(catalog, known)
    assert first == ("shop/basic", "v1", namespace(10).body)
    assert await plan_of(catalog, known) == first
    assert catalog.asked == 1


async def test_a_new_version_is_asked_what_its_prices_stand_for(catalog: Counted) -> None:
    known = PricesInForce()
    await plan_of(catalog, known)
    catalog.version = "v2"
    catalog.sold["price_a"] = Sold(plan="shop/large", capacity=namespace(20))
    catalog.unpriced["shop/basic"] = Sold()
    assert await plan_of(catalog, known) == ("shop/large", "v2", namespace(20).body)
    assert catalog.asked == 2


async def test_what_a_plan_gives_is_asked_anew_each_time(catalog: Counted) -> None:
    known = PricesInForce()
    await plan_of(catalog, known)
    catalog.sold["price_a"] = Sold(capacity=namespace(30))
    assert (await plan_of(catalog, known))[2] == namespace(30).body


async def test_a_price_that_only_an_older_version_sells_is_asked_for_each_time(
    catalog: Counted,
) -> None:
    known = PricesInForce()
    old = replace((await catalog.resolve_prices(PROVIDER, ["price_a"]))[0], catalog_version="v0")
    known.keep(PROVIDER, [old], "v1")
    assert known.of(PROVIDER, ["price_a"]) == ()


async def test_a_price_that_nobody_knows_is_not_remembered(catalog: Counted) -> None:
    known, unknown = PricesInForce(), (Item("price_x", 1, USD),)
    for _ in range(2):
        found = await appraise(AskedOnce(catalog, known), PROVIDER, unknown)
        assert found == Appraisal(problem="UNKNOWN_PRICE", unknown_prices=("price_x",))
    assert catalog.asked == 2
    catalog.sold["price_x"] = Sold()
    assert (await appraise(AskedOnce(catalog, known), PROVIDER, unknown)).offer is not None
