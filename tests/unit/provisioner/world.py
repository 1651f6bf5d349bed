"""A provisioner in memory, and the document's order."""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from services.chassis.metrics import Metrics
from services.chassis.wakeups import Wakeups
from services.provisioner import isolation, naming, sessions, usecases
from services.provisioner.convert import Codec
from services.provisioner.domain import (
    Autoscale,
    Capacity,
    ContainerLimits,
    NamespaceCapacity,
    Order,
    OrderedPhase,
    Tenant,
    Version,
    Workload,
)
from services.provisioner.naming import Naming
from services.provisioner.objects import Live, Ref
from services.provisioner.organization.settings import OrganizationSettings
from services.provisioner.organization.ways import Ways
from services.provisioner.ports import Cluster, Store
from services.provisioner.reconcile import Reconciler
from services.provisioner.timeline import Result
from tests.fakes.chassis import ManualClock, MemoryDatabase, MemoryTransactions, SequenceIds
from tests.fakes.memory_outbox import OUTBOX
from tests.fakes.provisioner import TENANT_ROWS, MemoryCluster, MemoryStore
from tests.fakes.provisioner_views import MemoryLease, MemoryOrganizations, MemoryView
from tollgate.provisioner.v1 import events_pb2, provisioner_pb2

ACCOUNT = "acc_0001"
PROFESSIONAL = NamespaceCapacity(
    quota={"pods": "50", "requests.memory": "6400M", "limits.memory": "6400M"},
    container=ContainerLimits(
        default_limits={"memory": "128M"}, default_requests={"memory": "128M", "cpu": "50m"}
    ),
    autoscale=Autoscale(min=5, max=50, cpu_percent=70),
    warm_pool=5,
    workload=Workload(
        image="registry.example/browser:1",
        requests={"memory": "128M", "cpu": "50m"},
        limits={"memory": "128M"},
        port=9222,
    ),
)


def order(
    generation: int = 1,
    phase: OrderedPhase = OrderedPhase.RUNNING,
    *,
    epoch: int = 1,
    capacity: Capacity = PROFESSIONAL,
    **others: Any,
) -> Order:
    """Return an order of the one account."""
    return Order(
        account=others.pop("account", ACCOUNT),
        incarnation=others.pop("incarnation", 1),
        version=Version(epoch, generation),
        phase=phase,
        plan=others.pop("plan", "sessions/professional"),
        capacity=capacity,
        **others,
    )


@dataclass
class World:
    """Everything that one provisioner works with."""

    clock: ManualClock = field(default_factory=ManualClock)
    ids: SequenceIds = field(default_factory=SequenceIds)
    cluster: MemoryCluster = field(default_factory=MemoryCluster)
    names: Naming = field(default_factory=Naming)
    wakeups: Wakeups = field(default_factory=Wakeups)
    db: MemoryDatabase = field(default_factory=MemoryDatabase)
    settings: OrganizationSettings = field(default_factory=OrganizationSettings)

    def __post_init__(self) -> None:
        self.db.clock = self.clock
        self.codec = Codec()
        self.tx: MemoryTransactions[Store] = MemoryTransactions(
            self.db, lambda tx: MemoryStore(tx, self.codec), wakeups=self.wakeups
        )
        self.view = MemoryView(self.cluster)
        self.organizations = MemoryOrganizations(self.cluster)
        self.metrics = Metrics()
        writes = self.metrics.counter("quota_writes", "Quotas written", ("why",))
        self.ways = Ways(self.organizations, self.settings, writes)

    def reconciler(self, cluster: Cluster | None = None) -> Reconciler:
        """Return a new worker, as after a restart."""
        return Reconciler(
            self.tx,
            cluster or self.cluster,
            self.view,
            self.names,
            self.ids,
            self.clock,
            self.ways,
        )

    async def take(self, one: Order) -> Tenant:
        """Take an order."""
        return await usecases.order_capacity(
            self.tx, self.names, self.ids, self.clock, one, "service:subscription"
        )

    async def run(self, tenant: Tenant, cluster: Cluster | None = None) -> Result | None:
        """Run over a tenant once."""
        return await self.reconciler(cluster).reconcile(tenant.id, MemoryLease())

    async def make(self, one: Order) -> Tenant:
        """Take an order and make it true."""
        tenant = await self.take(one)
        await self.run(tenant)
        return self.tenant(tenant.id)

    def tenant(self, tenant_id: str) -> Tenant:
        """Return a tenant as it was committed."""
        return self.db.committed(TENANT_ROWS)[tenant_id]

    def facts(self) -> list[events_pb2.CapacityObserved]:
        """Return the facts that wait in the outbox, in their order."""
        rows = sorted(self.db.committed(OUTBOX).items())
        return [events_pb2.CapacityObserved.FromString(row.fact.payload) for _, row in rows]

    def phases(self) -> list[str]:
        """Return the phases that were told, in their order."""
        return [
            provisioner_pb2.TenantPhase.Name(fact.phase).removeprefix("TENANT_PHASE_")
            for fact in self.facts()
        ]

    def deployment(self, tenant: Tenant) -> Live:
        """Return the Deployment as it stands."""
        return self.cluster.at(sessions.deployment_ref(tenant.namespace))

    def owner(self, tenant: Tenant) -> Live | None:
        """Return the owner's binding if it stands."""
        return self.cluster.read(isolation.owner_ref(tenant.namespace))

    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance(seconds)


def made_of(cluster: MemoryCluster) -> set[tuple[str, str]]:
    """Return what stands, by kind and name, without the namespace's own name."""
    return {(ref.kind, "" if ref.kind == "Namespace" else ref.name) for ref in cluster.stored}


EVERYTHING = {
    ("Namespace", ""),
    ("ResourceQuota", naming.QUOTA),
    ("LimitRange", naming.LIMITS),
    ("NetworkPolicy", naming.DENY_ALL),
    ("NetworkPolicy", naming.ALLOW_DNS),
    ("NetworkPolicy", naming.ALLOW_INSIDE),
    ("Deployment", naming.SESSIONS),
    ("HorizontalPodAutoscaler", naming.SESSIONS),
    ("RoleBinding", naming.OWNER_BINDING),
}
FENCES = {"Namespace", "ResourceQuota", "LimitRange", "NetworkPolicy"}


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until a condition holds of which nothing tells."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.005)


def of_nobody(_tenant: Tenant, _heard: Collection[Ref] = ()) -> bool:
    """Say that nobody stands as ordered, so that everybody is queued."""
    return False
