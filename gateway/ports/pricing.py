"""Pricing, as the gateway sees it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from gateway.ports.subscription import AddonQuantity
from services.chassis.money import Money


@dataclass(frozen=True, slots=True)
class Offer:
    """A plan or an add-on, as a list of them shows it. ``quota`` holds Kubernetes quantities."""

    name: str
    display_name: str
    description: str
    monthly: Money | None
    recommended: bool
    highlights: Sequence[str]
    quota: Mapping[str, str]
    object_storage_gb: int | None
    public_ips: int | None


@dataclass(frozen=True, slots=True)
class ResourceWish:
    """One resource to be priced; sizes are texts, as they were written. 0 replicas is one."""

    type: str
    cpu: str = ""
    memory: str = ""
    storage: str = ""
    replicas: int = 0


@dataclass(frozen=True, slots=True)
class Deployment:
    """What is to be priced; what is empty is the rate card's default."""

    resources: Sequence[ResourceWish]
    region: str = ""
    hours: str = ""
    backup_plan: str = ""
    features: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class CostPart:
    """What one component costs, for the duration and for a month."""

    component: str
    amount: Money
    monthly: Money


@dataclass(frozen=True, slots=True)
class ResourceCost:
    """What one resource costs, and its parts."""

    type: str
    amount: Money
    monthly: Money
    parts: Sequence[CostPart]


@dataclass(frozen=True, slots=True)
class Quote:
    """A price that is kept for its owner until it expires."""

    name: str
    expire_time: datetime
    payment_required: bool
    total: Money
    monthly: Money
    resources: Sequence[ResourceCost]
    components: Sequence[CostPart]
    region: str


class Pricing(Protocol):
    """The pricing service."""

    async def plans(self, catalog: str) -> Sequence[Offer]:
        """Return the plans that a catalog offers."""
        ...

    async def addons(self, catalog: str) -> Sequence[Offer]:
        """Return the add-ons that a catalog offers."""
        ...

    async def capacity(
        self, plan: str, addons: Sequence[AddonQuantity], catalog_version: str
    ) -> Mapping[str, str]:
        """Return what a plan and its add-ons stand for, as quantities by resource."""
        ...

    async def quote(self, deployment: Deployment, request_id: str) -> Quote:
        """Price a deployment for the person who acts, and keep the price."""
        ...
