"""What the provisioner speaks about: orders of capacity, and the tenants that stand for them.

Values only. How a tenant moves from phase to phase is in ``lifecycle``, what an order may say in
``orders``, what stands in the cluster for it in ``manifests``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from services.chassis.identity import Principal

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]
JsonObject = Mapping[str, Json]


class OrderedPhase(StrEnum):
    """What is ordered for an incarnation of an account."""

    RUNNING = "RUNNING"
    SUSPENDED = "SUSPENDED"
    DELETED = "DELETED"


class TenantPhase(StrEnum):
    """Where a tenant stands."""

    PENDING = "PENDING"
    PROGRESSING = "PROGRESSING"
    READY = "READY"
    SUSPENDED = "SUSPENDED"
    DELETING = "DELETING"
    DELETED = "DELETED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """Which order: the epoch first, then the generation. Only ever grows."""

    epoch: int
    generation: int


@dataclass(frozen=True, slots=True)
class Autoscale:
    """Bounds of the autoscaler, in replicas, and the CPU utilisation it aims at, in percent."""

    min: int
    max: int
    cpu_percent: int


@dataclass(frozen=True, slots=True)
class Workload:
    """What the Deployment ``sessions`` runs; ``port`` 0 listens on none."""

    image: str
    requests: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, str] = field(default_factory=dict)
    port: int = 0
    args: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ContainerLimits:
    """Defaults and bounds by resource name; a missing name is not bounded."""

    default_limits: Mapping[str, str] = field(default_factory=dict)
    default_requests: Mapping[str, str] = field(default_factory=dict)
    max: Mapping[str, str] = field(default_factory=dict)
    min: Mapping[str, str] = field(default_factory=dict)
    max_pod: Mapping[str, str] = field(default_factory=dict)
    max_volume_claim: Mapping[str, str] = field(default_factory=dict)
    min_volume_claim: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NothingCapacity:
    """No objects: the plan is an entitlement only."""

    limits: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NamespaceCapacity:
    """A fenced namespace with its own workloads. ``autoscale`` None: no autoscaler."""

    quota: Mapping[str, str] = field(default_factory=dict)
    container: ContainerLimits = ContainerLimits()
    autoscale: Autoscale | None = None
    warm_pool: int = 0
    workload: Workload | None = None

    @property
    def least_replicas(self) -> int:
        """Replicas of ``sessions`` that stand when nobody uses any."""
        if self.autoscale is None:
            return self.warm_pool
        return min(max(self.autoscale.min, self.warm_pool), self.autoscale.max)


@dataclass(frozen=True, slots=True)
class OrganizationCapacity:
    """The quota of an organization and of its projects together.

    ``quota`` is plan and add-ons without system overhead, by the capacity's own names (``cpu``,
    ``memory``, ``storage``, ``pods``, ``services.loadbalancers``). ``burst_ratio`` is a decimal:
    limits are requests times it. ``public_ips`` None: not enforced.
    """

    quota: Mapping[str, str] = field(default_factory=dict)
    overhead_per_project: Mapping[str, str] = field(default_factory=dict)
    burst_ratio: str = "1"
    container: ContainerLimits = ContainerLimits()
    public_ips: int | None = None
    object_storage_gb: int = 0
    suspended_quota: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OtherCapacity:
    """A kind that this version cannot make. ``wire`` keeps it whole for the version that can."""

    kind: str
    wire: bytes


Capacity = NothingCapacity | NamespaceCapacity | OrganizationCapacity | OtherCapacity


class SubscriptionState(StrEnum):
    """Where the subscription behind an order stands."""

    INCOMPLETE = "INCOMPLETE"
    TRIALING = "TRIALING"
    ACTIVE = "ACTIVE"
    PAST_DUE = "PAST_DUE"
    SUSPENDED = "SUSPENDED"
    PAUSED = "PAUSED"
    CANCELING = "CANCELING"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True)
class Subscribed:
    """What an order tells of its subscription, for others to read in the cluster.

    ``addons`` are ids and how many. The provider's ids are empty where there are none; times are
    None where they do not apply.
    """

    subscription: str
    state: SubscriptionState
    plan_display_name: str = ""
    addons: tuple[tuple[str, int], ...] = ()
    provider: str = ""
    provider_subscription_id: str = ""
    provider_customer_id: str = ""
    begin_time: datetime | None = None
    suspend_time: datetime | None = None
    trial_end_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """What the cluster is to hold for one incarnation of an account: a full snapshot.

    ``traceparent`` is the trace that it came in, empty for none; it makes no other order.
    """

    account: str
    incarnation: int
    version: Version
    phase: OrderedPhase
    plan: str
    capacity: Capacity
    owner_subject: str = ""
    organization: str = ""
    paid_until: datetime | None = None
    receive_time: datetime | None = None
    subscription: Subscribed | None = None
    traceparent: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that is true, false or unknown of a tenant; ``since`` is when that changed last."""

    type: str
    status: str
    reason: str
    message: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Tenant:
    """What the cluster holds for one incarnation of an account, as the database knows it.

    ``namespace`` was chosen before the first request for it; ``uid`` is that of the namespace
    that is ours, empty until it is known; ``claim`` is what a namespace without a recorded uid has
    to carry to be ours. ``attempt`` counts the names that turned out to be taken. For an
    organization ``namespace`` stays empty (its name is the order's) and ``uid`` is that of the
    Organization. ``standing`` is the capacity with objects that was last made. ``revision`` numbers
    the facts about this tenant, ``change`` every change of the row. ``number`` is assigned by the
    store.
    """

    id: str
    number: int
    order: Order
    create_time: datetime
    update_time: datetime
    phase: TenantPhase = TenantPhase.PENDING
    reason: str = ""
    namespace: str = ""
    uid: str = ""
    claim: str = ""
    attempt: int = 0
    standing: Capacity | None = None
    observed_generation: int = 0
    conditions: tuple[Condition, ...] = ()
    ready_time: datetime | None = None
    revision: int = 0
    change: int = 0

    @property
    def version(self) -> Version:
        """The order in force."""
        return self.order.version

    @property
    def closed(self) -> bool:
        """The incarnation is over for good: it was ordered away, and that is never taken back."""
        return self.order.phase is OrderedPhase.DELETED


@dataclass(frozen=True, slots=True)
class Observed:
    """A fact about a tenant, on its way up: a full snapshot of what was seen."""

    tenant: Tenant
    observe_time: datetime


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose tenants a caller may see: everybody's, or those of a subject or an organization."""

    everybody: bool = False
    subject: str = ""
    organization: str = ""

    def admits(self, order: Order) -> bool:
        """Tell whether the tenant of this order may be seen."""
        if self.everybody:
            return True
        own = bool(self.subject) and order.owner_subject == self.subject
        member = bool(self.organization) and order.organization == self.organization
        return own or member


def scope_of(principal: Principal) -> Scope:
    """Return whose tenants this principal may see.

    Services see all of them, and so do platform admins. Others see what was ordered for their own
    subject or organization: nothing else links an account to a person yet.
    """
    if principal.kind == "service" or principal.is_platform_admin:
        return Scope(everybody=True)
    return Scope(subject=principal.subject, organization=principal.organization)
