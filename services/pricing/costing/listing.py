"""List prices: what each part of a deployment costs for a month before anything comes off."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from math import lcm
from operator import attrgetter
from typing import NamedTuple

from services.pricing.costing.deployments import NO_BACKUP, Deployment, Resource
from services.pricing.rates import Offering, Rates

_COMPONENTS = ("cpu", "memory", "storage", "backup")
_NOT_BACKED_UP = _COMPONENTS[:-1]
_parts_in_one = attrgetter("size.in_one")
_MOST_TARIFFS = 1024  # a card has few regions, backup plans and features


class Listing(NamedTuple):
    """What each part costs for a month.

    ``leaves``: the ``components`` of each resource in turn, then the features; so many of a unit
    of which ``in_one`` are a major unit of the currency.
    """

    components: tuple[str, ...]
    leaves: list[int]
    in_one: int


class _Tariff(NamedTuple):
    """What a month costs somewhere: so many of a unit of which ``in_one`` are a major unit.

    A backup costs ``backup`` of ``backups`` parts of the rest. The rates are multiples of
    ``backups``, so nothing is rounded when it is reckoned.
    """

    core: int
    memory_gb: int
    storage_gb: int
    features: tuple[int, ...]
    backup: int
    backups: int
    in_one: int


def listed(
    offering: Offering, rates: Rates, hours_per_month: int, deployment: Deployment
) -> Listing:
    """Return the list prices of a deployment where it is offered, at these rates."""
    resources, backup_plan = deployment.resources, deployment.backup_plan
    tariff = _tariff(
        rates,
        hours_per_month,
        offering.regions[deployment.region],
        offering.backup_plans[backup_plan],
        tuple(map(offering.features.__getitem__, deployment.features)),
    )
    in_a_size = lcm(*map(_parts_in_one, resources))
    backed_up = backup_plan != NO_BACKUP
    leaves = _leaves(tariff, resources, in_a_size, backed_up)
    for price in tariff.features:
        leaves.append(price * in_a_size)
    return Listing(_COMPONENTS if backed_up else _NOT_BACKED_UP, leaves, tariff.in_one * in_a_size)


def _leaves(
    tariff: _Tariff, resources: Sequence[Resource], in_a_size: int, backed_up: bool
) -> list[int]:
    """Return what the components of each resource cost in turn."""
    core, memory_gb, storage_gb, _, backup, backups, _ = tariff
    leaves: list[int] = []
    for _, (_, _, _, (cores, memory_gbs, storage_gbs), in_one), replicas in resources:
        times = in_a_size // in_one * replicas
        cpu = cores * core * times
        memory = memory_gbs * memory_gb * times
        storage = storage_gbs * storage_gb * times
        if backed_up:
            leaves += (cpu, memory, storage, (cpu + memory + storage) // backups * backup)
        else:
            leaves += (cpu, memory, storage)
    return leaves


@lru_cache(maxsize=_MOST_TARIFFS)
def _tariff(
    rates: Rates,
    hours_per_month: int,
    region: Decimal,
    backup: Decimal,
    features: tuple[Decimal, ...],
) -> _Tariff:
    """Return what a month costs in a region, with a backup and the prices of features."""
    there = Fraction(region)
    month = [
        Fraction(rates.cpu_core_hour) * hours_per_month * there,
        Fraction(rates.memory_gb_hour) * hours_per_month * there,
        Fraction(rates.storage_gb_month) * there,
    ]
    flat = [Fraction(price) for price in features]
    share, shares = backup.as_integer_ratio()
    unit = lcm(*[price.denominator for price in (*month, *flat)]) * shares
    core, memory_gb, storage_gb, *prices = [
        price.numerator * (unit // price.denominator) for price in (*month, *flat)
    ]
    return _Tariff(core, memory_gb, storage_gb, tuple(prices), share, shares, unit)
