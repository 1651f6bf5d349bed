"""From what a price is asked for to what is priced; every bad field is named at once."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from services.chassis.errors import Violations
from services.pricing.costing.deployments import (
    NO_BACKUP,
    Commitment,
    CommitmentRequest,
    Deployment,
    DeploymentRequest,
    Resource,
    ResourceRequest,
    Size,
    size_of,
)
from services.pricing.costing.schedules import MONTHS_OF_A_YEAR
from services.pricing.rates import Cloud, Coupon, Limits, Offering, RateCard, Upfront
from services.pricing.sizes import cores, gigabytes, plain_number

MAX_RESOURCES = 1000
MAX_REPLICAS = 1000
MAX_HOURS = 87_600
_FINEST_HOUR = Decimal("0.000001")
_LONGEST_TYPE = 63
_MOST_SIZES = 4096  # the sizes that people ask for are few
_MOST_LIMITS = 8
_MOST_HOURS = 1024


class Place(NamedTuple):
    """Where a deployment is priced: a cloud, or, with an empty name, any of them."""

    cloud: str
    offering: Offering


def checked(card: RateCard, asked: DeploymentRequest, today: date | None = None) -> Deployment:
    """Return what is to be priced; InvalidArgument names every bad field at once.

    ``today``, in UTC, has to be said where a coupon is asked for.
    """
    bad = Violations()
    deployment = judged(card, place_of(card, asked, bad), asked, today, bad)
    bad.raise_if_any()
    return deployment


def place_of(card: RateCard, asked: DeploymentRequest, bad: Violations) -> Place:
    """Return where a deployment is judged; a cloud that the card lacks is added to ``bad``."""
    cloud = asked.cloud or card.cloud
    offering = card.offering(cloud)
    if offering is None:
        one_of("cloud", cloud, card.offerings(), bad)
    # Of a cloud that is not there, what no cloud has is wrong as well.
    return Place(cloud, offering) if offering else anywhere(card)


def anywhere(card: RateCard) -> Place:
    """Return what at least one cloud offers; the rates and discounts are the own cloud's."""
    regions: dict[str, Decimal] = {}
    backup_plans: dict[str, Decimal] = {}
    features: dict[str, Decimal] = {}
    terms: dict[int, Mapping[Upfront, Decimal]] = {}
    for offering in card.offerings().values():
        regions = {**offering.regions, **regions}
        backup_plans = {**offering.backup_plans, **backup_plans}
        features = {**offering.features, **features}
        for years, term in offering.commitments.items():
            terms[years] = {**term, **terms.get(years, {})}
    return Place(
        "", Cloud(card.default_region, card.rates, regions, backup_plans, features, (), terms)
    )


def judged(
    card: RateCard, place: Place, asked: DeploymentRequest, today: date | None, bad: Violations
) -> Deployment:
    """Return what is to be priced at a place; bad fields are added to ``bad``."""
    offering = place.offering
    region = asked.region or offering.default_region
    if region not in offering.regions:
        one_of("region", region, offering.regions, bad)
    backup = asked.backup_plan or NO_BACKUP
    if backup not in offering.backup_plans:
        one_of("backup_plan", backup, offering.backup_plans, bad)
    if asked.features:
        _judge_features(offering, asked.features, bad)
    commitment = None
    if asked.commitment is None:
        hours = _hours(card, asked.duration_hours, bad)
    else:
        commitment = _commitment(offering, asked.commitment, bad)
        hours = _term(card, commitment, asked.duration_hours, bad)
    if asked.coupon:
        _judge_coupon(card, place.cloud, asked, today, bad)
    # Last, since there may be many: a refusal may not have room for all that is wrong with them.
    resources = _right(card, asked.resources) or _judged_resources(card, asked.resources, bad)
    return Deployment(
        tuple(resources),
        region,
        hours,
        backup,
        tuple(asked.features),
        place.cloud,
        commitment,
        asked.coupon,
    )


def one_of(field: str, value: str, allowed: Mapping[str, object], bad: Violations) -> None:
    """Add what would be right unless a value is one of those that are allowed."""
    if value not in allowed:
        bad.add(field, f"expected one of {', '.join(allowed) or 'none'}, got {value[:80]!r}")


def _judge_features(offering: Offering, asked: Sequence[str], bad: Violations) -> None:
    known, chosen = offering.features, set(asked)
    if len(chosen) == len(asked) and known.keys() >= chosen:
        return
    for at, feature in enumerate(asked[: len(known) + 1]):
        if feature not in known:
            one_of(f"features[{at}]", feature, known, bad)
        if feature in asked[:at]:
            bad.add(f"features[{at}]", f"{feature} stands twice")


