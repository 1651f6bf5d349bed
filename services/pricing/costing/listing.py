"""List prices: what each part of a deployment costs for a month before anything comes off."""

from decimal import Decimal
from functools import lru_cache
from math import lcm
from typing import NamedTuple

from services.pricing.costing.deployments import NO_BACKUP, Deployment
from services.pricing.costing.exact import same_unit
from services.pricing.rates import Offering, Rates

_COMPONENTS = ("cpu", "memory", "storage", "backup")
_MOST_RATES = 256  # rates never change, and a card has those of its clouds and tiers
_MOST_SIZES = 1024  # the sizes that people ask for are few


class Listing(NamedTuple):
    """What each part costs for a month.

    ``leaves``: the ``components`` of each resource in turn, then the features; so many of a unit
    of which ``in_one`` are a major unit of the currency.
    """

    components: tuple[str, ...]
    leaves: list[int]
    in_one: int


def listed(
    offering: Offering, rates: Rates, hours_per_month: int, deployment: Deployment
) -> Listing:
    """Return the list prices of a deployment where it is offered, at these rates."""
    asked, backup_plan = deployment.resources, deployment.backup_plan
    region, regions = offering.regions[deployment.region].as_integer_ratio()
    backup, backups = offering.backup_plans[backup_plan].as_integer_ratio()
    of_a_rate, in_a_rate = _rates(rates)
    sizes = [_sizes(*one[1:4]) for one in asked]
    in_a_size = lcm(*[unit for _, unit in sizes])
    in_one = in_a_rate * in_a_size * regions * backups
    prices: list[int] = []
    unit = in_one
    if deployment.features:
        prices, in_a_price = same_unit([offering.features[each] for each in deployment.features])
        unit = lcm(in_one, in_a_price)
        prices = [price * (unit // in_a_price) for price in prices]
    finer = unit // in_one * region * backups
    cpu_rate, memory_rate, storage_rate = [rate * finer for rate in of_a_rate]
    cpu_rate, memory_rate = cpu_rate * hours_per_month, memory_rate * hours_per_month
    backed_up = backup_plan != NO_BACKUP
    leaves: list[int] = []
    for resource, ((cores, memory_gb, storage_gb), of_one) in zip(asked, sizes, strict=True):
        times = in_a_size // of_one * resource.replicas
        cpu = cores * cpu_rate * times
        memory = memory_gb * memory_rate * times
        storage = storage_gb * storage_rate * times
        leaves += (cpu, memory, storage)
        if backed_up:
            # Each of them is a multiple of `backups`, as `finer` is: nothing is rounded.
            leaves.append((cpu + memory + storage) // backups * backup)
    leaves += prices
    components = _COMPONENTS if backed_up else _COMPONENTS[:-1]
    return Listing(components, leaves, unit)


@lru_cache(maxsize=_MOST_RATES)
def _rates(rates: Rates) -> tuple[list[int], int]:
    return same_unit((rates.cpu_core_hour, rates.memory_gb_hour, rates.storage_gb_month))


@lru_cache(maxsize=_MOST_SIZES)
def _sizes(cpu: Decimal, memory: Decimal, storage: Decimal) -> tuple[tuple[int, ...], int]:
    sizes, in_one = same_unit((cpu, memory, storage))
    return tuple(sizes), in_one
