"""What standing capacity costs for a month, by the rate card that was in force when it began."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import assert_never

from services.chassis import quantities
from services.pricing.capacity import (
    Capacity,
    Namespace,
    Nothing,
    Organization,
    Quantities,
    Resource,
    Tenant,
)
from services.pricing.costs.domain import Observation
from services.pricing.rates import RateCard
from services.pricing.sizes import EXACT

_GIB = Decimal(1 << 30)
_STORAGE = ("requests.storage", "storage")


@dataclass(frozen=True, slots=True)
class Sizes:
    """What is paid for: cores, and GB of memory and storage."""

    cpu: Decimal = Decimal(0)
    memory: Decimal = Decimal(0)
    storage: Decimal = Decimal(0)


def standing(observation: Observation) -> Capacity | None:
    """Return what stood by an observation; None for nothing that could cost.

    At rest an organization has the quota that its plan leaves it, and a namespace what it stores.
    """
    capacity = observation.capacity
    if capacity is None or isinstance(capacity, Nothing):
        return None
    if observation.resting and isinstance(capacity, Organization):
        return replace(capacity, quota=capacity.suspended_quota)
    if observation.resting and isinstance(capacity, Namespace):
        kept = {name: size for name, size in capacity.quota.items() if name in _STORAGE}
        return replace(capacity, quota=kept, autoscale=None, warm_pool=0, workload=None)
    return capacity


def sizes_of(capacity: Capacity) -> Sizes:
    """Return what a capacity is paid for by; ValueError for a quantity that is none.

    Quotas are what is reserved, so they are what is paid for. A namespace whose quota bounds no
    processor, or no memory, is paid for what its fewest replicas ask for. A tenant's catalog says
    no sizes yet, and custom resources have none of their own: both cost nothing here.
    """
    match capacity:
        case Organization():
            return _of_quota(capacity.quota)
        case Namespace():
            return _of_namespace(capacity)
        case Nothing() | Tenant() | Resource():
            return Sizes()
        case _:
            assert_never(capacity)


def monthly_rate(card: RateCard, region: str, sizes: Sizes) -> Decimal:
    """Return what sizes cost for a month, exactly, in the major unit of the card's currency.

    A region that the card does not know costs what its default region does.
    """
    hours = Decimal(card.hours_per_month)
    cpu = EXACT.multiply(EXACT.multiply(sizes.cpu, card.rates.cpu_core_hour), hours)
    memory = EXACT.multiply(EXACT.multiply(sizes.memory, card.rates.memory_gb_hour), hours)
    storage = EXACT.multiply(sizes.storage, card.rates.storage_gb_month)
    multiplier = card.regions.get(region, card.regions[card.default_region])
    return EXACT.multiply(EXACT.add(EXACT.add(cpu, memory), storage), multiplier)


@dataclass(frozen=True, slots=True)
class CardHistory:
    """Which rate card was in force from which second on, the oldest first; never empty."""

    cards: Sequence[tuple[int, RateCard]]

    def at(self, second: int) -> RateCard:
        """Return the card that was in force; before the first one that is the first."""
        place = bisect_right([begin for begin, _ in self.cards], second)
        return self.cards[max(place - 1, 0)][1]


def _of_quota(quota: Quantities) -> Sizes:
    return Sizes(
        cpu=_cores(_bound(quota, "cpu")),
        memory=_gigabytes(_bound(quota, "memory")),
        storage=_gigabytes(_bound(quota, "storage")),
    )


def _of_namespace(capacity: Namespace) -> Sizes:
    bounded = _of_quota(capacity.quota)
    if capacity.workload is None:
        return bounded
    times, asks = _least_replicas(capacity), _of_quota(capacity.workload.requests)
    has_cpu, has_memory = (_bound(capacity.quota, name) != "" for name in ("cpu", "memory"))
    return Sizes(
        cpu=bounded.cpu if has_cpu else EXACT.multiply(asks.cpu, Decimal(times)),
        memory=bounded.memory if has_memory else EXACT.multiply(asks.memory, Decimal(times)),
        storage=bounded.storage,
    )


def _least_replicas(capacity: Namespace) -> int:
    scale = capacity.autoscale
    if scale is None:
        return capacity.warm_pool
    return min(max(scale.min, capacity.warm_pool), scale.max)


def _bound(quota: Quantities, resource: str) -> str:
    return quota.get(f"requests.{resource}", quota.get(resource, ""))


def _cores(quantity: str) -> Decimal:
    return quantities.parse(quantity) if quantity else Decimal(0)


def _gigabytes(quantity: str) -> Decimal:
    # Unlike in what people ask a price for, a bare number in a quota is bytes.
    return EXACT.divide(quantities.parse(quantity), _GIB) if quantity else Decimal(0)
