"""Rule 27: what is in force is asked of the database each time, whatever a replica has kept."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from services.chassis.db import PgTransactions, open_pool
from services.chassis.migrate import migrate
from services.chassis.sharing import SharedRead
from services.pricing import convert, usecases
from services.pricing.catalog_file import parse_catalog
from services.pricing.costing import DeploymentRequest, ResourceRequest
from services.pricing.ports import PricingTransactions
from services.pricing.ratecard_file import parse_rate_card
from services.pricing.store import CardCache, PgStore, QuoteCodec, VersionCache
from services.pricing.usecases import Asker, PriceDesk
from tests.integration.postgres_fixture import Database

MIGRATIONS = Path("services/pricing/migrations")
RATES = Path("deploy/rates/default.yaml").read_text()
DEARER = RATES.replace('"0.048"', '"0.480"')
POOLS = """\
catalog: pools
plans:
  ant: {name: Ant, provisions: {kind: nothing}, on_unpaid: delete, on_end: delete}
"""
RENAMED = POOLS.replace("name: Ant", "name: Bee")
SMALL = DeploymentRequest([ResourceRequest("wordpress", "1", "1", "1")])

Replicas = tuple[PricingTransactions, PricingTransactions]


@pytest.fixture
async def replicas(database: Database) -> AsyncIterator[Replicas]:
    """Two processes on one database, each with caches of its own that live as long as it does."""
    dsns = await database.service("pricing")
    await migrate(dsns.owner, "pricing", [MIGRATIONS])
    pool = await open_pool(dsns.service, application_name="test", max_size=4)
    codec = QuoteCodec(convert.encode_quote, convert.decode_quote)

    def replica() -> PricingTransactions:
        versions, cards = VersionCache(), CardCache()
        return PgTransactions(pool, lambda conn: PgStore(conn, versions, cards, codec))

    yield replica(), replica()
    await pool.close()


async def test_a_catalog_that_another_replica_put_in_force_counts_at_once(
    replicas: Replicas,
) -> None:
    one, other = replicas
    await usecases.activate(one, parse_catalog(POOLS, "pools.yaml"), edited=False)
    before = [(await usecases.get_plan(tx, "pools/ant", ""))[1].display_name for tx in replicas]
    await usecases.activate(other, parse_catalog(RENAMED, "pools.yaml"), edited=True)
    after = [(await usecases.get_plan(tx, "pools/ant", ""))[1].display_name for tx in replicas]
    assert (before, after) == (["Ant", "Ant"], ["Bee", "Bee"])
    (listed,) = await usecases.list_catalogs(one)
    assert listed.catalog.plans["ant"].display_name == "Bee"


async def test_rates_that_another_replica_put_in_force_count_at_once(replicas: Replicas) -> None:
    one, other = replicas
    await usecases.activate_rate_card(one, parse_rate_card(RATES, "rates.yaml"), edited=False)
    before = [
        await usecases.calculate_price(
            PriceDesk(tx, SharedRead(partial(usecases.card_in_force, tx))),
            Asker("ada", trusted=False),
            SMALL,
        )
        for tx in replicas
    ]
    await usecases.activate_rate_card(other, parse_rate_card(DEARER, "rates.yaml"), edited=True)
    after = [
        await usecases.calculate_price(
            PriceDesk(tx, SharedRead(partial(usecases.card_in_force, tx))),
            Asker("ada", trusted=False),
            SMALL,
        )
        for tx in replicas
    ]
    assert before[0] == before[1]
    assert after[0] == after[1]
    assert after[0].total > before[0].total
