"""Puts the provisioner together."""

import secrets
from pathlib import Path

from services.chassis.channel import connect
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
from services.provisioner.access import ACCESS
from services.provisioner.config import ProvisionerConfig, read_config
from services.provisioner.convert import ORDERED, PRICING, SUBSCRIPTION, Codec
from services.provisioner.convert.plans import to_plans_fact
from services.provisioner.convert.usage import to_use_fact
from services.provisioner.introduction.ports import IntroductionStore
from services.provisioner.introduction.store import PgIntroductionStore
from services.provisioner.introduction.telling import introduce
from services.provisioner.kube.cache import ObjectCache
from services.provisioner.kube.client import KubeCluster
from services.provisioner.kube.connect import connect_cluster
from services.provisioner.kube.held import HeldPlaces
from services.provisioner.kube.organizations import OrganizationCache
from services.provisioner.kube.plans import PlansMap
from services.provisioner.kube.pod_metrics import KubePodMetrics
from services.provisioner.kube.writes import OwnWrites
from services.provisioner.metering.looking import Meter
from services.provisioner.metering.ports import MeteringStore
from services.provisioner.metering.store import PgMeteringStore
from services.provisioner.organization.feed import OrganizationFeed
from services.provisioner.organization.ways import Ways
from services.provisioner.plans.ports import PlansStore
from services.provisioner.plans.seen import Place
from services.provisioner.plans.store import PgPlansStore
from services.provisioner.plans.telling import PlansTeller, let_go
from services.provisioner.ports import Store
from services.provisioner.reconcile import Reconciler
from services.provisioner.servicer import SERVICE, Desk, OrderIntake, ProvisionerServicer
from services.provisioner.store import QUEUE, PgStore
from services.provisioner.usecases import Organizations
from services.provisioner.watching import Watching
from services.provisioner.worker import DriftFeed, TenantWorker, forget_answers, resync
from tollgate.common.v1.fact_sink_service_pb2_grpc import add_FactSinkServicer_to_server
from tollgate.provisioner.v1.provisioner_service_pb2_grpc import (
    add_ProvisionerServiceServicer_to_server,
)

_MIGRATIONS = Path(__file__).parent / "migrations"


async def run(config: ProvisionerConfig, process: Process) -> None:
    """Serve until the process is to stop."""
    clock, ids, tasks = process.clock, process.ids, process.task_group
    pool = await open_database(config.chassis, process, _MIGRATIONS)
    codec = Codec(region=config.region, priced=bool(config.pricing_target))
    wakeups, writes = Wakeups(), OwnWrites()
    tx: PgTransactions[Store] = PgTransactions(
        pool, lambda connection: PgStore(connection, codec), wakeups=wakeups, clock=clock
    )
    cluster = await connect_cluster(config.kubeconfig, writes, process)
    if cluster is None:
        return
    feed = DriftFeed(tx, writes, clock)
    cache = ObjectCache(cluster, feed.hear, clock)
    paid = OrganizationFeed(tx, writes.are_ours, clock)
    organizations = OrganizationCache(
        cluster, paid.hear, clock, config.rediscover, config.organizations.project_quota
    )
    loops = (*cache.loops(), organizations.run(), paid.run())
    for loop in (*loops, forget_answers(tx, clock)):
        tasks.create_task(loop)
    if config.pricing_target:
        _tell_plans(config.plans, cluster, process, pool, wakeups)
        metering: PgTransactions[MeteringStore] = PgTransactions(
            pool,
            lambda connection: PgMeteringStore(connection, to_use_fact),
            wakeups=wakeups,
            clock=clock,
        )
        places = HeldPlaces(cache, organizations)
        meter = Meter(metering, KubePodMetrics(cluster), places, clock, config.use_every)
        tasks.create_task(meter.run())

    quota_writes = process.metrics.counter(
        "quota_writes", "Organizations' quotas written", ("why",)
    )
    ways = Ways(organizations, config.organizations, quota_writes)
    reconciler = Reconciler(tx, cluster, cache, config.names, ids, clock, ways)
    looks = resync(tx, clock, config.resync, reconciler.stands, cache.wait_until_ready)
    for loop in (feed.run(reconciler.stands), looks):
        tasks.create_task(loop)
    worker = Worker(
        pool,
        QUEUE,
        TenantWorker(reconciler, process.metrics).handle,
        wakeups=wakeups,
        clock=clock,
        concurrency=config.concurrency,
        lease=config.lease,
    )
    process.work.create_task(worker.run(process.stopping))
    for relay in _relays(config, process, pool, wakeups):
        tasks.create_task(relay.run())
    introductions: PgTransactions[IntroductionStore] = PgTransactions(
        pool,
        lambda connection: PgIntroductionStore(connection, codec),
        wakeups=wakeups,
        clock=clock,
    )
    tasks.create_task(introduce(introductions, PRICING, clock, wanted=bool(config.pricing_target)))

    desk = Desk(tx, cluster, config.names, ids, clock, Organizations(cache, ways))
    orders = OrderIntake(desk)
    kept: PgTransactions[KeptFacts] = PgTransactions(pool, KeptFactsSql, clock=clock)
    tasks.create_task(retake_for_ever(kept, (ORDERED,), orders.take, clock))
    watching = Watching(tx, wakeups, clock, secrets.SystemRandom().random)
    servicers: Servicers = [
        (add_ProvisionerServiceServicer_to_server, ProvisionerServicer(desk, watching), SERVICE),
        (
            add_FactSinkServicer_to_server,
            FactSinkServicer(orders.take, process.work),
            SINK,
        ),
    ]
    server = GrpcServer.from_config(config.chassis, process, servicers, ACCESS)
    await server.serve(process.stopping)


def _tell_plans(
    place: Place | None, cluster: KubeCluster, process: Process, pool: Pool, wakeups: Wakeups
) -> None:
    """Begin to tell pricing what the ConfigMap with plans says, if one is watched."""
    tx: PgTransactions[PlansStore] = PgTransactions(
        pool,
        lambda connection: PgPlansStore(connection, to_plans_fact),
        wakeups=wakeups,
        clock=process.clock,
    )
    tasks = process.task_group
    tasks.create_task(let_go(tx, process.clock, "" if place is None else place.source))
    if place is None:
        return
    plans = PlansMap(cluster, place)
    teller = PlansTeller(place.source, plans.read, tx, process.clock)
    for loop in (plans.follow(teller, process.clock), teller.run()):
        tasks.create_task(loop)


def _relays(
    config: ProvisionerConfig, process: Process, pool: Pool, wakeups: Wakeups
) -> list[Relay]:
    """Return what brings observations to those who are told of them."""
    targets = {SUBSCRIPTION: config.subscription_target, PRICING: config.pricing_target}
    relays: list[Relay] = []
    for name, target in targets.items():
        if not target:
            continue
        channel = connect(target, server_name=name, tls=config.chassis.tls)
        process.resources.push_async_callback(channel.close)
        relays.append(
            Relay(
                pool,
                name,
                FactSinkClient(channel).deliver,
                wakeups=wakeups,
                clock=process.clock,
                lease=config.lease,
                deliver_timeout=config.lease / 2,
            )
        )
    return relays


if __name__ == "__main__":
    main("provisioner", read_config, run)
