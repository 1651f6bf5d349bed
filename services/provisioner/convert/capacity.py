"""Capacity between its message and the domain. Kinds that cannot be made here are kept whole."""

from functools import lru_cache

from services.provisioner.domain import (
    Autoscale,
    Capacity,
    ContainerLimits,
    NamespaceCapacity,
    NothingCapacity,
    OrganizationCapacity,
    OtherCapacity,
    Workload,
)
from tollgate.common.v1 import capacity_pb2 as pb


def from_proto_capacity(message: pb.Capacity) -> Capacity | None:
    """Convert a capacity; None if no kind that is known here is set."""
    kind = message.WhichOneof("kind")
    if kind is None:
        return None
    if kind == "nothing":
        return NothingCapacity(dict(message.nothing.limits))
    if kind == "namespace":
        return _from_namespace(message.namespace)
    if kind == "organization":
        return _from_organization(message.organization)
    return OtherCapacity(kind, message.SerializeToString(deterministic=True))


def to_proto_capacity(capacity: Capacity) -> pb.Capacity:
    """Convert a capacity."""
    if isinstance(capacity, NothingCapacity):
        return pb.Capacity(nothing=pb.NothingCapacity(limits=capacity.limits))
    if isinstance(capacity, NamespaceCapacity):
        return pb.Capacity(namespace=_to_namespace(capacity))
    if isinstance(capacity, OrganizationCapacity):
        return pb.Capacity(organization=_to_organization(capacity))
    return pb.Capacity.FromString(capacity.wire)


def capacity_to_bytes(capacity: Capacity) -> bytes:
    """Return what is stored of a capacity."""
    return to_proto_capacity(capacity).SerializeToString(deterministic=True)


@lru_cache(maxsize=1024)
def capacity_from_bytes(raw: bytes) -> Capacity:
    """Return the capacity that was stored; a kind stored by an older version may be known now.

    Every tenant of a plan has the same few, and a capacity is never changed.
    """
    capacity = from_proto_capacity(pb.Capacity.FromString(raw))
    if capacity is None:
        raise ValueError("what is stored is no capacity")
    return capacity


def _from_namespace(message: pb.NamespaceCapacity) -> NamespaceCapacity:
    scale, workload = message.autoscale, message.workload
    return NamespaceCapacity(
        quota=dict(message.quota),
        container=_from_limits(message.container),
        autoscale=Autoscale(scale.min, scale.max, scale.cpu_percent)
        if message.HasField("autoscale")
        else None,
        warm_pool=message.warm_pool,
        workload=_from_workload(workload) if message.HasField("workload") else None,
    )


def _to_namespace(capacity: NamespaceCapacity) -> pb.NamespaceCapacity:
    scale, workload = capacity.autoscale, capacity.workload
    return pb.NamespaceCapacity(
        quota=capacity.quota,
        container=_to_limits(capacity.container),
        autoscale=None
        if scale is None
        else pb.Autoscale(min=scale.min, max=scale.max, cpu_percent=scale.cpu_percent),
        warm_pool=capacity.warm_pool,
        workload=None if workload is None else _to_workload(workload),
    )


def _from_organization(message: pb.OrganizationCapacity) -> OrganizationCapacity:
    return OrganizationCapacity(
        quota=dict(message.quota),
        overhead_per_project=dict(message.overhead_per_project),
        # An unset text is no decimal; nothing is multiplied then.
        burst_ratio=message.burst_ratio or "1",
        container=_from_limits(message.container),
        public_ips=message.public_ips if message.HasField("public_ips") else None,
        object_storage_gb=message.object_storage_gb,
        suspended_quota=dict(message.suspended_quota),
    )


def _to_organization(capacity: OrganizationCapacity) -> pb.OrganizationCapacity:
    return pb.OrganizationCapacity(
        quota=capacity.quota,
        overhead_per_project=capacity.overhead_per_project,
        burst_ratio=capacity.burst_ratio,
        container=_to_limits(capacity.container),
        public_ips=capacity.public_ips,
        object_storage_gb=capacity.object_storage_gb,
        suspended_quota=capacity.suspended_quota,
    )


def _from_workload(message: pb.Workload) -> Workload:
    return Workload(
        image=message.image,
        requests=dict(message.requests),
        limits=dict(message.limits),
        port=message.port,
        args=tuple(message.args),
    )


def _to_workload(workload: Workload) -> pb.Workload:
    return pb.Workload(
        image=workload.image,
        requests=workload.requests,
        limits=workload.limits,
        port=workload.port,
        args=workload.args,
    )


def _from_limits(message: pb.ContainerLimits) -> ContainerLimits:
    return ContainerLimits(
        default_limits=dict(message.default_limits),
        default_requests=dict(message.default_requests),
        max=dict(message.max),
        min=dict(message.min),
        max_pod=dict(message.max_pod),
        max_volume_claim=dict(message.max_volume_claim),
        min_volume_claim=dict(message.min_volume_claim),
    )


def _to_limits(limits: ContainerLimits) -> pb.ContainerLimits:
    return pb.ContainerLimits(
        default_limits=limits.default_limits,
        default_requests=limits.default_requests,
        max=limits.max,
        min=limits.min,
        max_pod=limits.max_pod,
        max_volume_claim=limits.max_volume_claim,
        min_volume_claim=limits.min_volume_claim,
    )
