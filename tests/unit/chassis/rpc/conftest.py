"""Fixtures of the RPC side: an authority, an issuer, and a running service."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased

from services.chassis import telemetry
from tests.unit.chassis.rpc.support import Authority, Issuer, Running, running


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """Where the spans are that have ended, for this process's tracer is one that keeps them."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(sampler=ParentBased(ALWAYS_ON))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(telemetry, "tracer", lambda: provider.get_tracer("test"))
    return exporter


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def settings(authority: Authority) -> dict[str, str]:
    """Read as the environment of a service that runs as a process."""
    files = authority.issue("pricing")
    return {
        "TOLLGATE_PUBLIC_ADDRESS": "127.0.0.1:0",
        "TOLLGATE_INTERNAL_ADDRESS": "127.0.0.1:0",
        "TOLLGATE_TLS_CERT": str(files.cert),
        "TOLLGATE_TLS_KEY": str(files.key),
        "TOLLGATE_TLS_CA": str(files.ca),
        "TOLLGATE_OIDC_BASE": "http://127.0.0.1:1",
        "DATABASE_URL": "postgresql://pricing:hunter2@127.0.0.1:1/tollgate",
    }


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
