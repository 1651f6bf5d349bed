"""The provisioner beside bare applies, kubectl, its own no-op, and the sandbox cluster."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from deploy.sandbox.postgres.binaries import BinariesNotFound, find_binaries
from deploy.sandbox.postgres.server import PostgresServer
from services.chassis.config import Env
from services.chassis.migrate import migrate
from services.chassis.telemetry import configure_logging
from services.provisioner.config import read_config
from services.provisioner.kube.writes import OwnWrites
from tests.bench.errors import BenchUnavailable
from tests.bench.provisioner import answers, noop
from tests.bench.provisioner.making import Making
from tests.bench.provisioner.plane import Plane, kubectl, real_plane, sandbox_plane, scratch
from tests.bench.provisioner.service import connected, service
from tests.bench.provisioner.tenants import Tenants
from tests.bench.report import Report
from tests.bench.runner import Options
from tests.cluster.settings import ROOT
from tests.integration.postgres_fixture import fresh_database

_MIGRATIONS = ROOT / "services" / "provisioner" / "migrations"
_ALSO = 8


async def run(options: Options) -> Report:
    """Measure everything; BenchUnavailable if a program that it needs is not here."""
    tenants = Tenants()
    log_to_nowhere()
    with scratch() as folder, real_plane(folder) as plane:
        report = Report(
            "provisioner",
            {"cluster": plane.words, "size": options.size, "rounds": options.rounds},
        )
        try:
            # While both clusters are empty: a list is as long as what there is.
            await _answers(report, options, tenants, plane, folder)
            await _provisioner(report, options, tenants, plane, folder)
        finally:
            plane.forget(tenants.namespaces)
    return report


async def _answers(
    report: Report, options: Options, tenants: Tenants, plane: Plane, folder: Path
) -> None:
    async with (
        sandbox_plane(folder) as sandbox,
        connected(sandbox, OwnWrites()) as (_, ours),
        connected(plane.kubeconfig, OwnWrites()) as (_, real),
    ):
        both = {"sandbox": ours, "real API server": real}
        await answers.measure(report, options, tenants, both)


async def _provisioner(
    report: Report, options: Options, tenants: Tenants, plane: Plane, folder: Path
) -> None:
    async with _database(folder) as dsn, service(plane.kubeconfig, dsn) as found:
        program = kubectl()
        making = Making(found, tenants, program, plane.kubeconfig, folder)
        if program is None:
            options.say("There is no kubectl here, so nothing is held beside it.")
        default = read_config(Env({})).concurrency
        try:
            await making.warm_up(options.size, _ALSO)
            for concurrency in sorted({default, _ALSO}):
                await making.measure(report, options, concurrency)
            await noop.measure(report, options, found, tenants, plane.audit)
        finally:
            tenants.namespaces += [tenant.namespace for tenant in found.made]


def log_to_nowhere() -> None:
    """Write logs as the service does, as JSON, to nowhere.

    It stays open: loggers keep it, also those that the benches after this one have.
    """
    configure_logging("provisioner", out=Path(os.devnull).open("wb"))  # noqa: SIM115


@asynccontextmanager
async def _database(folder: Path) -> AsyncIterator[str]:
    """An empty database with the provisioner's tables, on an embedded PostgreSQL."""
    try:
        server = PostgresServer(folder / "postgres", None, find_binaries(), durable=False)
    except BinariesNotFound as problem:
        raise BenchUnavailable(str(problem)) from problem
    try:
        await server.start()
        dsns = await (await fresh_database(server)).service("provisioner")
        await migrate(dsns.owner, "provisioner", [_MIGRATIONS])
        yield dsns.service
    finally:
        await server.stop()
