"""What pricing answers, on the store in memory."""

from dataclasses import replace

import pytest

from services.chassis.errors import InvalidArgument
from services.pricing import capacity, usecases
from services.pricing.catalog_file import parse_catalog
from services.pricing.domain import Catalog
from services.pricing.errors import (
    AddonDoesNotFit,
    CatalogRejected,
    UnknownAddon,
    UnknownCatalog,
    UnknownCatalogVersion,
    UnknownPlan,
)
from services.pricing.usecases import ItemQuery
from tests.fakes.pricing import MemoryPricingTransactions

POOLS = """\
catalog: pools
foreign_checkout: create_account
plans:
  big:
    name: Big
    prices: [{currency: eur, interval: month, amount: "9.00", stripe_price: price_big}]
    provisions: {kind: organization, quota: {cpu: 8, memory: 24Gi}}
    on_unpaid: delete
    on_end: delete
  hidden:
    name: Hidden
    self_service: false
    provisions: {kind: nothing}
    on_unpaid: delete
    on_end: delete
addons:
  turbo:
    name: Turbo
    prices: [{currency: eur, interval: month, amount: "1.00", stripe_price: price_turbo}]
    adds: {cpu: 2}
"""


def catalog(text: str = POOLS) -> Catalog:
    return parse_catalog(text, "pools.yaml")


@pytest.fixture
async def tx() -> MemoryPricingTransactions:
    transactions = MemoryPricingTransactions()
    assert await usecases.activate(transactions, catalog(), edited=False)
    return transactions


async def test_plans_come_in_catalog_order_and_hidden_ones_only_when_asked_for(
    tx: MemoryPricingTransactions,
) -> None:
    shown = await usecases.list_plans(tx, ItemQuery("pools", include_hidden=False))
    everything = await usecases.list_plans(tx, ItemQuery("", include_hidden=True))
    assert [plan.id for _, plan in shown] == ["big"]
    assert [plan.id for _, plan in everything] == ["big", "hidden"]


async def test_an_unknown_catalog_is_refused_and_the_known_ones_are_named(
    tx: MemoryPricingTransactions,
) -> None:
    with pytest.raises(UnknownCatalog, match="pools"):
        await usecases.list_plans(tx, ItemQuery("nope", include_hidden=False))


async def test_prices_resolve_to_what_they_sell_and_unknown_ones_to_nothing(
    tx: MemoryPricingTransactions,
) -> None:
    big, turbo, unknown = await usecases.resolve_prices(
        tx, "stripe", ["price_big", "price_turbo", "price_x"]
    )
    assert big.found is not None
    assert turbo.found is not None
    assert big.found[1].subject.id == "big"
    assert turbo.found[1].subject.id == "turbo"
    assert unknown.found is None


async def test_a_price_of_an_old_version_still_resolves(tx: MemoryPricingTransactions) -> None:
    newer = catalog(POOLS.replace("price_big", "price_big_2"))
    await usecases.activate(tx, newer, edited=True)
    (old,) = await usecases.resolve_prices(tx, "stripe", ["price_big"])
    assert old.found is not None
    assert old.found[0].version == catalog().version


async def test_no_prices_and_too_many_are_refused(tx: MemoryPricingTransactions) -> None:
    for prices in ([], ["p"] * 101):
        with pytest.raises(InvalidArgument) as refusal:
            await usecases.resolve_prices(tx, "stripe", prices)
        assert [bad.field for bad in refusal.value.fields] == ["prices"]


async def test_a_plan_with_addons_expands_to_its_capacity(tx: MemoryPricingTransactions) -> None:
    expansion = await usecases.expand_capacity(tx, "pools/big", "", [("pools/turbo", 3)])
    assert isinstance(expansion.capacity, capacity.Organization)
    assert expansion.capacity.quota == {"cpu": "14", "memory": "24Gi"}


