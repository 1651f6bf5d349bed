"""The stack of each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.payments.stack import Stack, running_stack
from tests.integration.postgres_fixture import Database


@pytest.fixture
async def stack(database: Database, tmp_path: Path) -> AsyncIterator[Stack]:
    """Everything around the payments process."""
    async with running_stack(database, tmp_path) as running:
        yield running
