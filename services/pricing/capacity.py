"""What a plan stands for in the cluster, and how add-ons enlarge it. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from services.chassis import quantities

Quantities: TypeAlias = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ContainerLimits:
    """Defaults and bounds by resource name; a missing name is not bounded."""

    default_limits: Quantities = field(default_factory=dict)
    default_requests: Quantities = field(default_factory=dict)
    max: Quantities = field(default_factory=dict)
    min: Quantities = field(default_factory=dict)
    max_pod: Quantities = field(default_factory=dict)
    max_volume_claim: Quantities = field(default_factory=dict)
    min_volume_claim: Quantities = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Autoscale:
    """Bounds of a horizontal autoscaler."""

    min: int
    max: int
    cpu_percent: int


@dataclass(frozen=True, slots=True)
class Workload:
    """A container image and what it asks for; port 0 for none."""

    image: str
    requests: Quantities = field(default_factory=dict)
    limits: Quantities = field(default_factory=dict)
    port: int = 0
    args: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Nothing:
    """An entitlement only."""

    limits: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Namespace:
    """A fenced namespace with its own workloads."""

    quota: Quantities
    container: ContainerLimits
    autoscale: Autoscale | None
    warm_pool: int
    workload: Workload | None


@dataclass(frozen=True, slots=True)
class Organization:
    """The quota of an organization over all its projects."""

    quota: Quantities
    overhead_per_project: Quantities
    burst_ratio: str
    container: ContainerLimits
    public_ips: int | None
    object_storage_gb: int
    suspended_quota: Quantities


@dataclass(frozen=True, slots=True)
class Tenant:
    """A Helm application with a database of its own."""

    chart: str
    values: Mapping[str, str]
    database: bool


@dataclass(frozen=True, slots=True)
class Resource:
    """Custom resources of these kinds; 0 objects is not bounded."""

    kinds: tuple[str, ...]
    max_objects: int


Capacity: TypeAlias = Nothing | Namespace | Organization | Tenant | Resource


class NotEnlargeable(ValueError):  # noqa: N818 - reads as what it is
    """An add-on cannot enlarge a plan of this kind, or adds what the plan does not have."""


def enlarged(base: Capacity, additions: Iterable[tuple[Quantities, int]]) -> Capacity:
    """Return ``base`` with each addition taken its number of times into the quota.

    An addition names the quota's own resources; NotEnlargeable if the quota has no such resource
    or the capacity has no quota.
    """
    for adds, times in additions:
        if not isinstance(base, Namespace | Organization):
            raise NotEnlargeable("this plan has no quota that an add-on could enlarge")
        base = replace(base, quota=_sum(base.quota, adds, times))
    return base


def _sum(quota: Quantities, adds: Quantities, times: int) -> dict[str, str]:
    total = dict(quota)
    for resource, amount in adds.items():
        if resource not in total:
            raise NotEnlargeable(f"the plan's quota has no {resource} to add to")
        total[resource] = quantities.add(total[resource], amount, times)
    return total
