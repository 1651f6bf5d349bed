"""Between the contracts' messages and the provisioner's domain."""

from google.protobuf.message import DecodeError

from services.chassis.errors import InvalidArgument, Violations
from services.chassis.facts import FactRecord
from services.chassis.ids import derived
from services.chassis.telemetry import current_traceparent
from services.provisioner.convert.capacity import (
    capacity_from_bytes,
    capacity_to_bytes,
    from_proto_capacity,
    to_proto_capacity,
)
from services.provisioner.convert.subscribed import (
    from_proto_subscribed,
    subscribed_from_bytes,
    subscribed_to_bytes,
)
from services.provisioner.convert.times import from_time, to_optional, to_time
from services.provisioner.domain import (
    Capacity,
    Condition,
    NothingCapacity,
    Observed,
    Order,
    OrderedPhase,
    OrganizationCapacity,
    Subscribed,
    Tenant,
    TenantPhase,
    Version,
)
from services.provisioner.plan import Action, Change
from tollgate.provisioner.v1 import events_pb2, provisioner_pb2
from tollgate.subscription.v1 import events_pb2 as subscription_events_pb2
from tollgate.subscription.v1 import subscription_pb2

ORDERED = subscription_events_pb2.CapacityOrdered.DESCRIPTOR.full_name
OBSERVED = events_pb2.CapacityObserved.DESCRIPTOR.full_name
SUBSCRIPTION = "subscription"
PRICING = "pricing"

_ORDERED_PHASES = {
    subscription_pb2.PHASE_RUNNING: OrderedPhase.RUNNING,
    subscription_pb2.PHASE_SUSPENDED: OrderedPhase.SUSPENDED,
    subscription_pb2.PHASE_DELETED: OrderedPhase.DELETED,
}
_PHASES = {
    phase: provisioner_pb2.TenantPhase.Value(f"TENANT_PHASE_{phase.value}") for phase in TenantPhase
}
_ACTIONS = {
    action: provisioner_pb2.PlannedChange.Action.Value(f"ACTION_{action.value}")
    for action in Action
}


def from_proto_order(message: subscription_events_pb2.CapacityOrdered) -> Order:
    """Convert an order; InvalidArgument for a phase or a kind of capacity that is not set."""
    bad = Violations()
    phase = _ORDERED_PHASES.get(message.phase)
    if phase is None:
        bad.add("phase", "is running, suspended or deleted")
    capacity = from_proto_capacity(message.capacity)
    if capacity is None:
        bad.add("capacity", "names one kind that is known here")
    bad.raise_if_any()
    if phase is None or capacity is None:
        raise AssertionError("refused above")
    return Order(
        account=message.account,
        incarnation=message.incarnation,
        version=Version(message.epoch, message.generation),
        phase=phase,
        plan=message.plan,
        capacity=capacity,
        owner_subject=message.owner_subject,
        organization=message.organization,
        paid_until=from_time(message.paid_until) if message.HasField("paid_until") else None,
        receive_time=from_time(message.receive_time) if message.HasField("receive_time") else None,
        subscription=from_proto_subscribed(message.subscription)
        if message.HasField("subscription")
        else None,
    )


def from_fact(fact: FactRecord) -> Order:
    """Read the order in a fact; InvalidArgument if its payload is none."""
    message = subscription_events_pb2.CapacityOrdered()
    try:
        message.ParseFromString(fact.payload)
    except DecodeError as error:
        raise InvalidArgument(f"Fact {fact.id} holds no {ORDERED}.") from error
    return from_proto_order(message)


def to_proto_tenant(tenant: Tenant) -> provisioner_pb2.Tenant:
    """Convert a tenant."""
    order = tenant.order
    return provisioner_pb2.Tenant(
        name=tenant.id,
        number=tenant.number,
        account=order.account,
        incarnation=order.incarnation,
        plan=order.plan,
        namespace=_namespace(tenant),
        phase=_PHASES[tenant.phase],
        reason=tenant.reason,
        epoch=order.version.epoch,
        generation=order.version.generation,
        observed_generation=tenant.observed_generation,
        conditions=[_to_condition(condition) for condition in tenant.conditions],
        capacity=to_proto_capacity(order.capacity),
        create_time=to_time(tenant.create_time),
        ready_time=to_optional(tenant.ready_time),
        update_time=to_time(tenant.update_time),
        receive_time=to_optional(order.receive_time),
    )


