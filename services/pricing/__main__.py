"""Puts the pricing service together."""

from pathlib import Path

from services.chassis.callrate import CallRate
from services.chassis.config import StartError
from services.chassis.database import open_database
from services.chassis.db import PgTransactions, Pool
from services.chassis.process import Process, main
from services.chassis.server import GrpcServer, Servicers
from services.chassis.sink import SERVICE as SINK
from services.chassis.sink import FactSinkServicer
from services.pricing import convert
from services.pricing.access import ACCESS, COST_ACCESS
from services.pricing.config import PricingConfig, read_config
from services.pricing.costs import convert as cost_convert
from services.pricing.costs.servicer import COSTS, CostServicer, ObservationIntake
from services.pricing.costs.store import CardsByVersion, Codec, PgCostStore
from services.pricing.costs.worker import BudgetWatch
from services.pricing.errors import CatalogRejected
from services.pricing.servicer import SERVICE, PricingServicer
from services.pricing.store import CardCache, PgStore, QuoteCodec, VersionCache
from services.pricing.worker import CatalogFiles, RateCardFile, purge
from tollgate.common.v1.fact_sink_service_pb2_grpc import add_FactSinkServicer_to_server
from tollgate.pricing.v1.cost_service_pb2_grpc import add_CostServiceServicer_to_server
from tollgate.pricing.v1.pricing_service_pb2_grpc import add_PricingServiceServicer_to_server

_MIGRATIONS = Path(__file__).parent / "migrations"


async def run(config: PricingConfig, process: Process) -> None:
    """Serve until the process is to stop."""
    pool = await open_database(config.chassis, process, _MIGRATIONS)
    versions, cards = VersionCache(), CardCache()
    codec = QuoteCodec(convert.encode_quote, convert.decode_quote)
    tx = PgTransactions(pool, lambda connection: PgStore(connection, versions, cards, codec))
    files = CatalogFiles(config.catalogs, tx, process.clock, config.imports)
    rates = RateCardFile(config.rate_card, tx, process.clock)
    for name, source in (("TOLLGATE_CATALOG", files), ("TOLLGATE_RATE_CARD", rates)):
        try:
            await source.load()
        except CatalogRejected as rejected:
            raise StartError(f"{name}: {rejected}") from rejected
        process.task_group.create_task(source.watch())
    process.task_group.create_task(purge(tx, process.clock))
    servicer = PricingServicer(tx, process.ids, _rate(config, process))
    servicers: Servicers = [
        (add_PricingServiceServicer_to_server, servicer, SERVICE),
        *_costs(config, process, pool),
    ]
    access = {**ACCESS, **COST_ACCESS}
    await GrpcServer.from_config(config.chassis, process, servicers, access).serve(process.stopping)


def _costs(config: PricingConfig, process: Process, pool: Pool) -> Servicers:
    """Return what serves costs, and begin to look at the budgets."""
    codec = Codec(
        cost_convert.encode_observation,
        cost_convert.decode_observation,
        cost_convert.encode_budget,
        cost_convert.decode_budget,
        cost_convert.encode_alert,
        cost_convert.decode_alert,
    )
    cards = CardsByVersion()
    tx = PgTransactions(pool, lambda connection: PgCostStore(connection, codec, cards))
    alerts = process.metrics.counter("budget_alerts", "Thresholds of budgets passed", ("basis",))
    watch = BudgetWatch(tx, process.clock, alerts)
    process.task_group.create_task(watch.run(config.budget_poll))
    intake = ObservationIntake(tx)
    return [
        (
            add_CostServiceServicer_to_server,
            CostServicer(tx, process.ids, config.user_claim),
            COSTS,
        ),
        (add_FactSinkServicer_to_server, FactSinkServicer(intake.take, process.work), SINK),
    ]


def _rate(config: PricingConfig, process: Process) -> CallRate | None:
    if not config.calculations_per_minute:
        return None
    burst = config.calculation_burst
    return CallRate(config.calculations_per_minute, process.clock, burst=burst)


if __name__ == "__main__":
    main("pricing", read_config, run)
