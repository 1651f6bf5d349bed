"""The `cluster` fixture: each test meets every implementation that can run here."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.kubernetes.cluster import Cluster, connected
from tests.contract.kubernetes.implementations import implementations, running


@pytest.fixture(params=implementations())
async def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Cluster]:
    """A running cluster, as its administrator sees it."""
    async with (
        running(request.param) as configuration,
        connected(configuration, tmp_path) as found,
    ):
        yield found
