"""What every store of catalogs does, in memory and on PostgreSQL."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.chassis.db import PgTransactions, open_pool
from services.chassis.migrate import migrate
from services.pricing import convert, usecases
from services.pricing.catalog_file import parse_catalog
from services.pricing.domain import Catalog
from services.pricing.errors import CatalogRejected
from services.pricing.store import CardCache, PgStore, QuoteCodec, VersionCache
from services.pricing.usecases import PricingTransactions
from tests.fakes.pricing import MemoryPricingTransactions
from tests.integration.postgres_fixture import Database

MIGRATIONS = Path("services/pricing/migrations")

TEXT = """\
catalog: pools
plans:
  zebra:
    name: Zebra
    prices: [{currency: eur, interval: month, amount: "9.00", stripe_price: price_zebra}]
    provisions: {kind: organization, quota: {cpu: 8, memory: 24Gi}}
    on_unpaid: delete
    on_end: delete
  ant: {name: Ant, provisions: {kind: nothing}, on_unpaid: delete, on_end: delete}
"""


def catalog(text: str = TEXT) -> Catalog:
    return parse_catalog(text, "pools.yaml")


NEWER = TEXT.replace("cpu: 8", "cpu: 16")


@pytest.fixture
async def on_postgres(database: Database) -> AsyncIterator[PricingTransactions]:
    dsns = await database.service("pricing")
    await migrate(dsns.owner, "pricing", [MIGRATIONS])
    pool = await open_pool(dsns.service, application_name="test", max_size=4)
    # A cache of one: what is read back comes from the rows.
    codec = QuoteCodec(convert.encode_quote, convert.decode_quote)
    yield PgTransactions(
        pool, lambda connection: PgStore(connection, VersionCache(most=1), CardCache(), codec)
    )
    await pool.close()


@pytest.fixture(params=["memory", "postgres"])
def tx(request: pytest.FixtureRequest) -> PricingTransactions:
    if request.param == "memory":
        return MemoryPricingTransactions()
    transactions: PricingTransactions = request.getfixturevalue("on_postgres")
    return transactions


async def test_an_activated_catalog_is_in_force_with_its_plans_in_order(
    tx: PricingTransactions,
) -> None:
    assert await usecases.activate(tx, catalog(), edited=False)
    (active,) = await usecases.list_catalogs(tx)
    assert active.catalog == catalog()
    assert list(active.catalog.plans) == ["zebra", "ant"]
    assert active.error == ""


async def test_activating_the_same_version_again_changes_nothing(tx: PricingTransactions) -> None:
    await usecases.activate(tx, catalog(), edited=False)
    (before,) = await usecases.list_catalogs(tx)
    assert not await usecases.activate(tx, catalog(), edited=True)
    (after,) = await usecases.list_catalogs(tx)
    assert after == before


async def test_an_old_version_stays_readable_when_a_newer_one_is_in_force(
    tx: PricingTransactions,
) -> None:
    await usecases.activate(tx, catalog(), edited=False)
    await usecases.activate(tx, catalog(NEWER), edited=True)
    old, _ = await usecases.get_plan(tx, "pools/zebra", catalog().version)
    new, _ = await usecases.get_plan(tx, "pools/zebra", "")
    assert (old, new) == (catalog(), catalog(NEWER))


async def test_a_price_resolves_to_the_newest_version_that_knows_it(
    tx: PricingTransactions,
) -> None:
    await usecases.activate(tx, catalog(), edited=False)
    await usecases.activate(tx, catalog(NEWER), edited=True)
    known, unknown = await usecases.resolve_prices(tx, "stripe", ["price_zebra", "price_nope"])
    assert known.found is not None
    assert known.found[0].version == catalog(NEWER).version
    assert unknown.found is None
    (other_provider,) = await usecases.resolve_prices(tx, "whmcs", ["price_zebra"])
    assert other_provider.found is None


async def test_a_price_of_a_version_that_was_put_back_resolves_to_it(
    tx: PricingTransactions,
) -> None:
    await usecases.activate(tx, catalog(), edited=False)
    renamed = catalog(NEWER.replace("zebra:", "okapi:"))
    await usecases.activate(tx, renamed, edited=True)
    await usecases.activate(tx, catalog(), edited=True)
    (again,) = await usecases.resolve_prices(tx, "stripe", ["price_zebra"])
    assert again.found is not None
    assert again.found[0].version == catalog().version
    # What only the newer one sold goes on by it.
    gone = catalog(TEXT.replace("price_zebra", "price_okapi"))
    await usecases.activate(tx, gone, edited=True)
    (newest,) = await usecases.resolve_prices(tx, "stripe", ["price_zebra"])
    assert newest.found is not None
    assert newest.found[0].version == renamed.version


async def test_a_refused_activation_leaves_nothing_behind(tx: PricingTransactions) -> None:
    await usecases.activate(tx, catalog(), edited=False)
    thief = catalog(TEXT.replace("catalog: pools", "catalog: thief"))
    with pytest.raises(CatalogRejected):
        await usecases.activate(tx, thief, edited=False)
    assert [entry.catalog.name for entry in await usecases.list_catalogs(tx)] == ["pools"]


async def test_an_error_of_the_source_is_kept_until_a_good_version_comes(
    tx: PricingTransactions,
) -> None:
    await usecases.activate(tx, catalog(), edited=False)
    assert await usecases.note_bad_source(tx, "pools", "line 3")
    assert not await usecases.note_bad_source(tx, "unknown", "line 3")
    assert [entry.error for entry in await usecases.list_catalogs(tx)] == ["line 3"]
    await usecases.activate(tx, catalog(NEWER), edited=True)
    assert [entry.error for entry in await usecases.list_catalogs(tx)] == [""]


async def test_what_is_left_out_of_a_source_is_said_until_the_source_is_whole(
    tx: PricingTransactions,
) -> None:
    await usecases.activate(tx, catalog(), edited=False, left_out="ant is bad")
    await usecases.activate(tx, catalog(), edited=False, left_out="ant is worse")
    (partly,) = await usecases.list_catalogs(tx)
    assert (partly.catalog, partly.error) == (catalog(), "ant is worse")
    await usecases.activate(tx, catalog(), edited=False)
    (whole,) = await usecases.list_catalogs(tx)
    assert (whole.error, whole.activate_time) == ("", partly.activate_time)


async def test_a_price_of_another_provider_is_found_by_that_providers_name(
    tx: PricingTransactions,
) -> None:
    text = TEXT.replace(
        "stripe_price: price_zebra", "provider_prices: {whmcs: Zebra, stripe: price_zebra}"
    )
    await usecases.activate(tx, catalog(text), edited=False)
    for provider, name in (("whmcs", "Zebra"), ("stripe", "price_zebra")):
        (found,) = await usecases.resolve_prices(tx, provider, [name])
        assert found.found is not None
        assert found.found[1].subject.id == "zebra"
    (other,) = await usecases.resolve_prices(tx, "stripe", ["Zebra"])
    assert other.found is None
