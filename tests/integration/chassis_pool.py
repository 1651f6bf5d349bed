"""Pools on a database with the chassis's tables, as a service would have them.

The database is made once for a run and emptied for each test, which is what keeps the many small
tests of the chassis quick. Import `migrated` and `pool` beside `postgres` in a conftest.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncpg
import pytest_asyncio

from deploy.sandbox.postgres.server import PostgresServer
from services.chassis.db import Pool, open_pool
from services.chassis.migrate import migrate
from tests.integration.postgres_fixture import drop_database, fresh_database

SCHEMA = "chassis_test"
_EMPTY = """
TRUNCATE outbox, dead_letters, inbox_facts, inbox_revisions, inbox_parked, reconcile_queue,
    idempotency
"""


@dataclass(frozen=True)
class Migrated:
    """A database with the chassis's tables; `service` is the DSN that its processes use."""

    owner: str
    service: str


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def migrated(postgres: PostgresServer) -> AsyncIterator[Migrated]:
    """The database of all tests that take a `pool`."""
    database = await fresh_database(postgres)
    dsns = await database.service(SCHEMA)
    await migrate(dsns.owner, SCHEMA, [])
    yield Migrated(dsns.owner, dsns.service)
    await drop_database(database)


@pytest_asyncio.fixture
async def pool(postgres: PostgresServer, migrated: Migrated) -> AsyncIterator[Pool]:
    """A pool with the service's role. If the test killed the server, it is started again."""
    owner = await asyncpg.connect(migrated.owner)
    await owner.execute(_EMPTY)
    await owner.close()
    opened = await open_pool(migrated.service, application_name="test", min_size=1, max_size=8)
    yield opened
    opened.terminate()
    await postgres.start()
