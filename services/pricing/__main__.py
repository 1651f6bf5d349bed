"""Puts the pricing service together."""

import ssl
from pathlib import Path

from services.chassis.callrate import CallRate
from services.chassis.channel import Channel, connect
from services.chassis.config import StartError
from services.chassis.database import open_database
from services.chassis.db import PgTransactions, Pool
from services.chassis.outbox import Relay
from services.chassis.process import Process, main
from services.chassis.queue import Worker
from services.chassis.retaking import KeptFacts, KeptFactsSql, retake_for_ever
from services.chassis.server import GrpcServer, Servicers
from services.chassis.sink import SERVICE as SINK
from services.chassis.sink import FactSinkClient, FactSinkServicer
from services.chassis.wakeups import Wakeups
from services.pricing import convert, usecases
from services.pricing.access import ACCESS, COST_ACCESS
from services.pricing.clients import GrpcHoldings
from services.pricing.config import PricingConfig, read_config
from services.pricing.costs import convert as cost_convert
from services.pricing.costs.advising import Adviser
from services.pricing.costs.ports import Sender
from services.pricing.costs.servicer import COSTS, CostServicer, ObservationIntake
from services.pricing.costs.store import DELIVERIES, CardsByVersion, Codec, PgCostStore
from services.pricing.costs.worker import (
    FOLD_EVERY,
    FORGET_EVERY,
    BudgetWatch,
    DaySums,
    OldUse,
)
from services.pricing.errors import CatalogRejected
from services.pricing.servicer import SERVICE, PricingServicer
from services.pricing.signatures import QuoteKeys
from services.pricing.store import CardCache, PgStore, QuoteCodec, VersionCache
from services.pricing.usecases import PricingTransactions, VersionDesk
from services.pricing.worker import (
    CatalogFiles,
    CatalogsInForce,
    ObservedCatalogs,
    QuoteKeyFile,
    RateCardFile,
    purge,
)
from services.pricing.worker.telling import AlertTeller, Mailer
from services.pricing.worker.telling.webhooks import WebhookSender
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
    await _files(config, process, tx)
    process.task_group.create_task(purge(tx, process.clock))
    adviser = Adviser(CatalogsInForce(tx), config.rules)
    subscription = _subscription(config, process)
    costs, observations = _costs(config, process, pool, adviser, subscription)
    observed = ObservedCatalogs(tx, config.imports, observations.take)
    await observed.load()
    process.task_group.create_task(observed.watch(process.clock))
    signer = await _quote_keys(config, process)
    desk = _versions(config, pool, tx, subscription)
    servicer = PricingServicer(tx, process.ids, _rate(config, process), signer, desk)
    servicers: Servicers = [
        (add_PricingServiceServicer_to_server, servicer, SERVICE),
        *costs,
        (add_FactSinkServicer_to_server, FactSinkServicer(observed.take, process.work), SINK),
    ]
    access = {**ACCESS, **COST_ACCESS}
    await GrpcServer.from_config(config.chassis, process, servicers, access).serve(process.stopping)


async def _files(config: PricingConfig, process: Process, tx: PricingTransactions) -> None:
    """Bring into force what the files say, and begin to follow them."""
    sources: dict[str, CatalogFiles | RateCardFile] = {
        "TOLLGATE_RATE_CARD": RateCardFile(config.rate_card, tx, process.clock)
    }
    if config.catalogs is not None:
        files = CatalogFiles(config.catalogs, tx, process.clock, config.imports)
        sources["TOLLGATE_CATALOG"] = files
    elif not config.imports.expects_configmaps and not await usecases.catalog_sources(tx):
        raise StartError(
            "TOLLGATE_CATALOG is none, and nothing else says what is sold: no ConfigMap was told"
            " of so far, and TOLLGATE_CATALOG_IMPORTS has no section named <namespace>/<name>."
        )
    for name, source in sources.items():
        try:
            await source.load()
        except CatalogRejected as rejected:
            raise StartError(f"{name}: {rejected}") from rejected
        process.task_group.create_task(source.watch())