def to_proto_change(change: Change) -> provisioner_pb2.PlannedChange:
    """Convert a change of the cluster."""
    return provisioner_pb2.PlannedChange(
        action=_ACTIONS[change.action],
        kind=change.ref.kind,
        namespace=change.ref.namespace,
        name=change.ref.name,
    )


def to_fact(
    observed: Observed, *, region: str = "", destinations: tuple[str, ...] = (SUBSCRIPTION,)
) -> FactRecord:
    """Return the fact that says what was observed; its id is the same for the same revision."""
    tenant = observed.tenant
    standing = _standing(tenant)
    message = events_pb2.CapacityObserved(
        tenant=tenant.id,
        account=tenant.order.account,
        incarnation=tenant.order.incarnation,
        epoch=tenant.version.epoch,
        generation=tenant.version.generation,
        phase=_PHASES[tenant.phase],
        reason=tenant.reason,
        # A name that is only chosen yet is nothing that was seen.
        namespace=_namespace(tenant) if tenant.uid else "",
        plan=tenant.order.plan,
        capacity=None if standing is None else to_proto_capacity(standing),
        conditions=[_to_condition(condition) for condition in tenant.conditions],
        observe_time=to_time(observed.observe_time),
        owner_subject=tenant.order.owner_subject,
        organization=tenant.order.organization,
        region=region,
    )
    return FactRecord(
        id=derived("fct", "provisioner", tenant.id, str(tenant.revision)),
        key=f"tenant:{tenant.id}",
        revision=tenant.revision,
        type=OBSERVED,
        payload=message.SerializeToString(deterministic=True),
        destinations=destinations,
        traceparent=current_traceparent(),
    )


_MOST_STORED = 1024


class Codec:
    """What the store writes of values that are messages elsewhere.

    ``region`` is the rate card's for what stands here; pricing is told only where it is ``priced``.
    """

    def __init__(self, *, region: str = "", priced: bool = False) -> None:
        self._region = region
        self._destinations = (SUBSCRIPTION, PRICING) if priced else (SUBSCRIPTION,)
        # By identity, with the capacity itself, so that an id is not given to another meanwhile.
        self._stored: dict[int, tuple[Capacity, bytes]] = {}

    def fact(self, observed: Observed) -> FactRecord:
        """Return the fact for the outbox.

        What is said first of a tenant, before anything of it stands, begins and ends no cost.
        """
        tenant = observed.tenant
        nothing_yet = tenant.revision == 1 and _standing(tenant) is None
        destinations = (SUBSCRIPTION,) if nothing_yet else self._destinations
        return to_fact(observed, region=self._region, destinations=destinations)

    def capacity_to_bytes(self, capacity: Capacity) -> bytes:
        """Return what is stored of a capacity; all tenants of a plan have the same one."""
        known = self._stored.get(id(capacity))
        if known is not None:
            return known[1]
        if len(self._stored) >= _MOST_STORED:
            self._stored.clear()
        raw = capacity_to_bytes(capacity)
        self._stored[id(capacity)] = (capacity, raw)
        return raw

    def capacity_from_bytes(self, raw: bytes) -> Capacity:
        """Return the capacity that was stored."""
        return capacity_from_bytes(raw)

    def subscribed_to_bytes(self, told: Subscribed) -> bytes:
        """Return what is stored of an order's subscription."""
        return subscribed_to_bytes(told)

    def subscribed_from_bytes(self, raw: bytes) -> Subscribed | None:
        """Return what was stored of an order's subscription."""
        return subscribed_from_bytes(raw)


def _namespace(tenant: Tenant) -> str:
    """An organization's namespace is called as itself; it is not ours and not chosen here."""
    if isinstance(tenant.standing, OrganizationCapacity):
        return tenant.namespace or tenant.order.organization
    return tenant.namespace


def _standing(tenant: Tenant) -> Capacity | None:
    """What stands: the namespace that was made, or an entitlement that needs no objects."""
    if tenant.phase is TenantPhase.DELETED:
        return None
    if tenant.standing is None and isinstance(tenant.order.capacity, NothingCapacity):
        return tenant.order.capacity
    return tenant.standing if tenant.uid else None


def _to_condition(condition: Condition) -> provisioner_pb2.Condition:
    return provisioner_pb2.Condition(
        type=condition.type,
        status=condition.status,
        reason=condition.reason,
        message=condition.message,
        last_transition_time=to_time(condition.since),
    )
