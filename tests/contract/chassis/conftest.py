"""Runs the suite on both keepings."""

import pytest

from services.chassis.db import Pool
from tests.contract.chassis.backends import Backend, memory_backend, postgres_backend
from tests.fakes.chassis import ManualClock
from tests.integration.chassis_pool import migrated, pool
from tests.integration.postgres_fixture import postgres

__all__ = ["backend", "live_backend", "migrated", "pool", "postgres"]


def _pool(request: pytest.FixtureRequest) -> Pool:
    opened: Pool = request.getfixturevalue("pool")
    return opened


@pytest.fixture(params=["memory", "postgres"])
def kind(request: pytest.FixtureRequest) -> str:
    """Which keeping."""
    name: str = request.param
    return name


@pytest.fixture
def backend(kind: str, request: pytest.FixtureRequest) -> Backend:
    """A keeping whose time passes by ``advance``."""
    if kind == "memory":
        return memory_backend(ManualClock())
    return postgres_backend(_pool(request))


@pytest.fixture
def live_backend(kind: str, request: pytest.FixtureRequest) -> Backend:
    """A keeping whose time passes by itself."""
    return memory_backend(None) if kind == "memory" else postgres_backend(_pool(request))