def _right(card: RateCard, asked: Sequence[ResourceRequest]) -> list[Resource] | None:
    """Return resources that nothing is wrong with, which is nearly all there are; or None.

    All of them by one function: it is on the way of every price.
    """
    if not 1 <= len(asked) <= MAX_RESOURCES:
        return None
    size_of_texts = _sizes_within(card.limits)
    found: list[Resource] = []
    try:
        for kind, cpu, memory, storage, replicas in asked:
            size = size_of_texts(cpu, memory, storage)
            if not (0 < len(kind) <= _LONGEST_TYPE and 0 <= replicas <= MAX_REPLICAS):
                return None
            # Not by its own constructor, which is one more function for each.
            found.append(tuple.__new__(Resource, (kind, size, replicas or 1)))
    except ValueError:
        return None
    return found


@lru_cache(maxsize=_MOST_LIMITS)
def _sizes_within(limits: Limits) -> Callable[[str, str, str], Size]:
    """Return what says how large texts are; ValueError if one says nothing, or too much."""

    @lru_cache(maxsize=_MOST_SIZES)
    def size_within(cpu: str, memory: str, storage: str) -> Size:
        size = size_of(cores(cpu), gigabytes(memory), gigabytes(storage))
        if size.cpu > limits.cpu or size.memory > limits.memory or size.storage > limits.storage:
            raise ValueError("beyond the limits")
        return size

    return size_within


def _judged_resources(
    card: RateCard, asked: Sequence[ResourceRequest], bad: Violations
) -> list[Resource]:
    """Name every bad field of resources that are not all right."""
    if not 1 <= len(asked) <= MAX_RESOURCES:
        bad.add("resources", f"expected 1 to {MAX_RESOURCES}")
    return [
        _judged_resource(card, one, f"resources[{at}]", bad)
        for at, one in enumerate(asked[:MAX_RESOURCES])
    ]


def _judged_resource(
    card: RateCard, asked: ResourceRequest, where: str, bad: Violations
) -> Resource:
    """Name every bad field of a resource; what is returned only stands in for it."""
    if not 1 <= len(asked.type) <= _LONGEST_TYPE:
        bad.add(f"{where}.type", f"expected 1 to {_LONGEST_TYPE} characters, such as wordpress")
    if not 0 <= asked.replicas <= MAX_REPLICAS:
        bad.add(f"{where}.replicas", f"expected 1 to {MAX_REPLICAS}")
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
    return Resource(asked.type, size_of(*sizes), asked.replicas or 1)


def _hours(card: RateCard, text: str, bad: Violations) -> Decimal:
    if not text:
        return Decimal(card.hours_per_month)
    try:
        return _duration(text)
    except ValueError:
        expected = f"expected hours above 0 and at most {MAX_HOURS} (ten years)"
        bad.add("duration_hours", f"{expected}, got {text[:40]!r}")
        return Decimal(1)


@lru_cache(maxsize=_MOST_HOURS)
def _duration(text: str) -> Decimal:
    """Return the hours that a text says; ValueError if that is no duration."""
    hours = plain_number(text)
    if hours is None or not 0 < hours <= MAX_HOURS or hours % _FINEST_HOUR != 0:
        raise ValueError("no duration")
    return hours


def _commitment(offering: Offering, asked: CommitmentRequest, bad: Violations) -> Commitment | None:
    terms = offering.commitments
    if asked.years not in terms:
        offered = " or ".join(str(years) for years in sorted(terms))
        expected = f"expected {offered}" if offered else "no term is offered"
        bad.add("commitment.years", f"{expected}, got {asked.years}")
    # Of a term that is not offered, what no term has is wrong as well.
    ways = terms.get(asked.years) or {
        way: off for one in terms.values() for way, off in one.items()
    }
    if asked.upfront is None or asked.upfront not in ways:
        bad.add("commitment.upfront", f"expected one of {', '.join(ways) or 'none'}")
        return None
    return Commitment(asked.years, asked.upfront) if asked.years in terms else None


def _term(card: RateCard, commitment: Commitment | None, text: str, bad: Violations) -> Decimal:
    if text:
        bad.add("duration_hours", "expected to be empty: a commitment says how long it is")
    if commitment is None:
        return Decimal(1)
    return Decimal(commitment.years * MONTHS_OF_A_YEAR * card.hours_per_month)


def _judge_coupon(
    card: RateCard, cloud: str, asked: DeploymentRequest, today: date | None, bad: Violations
) -> None:
    # Codes are not listed: who has none is not told any.
    coupon = card.coupons.get(asked.coupon)
    if coupon is None:
        bad.add("coupon", "there is no such coupon")
        return
    if coupon.until is not None:
        if today is None:
            raise ValueError("a coupon that ends needs a day")
        if today > coupon.until:
            bad.add("coupon", f"ended on {coupon.until.isoformat()}")
    if coupon.types and not coupon.types.issuperset(one.type for one in asked.resources):
        bad.add("coupon", f"is for resources of the types {', '.join(sorted(coupon.types))} only")
    if cloud and not taken_in(coupon, cloud):
        bad.add("coupon", f"is for {', '.join(sorted(coupon.clouds))} only")


def taken_in(coupon: Coupon, cloud: str) -> bool:
    """Tell whether a coupon counts in a cloud."""
    return not coupon.clouds or cloud in coupon.clouds
