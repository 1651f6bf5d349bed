"""The provisioner's facts, and the bytes that observations are kept as."""

from datetime import UTC, datetime

from google.protobuf.message import DecodeError, Message
from google.protobuf.timestamp_pb2 import Timestamp

from services.chassis.errors import InvalidArgument, Violations
from services.chassis.facts import FactRecord
from services.pricing.capacity import (
    Autoscale,
    Capacity,
    ContainerLimits,
    Namespace,
    Nothing,
    Organization,
    Resource,
    Tenant,
    Workload,
)
from services.pricing.convert import to_proto_capacity
from services.pricing.costs.domain import Observation
from tollgate.common.v1 import capacity_pb2
from tollgate.provisioner.v1 import events_pb2, provisioner_pb2

OBSERVED = events_pb2.CapacityObserved.DESCRIPTOR.full_name
_NAMESPACE_KEPT = "NAMESPACE_KEPT"
"""The reason of a namespace that is out of use, under a plan that needs none."""


def from_fact(fact: FactRecord) -> Observation | None:
    """Read the observation in a fact; InvalidArgument if its payload is none.

    None for a kind of capacity that this version does not know.
    """
    message = events_pb2.CapacityObserved()
    try:
        message.ParseFromString(fact.payload)
    except DecodeError as error:
        raise InvalidArgument(f"Fact {fact.id} holds no {OBSERVED}.") from error
    bad = Violations()
    if not message.tenant:
        bad.add("tenant", "is required")
    if not message.HasField("observe_time"):
        bad.add("observe_time", "is required")
    if fact.revision < 1:
        bad.add("revision", "expected that of a state fact, from 1")
    bad.raise_if_any()
    if message.HasField("capacity") and message.capacity.WhichOneof("kind") is None:
        return None
    return _observation(fact.revision, message)


def encode_observation(observation: Observation) -> bytes:
    """Write what costs of an observation."""
    resting = observation.resting
    message = events_pb2.CapacityObserved(
        tenant=observation.tenant,
        account=observation.account,
        phase=provisioner_pb2.TENANT_PHASE_SUSPENDED
        if resting
        else provisioner_pb2.TENANT_PHASE_READY,
        namespace=observation.namespace,
        plan=observation.plan,
        observe_time=to_time(observation.observe_time),
        owner_subject=observation.user,
        organization=observation.organization,
        region=observation.region,
    )
    if observation.capacity is not None:
        message.capacity.CopyFrom(to_proto_capacity(observation.capacity))
    return message.SerializeToString(deterministic=True)


def decode_observation(revision: int, content: bytes) -> Observation:
    """Read back what ``encode_observation`` wrote."""
    return _observation(revision, events_pb2.CapacityObserved.FromString(content))


def to_time(moment: datetime) -> Timestamp:
    """Write a time."""
    time = Timestamp()
    time.FromDatetime(moment)
    return time


def _observation(revision: int, message: events_pb2.CapacityObserved) -> Observation:
    suspended = message.phase == provisioner_pb2.TENANT_PHASE_SUSPENDED
    return Observation(
        tenant=message.tenant,
        revision=revision,
        observe_time=message.observe_time.ToDatetime(UTC),
        account=message.account,
        plan=message.plan,
        capacity=_capacity(message.capacity),
        resting=suspended or message.reason == _NAMESPACE_KEPT,
        namespace=message.namespace,
        user=message.owner_subject,
        organization=message.organization,
        region=message.region,
    )


def _capacity(message: capacity_pb2.Capacity) -> Capacity | None:
    """Read a capacity; None for none."""
    match message.WhichOneof("kind"):
        case "nothing":
            return Nothing(dict(message.nothing.limits))
        case "namespace":
            return _namespace(message.namespace)
        case "organization":
            return _organization(message.organization)
        case "tenant":
            tenant = message.tenant
            return Tenant(tenant.chart, dict(tenant.values), tenant.database)
        case "resource":
            return Resource(tuple(message.resource.kinds), message.resource.max_objects)
        case _:
            return None


def _namespace(message: capacity_pb2.NamespaceCapacity) -> Namespace:
    scale, work = message.autoscale, message.workload
    return Namespace(
        quota=dict(message.quota),
        container=_container(message.container),
        autoscale=Autoscale(scale.min, scale.max, scale.cpu_percent)
        if _has(message, "autoscale")
        else None,
        warm_pool=message.warm_pool,
        workload=Workload(
            work.image, dict(work.requests), dict(work.limits), work.port, tuple(work.args)
        )
        if _has(message, "workload")
        else None,
    )


def _organization(message: capacity_pb2.OrganizationCapacity) -> Organization:
    return Organization(
        quota=dict(message.quota),
        overhead_per_project=dict(message.overhead_per_project),
        burst_ratio=message.burst_ratio,
        container=_container(message.container),
        public_ips=message.public_ips if _has(message, "public_ips") else None,
        object_storage_gb=message.object_storage_gb,
        suspended_quota=dict(message.suspended_quota),
    )


def _container(message: capacity_pb2.ContainerLimits) -> ContainerLimits:
    return ContainerLimits(
        default_limits=dict(message.default_limits),
        default_requests=dict(message.default_requests),
        max=dict(message.max),
        min=dict(message.min),
        max_pod=dict(message.max_pod),
        max_volume_claim=dict(message.max_volume_claim),
        min_volume_claim=dict(message.min_volume_claim),
    )


def _has(message: Message, field: str) -> bool:
    return message.HasField(field)
