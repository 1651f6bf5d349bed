"""Rule 18 under concurrency: what is spent is of grants that hold it, also over several of them."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.chassis.db import PgTransactions, open_pool
from services.chassis.migrate import migrate
from services.subscription import convert
from services.subscription.ledger import Pool, SpendRequest
from services.subscription.store import PgStore
from services.subscription.usecases import spending
from tests.fakes.ledger_model import ledger_catalog
from tests.fakes.subscription_world import World
from tests.integration.postgres_fixture import Database

MIGRATIONS = Path("services/subscription/migrations")


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    dsns = await database.service("subscription")
    await migrate(dsns.owner, "subscription", [MIGRATIONS])
    pool = await open_pool(dsns.service, application_name="test", min_size=8, max_size=8)
    yield World(
        PgTransactions(pool, lambda conn: PgStore(conn, convert.to_record)), ledger_catalog()
    )
    await pool.close()


async def test_debits_and_a_top_up_at_once_take_of_each_grant_what_it_holds(world: World) -> None:
    account = (await world.create(external_id="ann")).account.name
    pool = Pool(account, "shop")

    def asks(amount: int, key: str) -> SpendRequest:
        return SpendRequest(pool, amount, "test", "test", key)

    for number in range(8):
        await spending.grant(world.tx, asks(10, f"grant-{number}"))
    debits = [spending.debit(world.tx, asks(7, f"debit-{number}")) for number in range(10)]
    await asyncio.gather(*debits, spending.grant(world.tx, asks(10, "top-up")))
    balance = await world.tx.run(lambda store: store.balance(pool))
    grants = await world.tx.run(lambda store: store.grants(pool))
    assert balance.posted == 20
    assert sum(grant.remaining for grant in grants) == 20
    assert sum(grant.spent for grant in grants) == 70
    assert min(grant.remaining for grant in grants) >= 0
