"""What a deployment costs. Pure, exact until the one rounding at the end.

Every cost is a whole number of a unit that is fine enough for all of them, so that no division
happens before the rounding. The total is rounded half to even; the parts are then given whole minor
units by the largest remainder, so that they add up to it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import repeat
from math import lcm
from typing import NamedTuple

from services.chassis.errors import Violations
from services.chassis.money import Money, exponent
from services.pricing.rates import RateCard
from services.pricing.sizes import cores, gigabytes

MAX_RESOURCES = 1000
MAX_REPLICAS = 1000
MAX_HOURS = 87_600
_FINEST_HOUR = Decimal("0.000001")
_LONGEST_TYPE = 63
NO_BACKUP = "none"


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource as it is billed: cores and GB of one replica."""

    type: str
    cpu: Decimal
    memory: Decimal
    storage: Decimal
    replicas: int


@dataclass(frozen=True, slots=True)
class Deployment:
    """What is priced. ``features`` are in the order in which they were asked for."""

    resources: tuple[Resource, ...]
    region: str
    hours: Decimal
    backup_plan: str
    features: tuple[str, ...]

    @property
    def types(self) -> frozenset[str]:
        """The types of its resources."""
        return frozenset(resource.type for resource in self.resources)


@dataclass(frozen=True, slots=True)
class ResourceRequest:
    """One resource as it was asked for: texts that nobody has looked at yet."""

    type: str
    cpu: str = ""
    memory: str = ""
    storage: str = ""
    replicas: int = 0


@dataclass(frozen=True, slots=True)
class DeploymentRequest:
    """What a price is asked for; an empty text stands for the rate card's default."""

    resources: Sequence[ResourceRequest]
    region: str = ""
    duration_hours: str = ""
    backup_plan: str = ""
    features: Sequence[str] = ()


class Part(NamedTuple):
    """What one component costs for the duration, and for one month, in minor units."""

    component: str
    currency: str
    minor_units: int
    monthly_minor_units: int

    @property
    def amount(self) -> Money:
        """What it costs for the duration."""
        return Money(self.currency, self.minor_units)

    @property
    def monthly(self) -> Money:
        """What it costs for one month."""
        return Money(self.currency, self.monthly_minor_units)


