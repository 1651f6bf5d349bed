"""Fixtures: a cluster of each kind that there is, and a pool on a database of the provisioner's."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from services.chassis.db import Pool, open_pool
from services.chassis.migrate import migrate
from tests.contract.kubernetes.implementations import implementations
from tests.integration.postgres_fixture import Database
from tests.integration.provisioner.cluster_fixture import Plane, running_plane

MIGRATIONS = Path(__file__).resolve().parents[3] / "services" / "provisioner" / "migrations"


@pytest_asyncio.fixture(params=implementations())
async def plane(request: pytest.FixtureRequest) -> AsyncIterator[Plane]:
    """Each cluster in turn: a sandbox of this test, and the real one if one is named."""
    async with running_plane(request.param) as running:
        yield running


@pytest_asyncio.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    """A pool with the service's role."""
    dsns = await database.service("provisioner")
    await migrate(dsns.owner, "provisioner", [MIGRATIONS])
    opened = await open_pool(dsns.service, application_name="test", max_size=8)
    yield opened
    opened.terminate()
