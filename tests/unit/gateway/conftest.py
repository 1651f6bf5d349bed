"""The gateway that most tests here ask for."""

from collections.abc import AsyncIterator

import pytest

from tests.unit.gateway.world import World, running


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with running() as made:
        yield made
