"""A replica of the provisioner, on the simulation's cluster."""

from collections.abc import Callable
from typing import Any, Protocol, cast

from services.chassis.relaying import RelayLoop
from services.chassis.sink import SERVICE as SINK
from services.chassis.sink import FactSinkClient, FactSinkServicer
from services.chassis.working import WorkerLoop
from services.provisioner.access import ACCESS
from services.provisioner.convert import SUBSCRIPTION
from services.provisioner.drawing import Drawings
from services.provisioner.kube.cache import Heard, ObjectCache
from services.provisioner.kube.writes import OwnWrites
from services.provisioner.naming import Naming
from services.provisioner.objects import Live
from services.provisioner.organization.feed import OrganizationFeed
from services.provisioner.organization.seen import OrganizationView
from services.provisioner.organization.settings import OrganizationSettings
from services.provisioner.organization.ways import Ways
from services.provisioner.ports import Cluster
from services.provisioner.reconcile import Reconciler
from services.provisioner.servicer import SERVICE, Desk, OrderIntake, ProvisionerServicer
from services.provisioner.store import QUEUE
from services.provisioner.usecases import Organizations
from services.provisioner.watching import Watching
from services.provisioner.worker import DriftFeed, TenantWorker, resync
from tests.simulation.services.replica import Compose, Replica
from tollgate.common.v1.fact_sink_service_pb2_grpc import add_FactSinkServicer_to_server
from tollgate.provisioner.v1.provisioner_service_pb2_grpc import (
    add_ProvisionerServiceServicer_to_server,
)

RESYNC = 120 * 24 * 3600.0
"""Seconds between looks at every tenant; with months to pass, every ten minutes is too much."""
_LEASE = 10.0
_AT_ONCE = 8
_DRAWINGS = 10_000
_READS = frozenset({"get", "list_in", "list_labelled"})


class Kube(Cluster, Protocol):
    """The simulation's cluster: the port, and what replicas hear of it.

    ``name`` is that of the life that hears.
    """

    def view(self, name: str, hear: Callable[[Heard], None]) -> ObjectCache:
        """Return what this life hears of our objects."""
        ...

    def organizations(self, name: str, hear: Callable[[str, str], None]) -> OrganizationView:
        """Return what this life hears of organizations."""
        ...


class NotingCluster:
    """The cluster as one replica reaches it: what it wrote is noted, as by the real client."""

    def __init__(self, cluster: Cluster, writes: OwnWrites) -> None:
        self._cluster = cluster
        self._writes = writes

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._cluster, name)
        if name in _READS:
            return call

        async def write(*args: Any, **kwargs: Any) -> Any:
            told = await call(*args, **kwargs)
            if isinstance(told, Live):
                self._writes.note(told.resource_version)
            return told

        return write


def provisioner(kube: Kube) -> Compose:
    """Return the composition of the provisioner with a cluster.

    What a tenant's objects should be follows from its order alone, so it is drawn once for all
    replicas: else each that starts again draws all of them.
    """
    drawings = Drawings(_DRAWINGS)

    async def compose(replica: Replica) -> None:
        await _serve(replica, kube, drawings)

    return compose


async def _serve(replica: Replica, kube: Kube, drawings: Drawings) -> None:
    clock, loops, tx = replica.clock, replica.loops, replica.rows.tx
    names, writes = Naming(), OwnWrites()
    cluster = cast("Cluster", NotingCluster(kube, writes))
    feed = DriftFeed(tx, writes, clock)
    view = kube.view(replica.life, feed.hear)
    paid = OrganizationFeed(tx, writes.are_ours, clock)
    organizations = kube.organizations(replica.life, paid.hear)
    loops.create_task(paid.run())
    counter = replica.metrics.counter("quota_writes", "Organizations' quotas written", ("why",))
    ways = Ways(organizations, OrganizationSettings(), counter)
    reconciler = Reconciler(
        tx,
        cluster,
        view,
        names,
        replica.ids,
        clock,
        ways,
        drawings=drawings,
        jitter=replica.jitter,
    )
    looks = resync(tx, clock, RESYNC, reconciler.stands, view.wait_until_ready)
    for loop in (feed.run(reconciler.stands), looks):
        loops.create_task(loop)
    worker = WorkerLoop(
        replica.rows.queue,
        QUEUE,
        TenantWorker(reconciler, replica.metrics).handle,
        wakeups=replica.wakeups,
        clock=clock,
        concurrency=_AT_ONCE,
        lease=_LEASE,
        jitter=replica.jitter,
    )
    replica.work.create_task(worker.run(replica.stopping))
    up: Any = replica.channel(SUBSCRIPTION)
    relay = RelayLoop(
        replica.rows.outbox,
        SUBSCRIPTION,
        FactSinkClient(up).deliver,
        wakeups=replica.wakeups,
        clock=clock,
        lease=_LEASE,
        deliver_timeout=_LEASE / 2,
        jitter=replica.jitter,
    )
    loops.create_task(relay.run())
    desk = Desk(tx, cluster, names, replica.ids, clock, Organizations(view, ways))
    watching = Watching(tx, replica.wakeups, clock, replica.jitter)
    sink = FactSinkServicer(OrderIntake(desk).take, replica.work)
    replica.platform.net.serve(
        [
            (
                add_ProvisionerServiceServicer_to_server,
                ProvisionerServicer(desk, watching),
                SERVICE,
            ),
            (add_FactSinkServicer_to_server, sink, SINK),
        ],
        ACCESS,
    )
    await replica.stopping.wait()
    replica.platform.net.leave()