def _costs(
    config: PricingConfig,
    process: Process,
    pool: Pool,
    adviser: Adviser,
    subscription: Channel | None,
) -> tuple[Servicers, ObservationIntake]:
    """Return what serves costs and what takes observations, and begin to look at the budgets."""
    wakeups = Wakeups()
    tx = _cost_transactions(pool, wakeups)
    alerts = process.metrics.counter("budget_alerts", "Thresholds of budgets passed", ("basis",))
    watch = BudgetWatch(tx, process.clock, alerts, notify=subscription is not None)
    process.task_group.create_task(watch.run(config.budget_poll))
    process.task_group.create_task(DaySums(tx, process.clock).run(FOLD_EVERY))
    process.task_group.create_task(OldUse(tx, adviser, process.clock).run(FORGET_EVERY))
    handle = _teller(config, process, tx).handle
    if subscription is not None:
        deliver = FactSinkClient(subscription).deliver
        relay = Relay(
            pool, cost_convert.SUBSCRIPTION, deliver, wakeups=wakeups, clock=process.clock
        )
        process.task_group.create_task(relay.run())
    worker = Worker(pool, DELIVERIES, handle, wakeups=wakeups, clock=process.clock)
    process.work.create_task(worker.run(process.stopping))
    servicer = CostServicer(tx, process.ids, config.user_claim, adviser, config.telling.telling)
    intake = ObservationIntake(tx)
    kept: PgTransactions[KeptFacts] = PgTransactions(pool, KeptFactsSql)
    retaking = retake_for_ever(kept, (cost_convert.USED,), intake.take, process.clock)
    process.task_group.create_task(retaking)
    return [(add_CostServiceServicer_to_server, servicer, COSTS)], intake


def _teller(
    config: PricingConfig, process: Process, tx: PgTransactions[PgCostStore]
) -> AlertTeller:
    """Return what tells people of alerts, in the ways that are on."""
    at, tls = config.telling, ssl.create_default_context()
    senders: list[Sender] = []
    if at.mail is not None:
        senders.append(Mailer(at.mail, tls, process.clock))
    if at.webhook_keys:
        senders.append(WebhookSender(at.telling, at.networks, tls, process.clock))
    outcomes = process.metrics.counter(
        "alert_deliveries", "Tries to tell of alerts", ("channel", "outcome")
    )
    return AlertTeller(tx, senders, outcomes)


def _cost_transactions(pool: Pool, wakeups: Wakeups | None = None) -> PgTransactions[PgCostStore]:
    codec = Codec(
        cost_convert.encode_observation,
        cost_convert.decode_observation,
        cost_convert.encode_budget,
        cost_convert.decode_budget,
        cost_convert.encode_alert,
        cost_convert.decode_alert,
        cost_convert.notice_fact,
        cost_convert.decode_notice,
        convert.decode_quote,
    )
    cards = CardsByVersion()
    return PgTransactions(
        pool, lambda connection: PgCostStore(connection, codec, cards), wakeups=wakeups
    )


def _subscription(config: PricingConfig, process: Process) -> Channel | None:
    if not config.subscription:
        return None
    channel = connect(
        config.subscription,
        server_name=cost_convert.SUBSCRIPTION,
        tls=config.chassis.tls,
        clock=process.clock,
    )
    process.resources.push_async_callback(channel.close)
    return channel


def _versions(
    config: PricingConfig, pool: Pool, tx: PricingTransactions, subscription: Channel | None
) -> VersionDesk:
    """Return where dry runs look."""
    holdings = None if subscription is None else GrpcHoldings(subscription)
    return VersionDesk(tx, holdings, _cost_transactions(pool), config.imports)


async def _quote_keys(config: PricingConfig, process: Process) -> QuoteKeys:
    """Return the keys that quotes are signed with, and begin to follow their file."""
    keys = QuoteKeys()
    if config.quote_keys is not None:
        file = QuoteKeyFile(config.quote_keys, keys, process.clock)
        await file.look()
        process.task_group.create_task(file.watch())
    return keys


def _rate(config: PricingConfig, process: Process) -> CallRate | None:
    if not config.calculations_per_minute:
        return None
    burst = config.calculation_burst
    return CallRate(config.calculations_per_minute, process.clock, burst=burst)


if __name__ == "__main__":
    main("pricing", read_config, run)
