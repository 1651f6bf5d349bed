"""Puts the pricing service together."""

from pathlib import Path

from services.chassis.config import StartError
from services.chassis.database import open_database
from services.chassis.db import PgTransactions
from services.chassis.process import Process, main
from services.chassis.server import GrpcServer
from services.pricing.access import ACCESS
from services.pricing.config import PricingConfig, read_config
from services.pricing.errors import CatalogRejected
from services.pricing.servicer import SERVICE, PricingServicer
from services.pricing.store import PgCatalogStore, VersionCache
from services.pricing.worker import CatalogFiles
from tollgate.pricing.v1.pricing_service_pb2_grpc import add_PricingServiceServicer_to_server

_MIGRATIONS = Path(__file__).parent / "migrations"


async def run(config: PricingConfig, process: Process) -> None:
    """Serve until the process is to stop."""
    pool = await open_database(config.chassis, process, _MIGRATIONS)
    cache = VersionCache()
    tx = PgTransactions(pool, lambda connection: PgCatalogStore(connection, cache))
    files = CatalogFiles(config.catalogs, tx, process.clock)
    try:
        await files.load()
    except CatalogRejected as rejected:
        raise StartError(f"TOLLGATE_CATALOG: {rejected}") from rejected
    process.task_group.create_task(files.watch())
    servicers = [(add_PricingServiceServicer_to_server, PricingServicer(tx), SERVICE)]
    await GrpcServer.from_config(config.chassis, process, servicers, ACCESS).serve(process.stopping)


if __name__ == "__main__":
    main("pricing", read_config, run)