async def test_every_bad_addon_is_named_at_once(tx: MemoryPricingTransactions) -> None:
    addons = [("pools/turbo", 0), ("other/turbo", 1), ("pools/turbo", 1)]
    with pytest.raises(InvalidArgument) as refusal:
        await usecases.expand_capacity(tx, "pools/big", "", addons)
    assert [bad.field for bad in refusal.value.fields] == [
        "addons[0].quantity",
        "addons[1].addon",
        "addons[2].addon",
    ]


async def test_what_does_not_exist_is_said_with_what_does(tx: MemoryPricingTransactions) -> None:
    with pytest.raises(UnknownPlan, match="big, hidden"):
        await usecases.get_plan(tx, "pools/small", "")
    with pytest.raises(UnknownAddon, match="pools/turbo"):
        await usecases.expand_capacity(tx, "pools/big", "", [("pools/warp", 1)])
    with pytest.raises(UnknownCatalogVersion):
        await usecases.get_plan(tx, "pools/big", "0" * 64)
    with pytest.raises(InvalidArgument, match="<catalog>/<plan>"):
        await usecases.get_plan(tx, "big", "")


async def test_an_addon_does_not_fit_a_plan_without_quota(tx: MemoryPricingTransactions) -> None:
    with pytest.raises(AddonDoesNotFit):
        await usecases.expand_capacity(tx, "pools/hidden", "", [("pools/turbo", 1)])


async def test_capacity_follows_the_newest_version_unless_the_plan_is_pinned(
    tx: MemoryPricingTransactions,
) -> None:
    sold_at = catalog().version
    await usecases.activate(tx, catalog(POOLS.replace("cpu: 8", "cpu: 10")), edited=True)
    followed = await usecases.expand_capacity(tx, "pools/big", sold_at, [])
    assert isinstance(followed.capacity, capacity.Organization)
    assert followed.capacity.quota["cpu"] == "10"
    assert followed.active_version == followed.catalog.version != sold_at

    pinned = catalog(POOLS.replace("name: Big\n", "name: Big\n    pin: true\n"))
    await usecases.activate(tx, pinned, edited=True)
    grown = catalog(pinned_text().replace("cpu: 8", "cpu: 99"))
    await usecases.activate(tx, grown, edited=True)
    kept = await usecases.expand_capacity(tx, "pools/big", pinned.version, [])
    assert isinstance(kept.capacity, capacity.Organization)
    assert kept.capacity.quota["cpu"] == "8"
    assert (kept.catalog.version, kept.active_version) == (pinned.version, grown.version)


def pinned_text() -> str:
    return POOLS.replace("name: Big\n", "name: Big\n    pin: true\n")


async def test_a_replica_that_still_reads_the_old_file_does_not_undo_the_new_version(
    tx: MemoryPricingTransactions,
) -> None:
    newer = catalog(POOLS.replace("cpu: 8", "cpu: 10"))
    await usecases.activate(tx, newer, edited=True)
    assert not await usecases.activate(tx, catalog(), edited=False)
    (active,) = await usecases.list_catalogs(tx)
    assert active.catalog.version == newer.version


async def test_an_edit_back_to_an_old_version_puts_it_in_force_again(
    tx: MemoryPricingTransactions,
) -> None:
    await usecases.activate(tx, catalog(POOLS.replace("cpu: 8", "cpu: 10")), edited=True)
    assert await usecases.activate(tx, catalog(), edited=True)
    (active,) = await usecases.list_catalogs(tx)
    assert active.catalog.version == catalog().version


async def test_two_catalogs_cannot_sell_the_same_price(tx: MemoryPricingTransactions) -> None:
    with pytest.raises(CatalogRejected, match="price_big is sold by catalog pools"):
        await usecases.activate(tx, catalog(POOLS.replace(": pools", ": pond")), edited=False)


async def test_a_bad_source_is_noted_and_the_last_good_version_stays(
    tx: MemoryPricingTransactions,
) -> None:
    assert await usecases.note_bad_source(tx, "pools", "pools.yaml:3: plans: nonsense")
    (active,) = await usecases.list_catalogs(tx)
    assert active.error == "pools.yaml:3: plans: nonsense"
    assert replace(active.catalog) == catalog()
    assert not await usecases.note_bad_source(tx, "unknown", "x")
