"""Puts the pricing service together."""

from pathlib import Path

from services.chassis.config import StartError
from services.chassis.database import open_database
from services.chassis.db import PgTransactions
from services.chassis.process import Process, main
from services.chassis.server import GrpcServer
from services.pricing import convert
from services.pricing.access import ACCESS
from services.pricing.config import PricingConfig, read_config
from services.pricing.errors import CatalogRejected
from services.pricing.servicer import SERVICE, PricingServicer
from services.pricing.store import CardCache, PgStore, QuoteCodec, VersionCache
from services.pricing.worker import CatalogFiles, RateCardFile, purge
from tollgate.pricing.v1.pricing_service_pb2_grpc import add_PricingServiceServicer_to_server

_MIGRATIONS = Path(__file__).parent / "migrations"


async def run(config: PricingConfig, process: Process) -> None:
    """Serve until the process is to stop."""
    pool = await open_database(config.chassis, process, _MIGRATIONS)
    versions, cards = VersionCache(), CardCache()
    codec = QuoteCodec(convert.encode_quote, convert.decode_quote)
    tx = PgTransactions(pool, lambda connection: PgStore(connection, versions, cards, codec))
    files = CatalogFiles(config.catalogs, tx, process.clock)
    rates = RateCardFile(config.rate_card, tx, process.clock)
    for name, source in (("TOLLGATE_CATALOG", files), ("TOLLGATE_RATE_CARD", rates)):
        try:
            await source.load()
        except CatalogRejected as rejected:
            raise StartError(f"{name}: {rejected}") from rejected
        process.task_group.create_task(source.watch())
    process.task_group.create_task(purge(tx, process.clock))
    servicer = PricingServicer(tx, process.ids)
    servicers = [(add_PricingServiceServicer_to_server, servicer, SERVICE)]
    await GrpcServer.from_config(config.chassis, process, servicers, ACCESS).serve(process.stopping)


if __name__ == "__main__":
    main("pricing", read_config, run)
