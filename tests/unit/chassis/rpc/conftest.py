"""Fixtures of the RPC side: an authority, an issuer, and a running service."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog

from tests.unit.chassis.rpc.support import Authority, Issuer, Running, running


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
async def small(authority: Authority, issuer: Issuer) -> AsyncIterator[Running]:
    async with running(authority, issuer) as found:
        yield found


@pytest.fixture
def logs() -> Iterator[list[structlog.typing.EventDict]]:
    with structlog.testing.capture_logs() as found:
        yield found
