"""Rule 17 under concurrency: unpaid deployments count together, also when they come at once."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.chassis.db import PgTransactions, open_pool
from services.chassis.ids import RandomIds
from services.chassis.migrate import migrate
from services.pricing import convert, usecases
from services.pricing.costing import DeploymentRequest, ResourceRequest
from services.pricing.errors import PaymentRequired
from services.pricing.ports import PricingTransactions
from services.pricing.quotes import QuoteRequest
from services.pricing.ratecard_file import parse_rate_card
from services.pricing.store import CardCache, PgStore, QuoteCodec, VersionCache
from services.pricing.usecases import Asker
from tests.integration.postgres_fixture import Database

MIGRATIONS = Path("services/pricing/migrations")
CARD = parse_rate_card(Path("deploy/rates/default.yaml").read_text(), "default.yaml")
ALICE = Asker("alice", trusted=False)
SERVICE = Asker("subscription", trusted=True)
SMALL = DeploymentRequest([ResourceRequest("wordpress", "1", "1", "1")])
CODEC = QuoteCodec(convert.encode_quote, convert.decode_quote)


@pytest.fixture
async def tx(database: Database) -> AsyncIterator[PricingTransactions]:
    dsns = await database.service("pricing")
    await migrate(dsns.owner, "pricing", [MIGRATIONS])
    pool = await open_pool(dsns.service, application_name="test", min_size=6, max_size=6)
    versions, cards = VersionCache(), CardCache()
    transactions: PricingTransactions = PgTransactions(
        pool, lambda conn: PgStore(conn, versions, cards, CODEC)
    )
    await usecases.activate_rate_card(transactions, CARD, edited=False)
    yield transactions
    await pool.close()


async def taken_at_once(tx: PricingTransactions) -> int:
    """Quote six small deployments and take all of them unpaid at once; return how many were."""
    asked = QuoteRequest("", SMALL)
    quotes = [await usecases.create_quote(tx, RandomIds(), ALICE, asked) for _ in range(6)]

    async def take(name: str) -> bool:
        try:
            await usecases.take_quote(tx, SERVICE, name, f"of {name}", paid=False)
        except PaymentRequired:
            return False
        return True

    names = [shown.stored.quote.name for shown in quotes]
    return sum(await asyncio.gather(*(take(name) for name in names)))


async def test_deployments_taken_unpaid_at_once_count_together(tx: PricingTransactions) -> None:
    # Two are below the threshold together, three are not.
    assert await taken_at_once(tx) == 2
