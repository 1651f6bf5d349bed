"""One subscription service on a PostgreSQL of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.chassis.db import Connection, PgTransactions, Pool, open_pool
from services.chassis.migrate import migrate
from services.subscription import convert
from services.subscription.store import PgStore
from tests.fakes.subscription_world import Catalog, World, catalog
from tests.integration.postgres_fixture import Database
from tests.integration.subscription.stack import stack as stack

MIGRATIONS = Path(convert.__file__).parent.parent / "migrations"


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    dsns = await database.service("subscription")
    await migrate(dsns.owner, "subscription", [MIGRATIONS])
    opened = await open_pool(dsns.service, application_name="test", max_size=20)
    yield opened
    await opened.close()


@pytest.fixture
def catalogs() -> Catalog:
    """What is sold."""
    return catalog()


@pytest.fixture
def world(pool: Pool, catalogs: Catalog) -> World:
    def make_store(connection: Connection) -> PgStore:
        return PgStore(connection, convert.to_record)

    return World(PgTransactions(pool, make_store), catalogs)
