"""List prices: what each part of a deployment costs for a month before anything comes off."""

from functools import lru_cache
from math import lcm
from typing import NamedTuple

from services.pricing.costing.deployments import NO_BACKUP, Deployment
from services.pricing.costing.exact import same_unit
from services.pricing.rates import Offering, Rates

_COMPONENTS = ("cpu", "memory", "storage", "backup")
_MOST_RATES = 256  # rates never change, and a card has those of its clouds and tiers


class Listing(NamedTuple):
    """What each part costs for a month.

    ``leaves``: the ``components`` of each resource in turn, then the features; so many of a unit
    of which ``in_one`` are a major unit of the currency. ``sizes`` are cores, GB of memory and GB
    of storage of one replica of each resource in turn, in a unit of which ``in_a_size`` are 1.
    """

    components: tuple[str, ...]
    leaves: list[int]
    in_one: int
    sizes: list[int]
    in_a_size: int


def listed(
    offering: Offering, rates: Rates, hours_per_month: int, deployment: Deployment
) -> Listing:
    """Return the list prices of a deployment where it is offered, at these rates."""
    found = _resources(offering, rates, hours_per_month, deployment)
    if not deployment.features:
        return found
    prices, in_a_price = same_unit([offering.features[each] for each in deployment.features])
    unit = lcm(found.in_one, in_a_price)
    finer, finer_price = unit // found.in_one, unit // in_a_price
    leaves = [*(leaf * finer for leaf in found.leaves), *(price * finer_price for price in prices)]
    return Listing(found.components, leaves, unit, found.sizes, found.in_a_size)


def _resources(
    offering: Offering, rates: Rates, hours_per_month: int, deployment: Deployment
) -> Listing:
    region, regions = offering.regions[deployment.region].as_integer_ratio()
    backup, backups = offering.backup_plans[deployment.backup_plan].as_integer_ratio()
    (cpu_rate, memory_rate, storage_rate), in_a_rate = _rates(rates)
    cpu_rate, memory_rate = cpu_rate * hours_per_month, memory_rate * hours_per_month
    asked = deployment.resources
    sizes, in_a_size = same_unit([size for r in asked for size in (r.cpu, r.memory, r.storage)])
    backed_up = deployment.backup_plan != NO_BACKUP
    leaves: list[int] = []
    for resource, at in zip(asked, range(0, len(sizes), 3), strict=True):
        times = region * resource.replicas
        cpu = sizes[at] * cpu_rate * times
        memory = sizes[at + 1] * memory_rate * times
        storage = sizes[at + 2] * storage_rate * times
        leaves += (cpu * backups, memory * backups, storage * backups)
        if backed_up:
            leaves.append((cpu + memory + storage) * backup)
    components = _COMPONENTS if backed_up else _COMPONENTS[:-1]
    in_one = in_a_rate * in_a_size * regions * backups
    return Listing(components, leaves, in_one, sizes, in_a_size)


@lru_cache(maxsize=_MOST_RATES)
def _rates(rates: Rates) -> tuple[list[int], int]:
    return same_unit((rates.cpu_core_hour, rates.memory_gb_hour, rates.storage_gb_month))
