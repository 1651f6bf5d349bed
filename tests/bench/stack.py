"""The whole product for a bench: `make up` in a folder of its own, stopped at the end."""

import secrets
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import grpc.aio

from deploy.sandbox.postgres.binaries import BinariesNotFound
from deploy.sandbox.postgres.roles import with_database
from deploy.sandbox.stack.settings import ROOT, StackSettings
from deploy.sandbox.stack.stack import Stack, running_stack
from deploy.sandbox.supervisor.ports import free_port
from deploy.sandbox.supervisor.spec import Event
from services.chassis.identity import Principal
from services.chassis.metadata import PRINCIPAL, principal_to_bytes
from services.chassis.tls import CertificateSource, TlsFiles, channel_credentials
from tests.bench.errors import BenchUnavailable
from tests.bench.processes import Meter

PERSON = Principal(
    subject="usr_bench",
    kind="user",
    issuer="http://127.0.0.1/realms/acme",
    email="bench@acme.example",
    organization="acme",
    namespaces=("acme-web",),
    groups=("org-admin",),
)
"""Who acts in the calls of a bench: an org-admin, whom the gateway passes along."""


@dataclass(frozen=True)
class BenchStack:
    """A running stack, as a bench reaches into it."""

    stack: Stack
    home: Path

    @property
    def endpoints(self) -> dict[str, Any]:
        """What endpoints.json says."""
        return self.stack.endpoints

    def meter(self, *names: str) -> Meter:
        """Return what reads the processor time of these processes."""
        pids = self.stack.supervisor.pids()
        return Meter({name: pids[name] for name in names})

    def channel(self, service: str, caller: str = "gateway") -> grpc.aio.Channel:
        """Connect to a service's internal listener as another one does, with nothing around it."""
        port = self.stack.layout.service(service).internal
        return internal_channel(port, service, self.certificate(caller))

    def certificate(self, name: str) -> TlsFiles:
        """Return the certificate of a process of the stack."""
        files = self.stack.layout.certificate(name)
        return TlsFiles(files.cert, files.key, files.ca)

    @property
    def database_dsn(self) -> str:
        """The product's database, as its superuser reaches it."""
        return with_database(str(self.endpoints["postgres"]["dsn"]), "tollgate")

    @asynccontextmanager
    async def database(self) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
        """Connect to the product's database as its superuser."""
        connection = await asyncpg.connect(self.database_dsn)
        try:
            yield connection
        finally:
            await connection.close()

    async def limit_stripe(self, http: aiohttp.ClientSession, per_endpoint: int | None) -> None:
        """Set the sandbox Stripe's limit for one endpoint, in requests a second."""
        url = f"{self.endpoints['stripe']['api_base']}/sandbox/limits"
        async with http.post(url, json={"per_endpoint": per_endpoint}) as answer:
            answer.raise_for_status()


def internal_channel(port: int, server_name: str, files: TlsFiles) -> grpc.aio.Channel:
    """Make a bare channel with a client certificate: nothing of the chassis is in its calls."""
    options = [("grpc.ssl_target_name_override", server_name)]
    credentials = channel_credentials(CertificateSource(files).material)
    return grpc.aio.secure_channel(f"127.0.0.1:{port}", credentials, options)


def carried(principal: Principal = PERSON) -> tuple[tuple[str, bytes], ...]:
    """Return the metadata with which the gateway passes a person along."""
    return ((PRINCIPAL, principal_to_bytes(principal)),)


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for the run, gone at its end."""
    with tempfile.TemporaryDirectory(prefix="tollgate-bench-") as name:
        yield Path(name)


# One person asks for all of them; that each is counted is part of what a price costs.
_PRICES_WITHOUT_END = {
    "TOLLGATE_PRICING_CALCULATIONS_PER_MINUTE": "1000000",
    "TOLLGATE_PRICING_CALCULATION_BURST": "1000000",
}


def settings_in(home: Path) -> StackSettings:
    """Return the settings of a stack in this folder, with everything embedded."""
    return StackSettings(
        home=home,
        catalog=ROOT / "deploy" / "catalogs",
        provider="stripe",
        ports={"gateway": free_port()},
        service_settings={"pricing": _PRICES_WITHOUT_END},
    )


@asynccontextmanager
async def bench_stack(folder: Path, home: Path | None = None) -> AsyncIterator[BenchStack]:
    """Run the stack in a folder, on the data of ``home`` if that is said.

    BenchUnavailable if PostgreSQL is not on this machine.
    """
    home = home or folder / f"stack-{secrets.token_hex(3)}"
    try:
        async with running_stack(settings_in(home), _quietly) as stack:
            yield BenchStack(stack, home)
    except BinariesNotFound as problem:
        raise BenchUnavailable(str(problem)) from problem


def _quietly(_event: Event) -> None:
    """Tell nobody: a process that fails ends the bench with the reason."""
