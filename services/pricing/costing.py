"""What a deployment costs. Pure, exact until the one rounding at the end.

Every cost is kept multiplied by the rate card's hours per month, so that no division happens before
the rounding. The total is rounded half to even; the parts are then given whole minor units by the
largest remainder, so that they add up to it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from services.chassis.errors import Violations
from services.chassis.money import Money, exponent
from services.pricing.rates import RateCard
from services.pricing.sizes import EXACT, cores, gigabytes

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


@dataclass(frozen=True, slots=True)
class Part:
    """What one component costs for the duration, and for one month."""

    component: str
    amount: Money
    monthly: Money


@dataclass(frozen=True, slots=True)
class ResourceCost:
    """What one resource costs: its parts and their sums."""

    type: str
    parts: tuple[Part, ...]
    amount: Money
    monthly: Money


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


@dataclass(frozen=True, slots=True)
class _Leaf:
    """The smallest part, times the hours per month: for the duration, and for a month.

    ``resource`` is its place in the deployment, None for a flat feature.
    """

    resource: int | None
    component: str
    amount: Decimal
    monthly: Decimal


def calculate(card: RateCard, deployment: Deployment) -> Cost:
    """Return what a checked deployment costs."""
    leaves = [*_resource_leaves(card, deployment), *_feature_leaves(card, deployment)]
    amounts = _whole([leaf.amount for leaf in leaves], card)
    monthly = _whole([leaf.monthly for leaf in leaves], card)
    by_resource: list[list[Part]] = [[] for _ in deployment.resources]
    by_component: dict[str, list[Part]] = {}
    for leaf, amount, month in zip(leaves, amounts, monthly, strict=True):
        part = Part(leaf.component, amount, month)
        by_component.setdefault(leaf.component, []).append(part)
        if leaf.resource is not None:
            by_resource[leaf.resource].append(part)
    nothing = Money.zero(card.currency)
    return Cost(
        total=sum(amounts, nothing),
        monthly=sum(monthly, nothing),
        resources=tuple(
            ResourceCost(
                resource.type,
                tuple(parts),
                sum((part.amount for part in parts), nothing),
                sum((part.monthly for part in parts), nothing),
            )
            for resource, parts in zip(deployment.resources, by_resource, strict=True)
        ),
        components=tuple(
            Part(
                component,
                sum((part.amount for part in parts), nothing),
                sum((part.monthly for part in parts), nothing),
            )
            for component, parts in by_component.items()
        ),
        region=deployment.region,
        rate_card_version=card.version,
    )


def _resource_leaves(card: RateCard, deployment: Deployment) -> Iterator[_Leaf]:
    region = card.regions[deployment.region]
    backup = card.backup_plans[deployment.backup_plan]
    per_month = Decimal(card.hours_per_month)
    for place, resource in enumerate(deployment.resources):
        times = EXACT.multiply(region, resource.replicas)
        hourly = {
            "cpu": _product(resource.cpu, card.rates.cpu_core_hour, times, per_month),
            "memory": _product(resource.memory, card.rates.memory_gb_hour, times, per_month),
            # A month's price already: the hours per month cancel out.
            "storage": _product(resource.storage, card.rates.storage_gb_month, times),
        }
        if deployment.backup_plan != NO_BACKUP:
            hourly["backup"] = _product(_sum(hourly.values()), backup)
        for component, cost in hourly.items():
            yield _Leaf(
                place,
                component,
                _product(cost, deployment.hours),
                _product(cost, per_month),
            )


def _feature_leaves(card: RateCard, deployment: Deployment) -> Iterator[_Leaf]:
    for feature in deployment.features:
        month = card.features[feature]
        yield _Leaf(
            None,
            feature,
            _product(month, deployment.hours),
            _product(month, Decimal(card.hours_per_month)),
        )


def _product(*factors: Decimal) -> Decimal:
    product = Decimal(1)
    for factor in factors:
        product = EXACT.multiply(product, factor)
    return product


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    total = Decimal(0)
    for amount in amounts:
        total = EXACT.add(total, amount)
    return total


def _whole(amounts: Sequence[Decimal], card: RateCard) -> list[Money]:
    """Round the sum half to even, and share it out in whole minor units by largest remainder."""
    unit = Decimal(card.hours_per_month)
    minor = [amount.scaleb(exponent(card.currency), context=EXACT) for amount in amounts]
    shares = [EXACT.divmod(amount, unit) for amount in minor]
    whole, rest = EXACT.divmod(_sum(minor), unit)
    twice = rest * 2
    up = twice > unit or (twice == unit and whole % 2 == 1)
    left = int(whole) + up - sum(int(share) for share, _ in shares)
    largest = sorted(range(len(shares)), key=lambda place: (-shares[place][1], place))
    raised = set(largest[:left])
    return [
        Money(card.currency, int(share) + (place in raised))
        for place, (share, _) in enumerate(shares)
    ]
