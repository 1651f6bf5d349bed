"""Pricing, as the gateway sees it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from gateway.ports.quotes import DerivedResource, ObjectWish, QuoteChecks
from gateway.ports.sources import CatalogSources
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
class Commitment:
    """A term that is promised; ``upfront`` is none, partial or all, as it was written."""

    years: int
    upfront: str


@dataclass(frozen=True, slots=True)
class Deployment:
    """What is to be priced; what is empty is the rate card's default."""

    resources: Sequence[ResourceWish]
    region: str = ""
    hours: str = ""
    backup_plan: str = ""
    features: Sequence[str] = ()
    cloud: str = ""
    commitment: Commitment | None = None
    coupon: str = ""


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
class Discount:
    """What comes off: for volume, a commitment, the account or a coupon. Never above 0."""

    kind: str
    name: str
    amount: Money
    monthly: Money


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a commitment is paid: at its beginning, and each month from then on."""

    upfront: Money
    instalments: Sequence[Money]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentCost:
    """What a deployment costs; components and discounts add up to the total.

    ``taxed_by_provider``: amounts are without tax, which the payment provider adds. ``derived``
    and ``spec_hash`` are of the object that was priced, where one was.
    """

    total: Money
    monthly: Money
    resources: Sequence[ResourceCost]
    components: Sequence[CostPart]
    region: str
    cloud: str = ""
    discounts: Sequence[Discount] = ()
    schedule: Schedule | None = None
    taxed_by_provider: bool = True
    derived: Sequence[DerivedResource] = ()
    spec_hash: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote(DeploymentCost):
    """A price that is kept for its owner until it expires; no ``signature`` if none is made."""

    name: str
    expire_time: datetime
    payment_required: bool
    signature: str = ""


@dataclass(frozen=True, slots=True)
class PlaceOffer:
    """What a deployment costs in one region of one cloud; None and why, if it is not offered."""

    cloud: str
    region: str
    cost: DeploymentCost | None
    missing: str


class Pricing(QuoteChecks, CatalogSources, Protocol):
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

    async def price(self, deployment: Deployment) -> DeploymentCost:
        """Price a deployment for the person who acts, without keeping the price."""
        ...

    async def compare(
        self, deployment: Deployment, clouds: Sequence[str], regions: Sequence[str]
    ) -> Sequence[PlaceOffer]:
        """Price a deployment in these clouds and regions, all if none are named, cheapest first."""
        ...

    async def quote_object(self, wish: ObjectWish, rest: Deployment, request_id: str) -> Quote:
        """Price an object for the person who acts, and keep the price, bound to it."""
        ...

    async def price_object(self, wish: ObjectWish, rest: Deployment) -> DeploymentCost:
        """Price an object for the person who acts, without keeping the price."""
        ...