class ResourceCost(NamedTuple):
    """What one resource costs: its parts and their sums, in minor units."""

    type: str
    parts: tuple[Part, ...]
    currency: str
    minor_units: int
    monthly_minor_units: int

    @property
    def amount(self) -> Money:
        """What it costs for the duration."""
        return Money(self.currency, self.minor_units)

    @property
    def monthly(self) -> Money:
        """What it costs for one month."""
        return Money(self.currency, self.monthly_minor_units)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a deployment costs. Parts add up to the total, for the duration and for a month."""

    total: Money
    monthly: Money
    resources: tuple[ResourceCost, ...]
    components: tuple[Part, ...]
    region: str
    rate_card_version: str


def checked(card: RateCard, asked: DeploymentRequest) -> Deployment:
    """Return what is to be priced; InvalidArgument names every bad field at once."""
    bad = Violations()
    count = len(asked.resources)
    if not 1 <= count <= MAX_RESOURCES:
        bad.add("resources", f"expected 1 to {MAX_RESOURCES}, got {count}")
    resources = [
        _resource(card, one, f"resources[{place}]", bad)
        for place, one in enumerate(asked.resources[:MAX_RESOURCES])
    ]
    region = asked.region or card.default_region
    _one_of("region", region, card.regions, bad)
    backup = asked.backup_plan or NO_BACKUP
    _one_of("backup_plan", backup, card.backup_plans, bad)
    for place, feature in enumerate(asked.features[: len(card.features) + 1]):
        _one_of(f"features[{place}]", feature, card.features, bad)
        if feature in asked.features[:place]:
            bad.add(f"features[{place}]", f"{feature} stands twice")
    hours = _hours(card, asked.duration_hours, bad)
    bad.raise_if_any()
    return Deployment(tuple(resources), region, hours, backup, tuple(asked.features))


def _resource(card: RateCard, asked: ResourceRequest, where: str, bad: Violations) -> Resource:
    if not 1 <= len(asked.type) <= _LONGEST_TYPE:
        bad.add(f"{where}.type", f"expected 1 to {_LONGEST_TYPE} characters, such as wordpress")
    if not 0 <= asked.replicas <= MAX_REPLICAS:
        bad.add(f"{where}.replicas", f"expected 1 to {MAX_REPLICAS}, got {asked.replicas}")
    sizes: list[Decimal] = []
    for name, text, read, most in (
        ("cpu", asked.cpu, cores, card.limits.cpu),
        ("memory", asked.memory, gigabytes, card.limits.memory),
        ("storage", asked.storage, gigabytes, card.limits.storage),
    ):
        try:
            size = read(text)
        except ValueError as error:
            bad.add(f"{where}.{name}", str(error))
            size = Decimal(0)
        if size > most:
            bad.add(f"{where}.{name}", f"expected at most {most.normalize():f}, got {text}")
        sizes.append(size)
    cpu, memory, storage = sizes
    return Resource(asked.type, cpu, memory, storage, asked.replicas or 1)


def _one_of(field: str, value: str, allowed: Mapping[str, object], bad: Violations) -> None:
    if value not in allowed:
        bad.add(field, f"expected one of {', '.join(allowed) or 'none'}, got {value!r}")


def _hours(card: RateCard, text: str, bad: Violations) -> Decimal:
    if not text:
        return Decimal(card.hours_per_month)
    expected = f"expected hours above 0 and at most {MAX_HOURS} (ten years), got {text[:40]!r}"
    try:
        hours = Decimal(text) if len(text) <= 40 and text.isascii() else Decimal(0)
    except ArithmeticError:
        hours = Decimal(0)
    if not hours.is_finite() or not 0 < hours <= MAX_HOURS or hours % _FINEST_HOUR != 0:
        bad.add("duration_hours", expected)
        return Decimal(1)
    return hours


_COMPONENTS = ("cpu", "memory", "storage", "backup")


def calculate(card: RateCard, deployment: Deployment) -> Cost:
    """Return what a checked deployment costs."""
    leaves, in_one = _leaves(card, deployment)
    currency, minor = card.currency, 10 ** exponent(card.currency)
    hours, in_an_hour = deployment.hours.as_integer_ratio()
    month = in_an_hour * card.hours_per_month
    amounts = _whole([leaf * hours * minor for leaf in leaves], in_one * month)
    monthly = _whole([leaf * minor for leaf in leaves], in_one)
    names = _components(deployment)
    width, flat = len(names), len(names) * len(deployment.resources)
    leaf_names = (*names * len(deployment.resources), *deployment.features)
    parts = list(map(Part, leaf_names, repeat(currency), amounts, monthly))
    return Cost(
        total=Money(currency, sum(amounts)),
        monthly=Money(currency, sum(monthly)),
        resources=tuple(
            ResourceCost(
                resource.type,
                tuple(parts[begin : begin + width]),
                currency,
                sum(amounts[begin : begin + width]),
                sum(monthly[begin : begin + width]),
            )
            for resource, begin in zip(deployment.resources, range(0, flat, width), strict=True)
        ),
        components=(
            *(
                Part(name, currency, sum(amounts[at:flat:width]), sum(monthly[at:flat:width]))
                for at, name in enumerate(names)
            ),
            *parts[flat:],
        ),
        region=deployment.region,
        rate_card_version=card.version,
    )


def _components(deployment: Deployment) -> tuple[str, ...]:
    return _COMPONENTS[:-1] if deployment.backup_plan == NO_BACKUP else _COMPONENTS


def _leaves(card: RateCard, deployment: Deployment) -> tuple[list[int], int]:
    """Return what each part costs for a month, as so many of one unit, and how many of it are 1.

    The components of each resource in turn, then the features. The unit is as fine as is needed,
    and 1 is a major unit of the card's currency.
    """
    leaves, in_one = _resource_leaves(card, deployment)
    if not deployment.features:
        return leaves, in_one
    prices, in_a_price = _same_unit([card.features[feature] for feature in deployment.features])
    unit = lcm(in_one, in_a_price)
    finer, finer_price = unit // in_one, unit // in_a_price
    return [*(leaf * finer for leaf in leaves), *(price * finer_price for price in prices)], unit


def _resource_leaves(card: RateCard, deployment: Deployment) -> tuple[list[int], int]:
    # Whole numbers throughout: decimals that are wide enough cost ten times as much.
    region, regions = card.regions[deployment.region].as_integer_ratio()
    backup, backups = card.backup_plans[deployment.backup_plan].as_integer_ratio()
    (cpu_rate, memory_rate, storage_rate), rates = _same_unit(
        (card.rates.cpu_core_hour, card.rates.memory_gb_hour, card.rates.storage_gb_month)
    )
    cpu_rate, memory_rate = cpu_rate * card.hours_per_month, memory_rate * card.hours_per_month
    asked = deployment.resources
    sizes, in_a_size = _same_unit([size for r in asked for size in (r.cpu, r.memory, r.storage)])
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
    return leaves, rates * in_a_size * regions * backups


def _same_unit(amounts: Sequence[Decimal]) -> tuple[list[int], int]:
    """Return the amounts as so many of one unit, and how many of it are 1."""
    ratios = [amount.as_integer_ratio() for amount in amounts]
    in_one = lcm(*(denominator for _, denominator in ratios))
    return [number * (in_one // denominator) for number, denominator in ratios], in_one


def _whole(amounts: Sequence[int], unit: int) -> list[int]:
    """Round the sum half to even, and share it out in whole units by largest remainder."""
    shares = [divmod(amount, unit) for amount in amounts]
    whole, rest = divmod(sum(amounts), unit)
    up = 2 * rest > unit or (2 * rest == unit and whole % 2 == 1)
    found = [share for share, _ in shares]
    left = whole + up - sum(found)
    # Of equal remainders the first ones: sorting keeps their order.
    largest = sorted(range(len(shares)), key=lambda place: shares[place][1], reverse=True)
    for place in largest[:left]:
        found[place] += 1
    return found
