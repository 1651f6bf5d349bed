"""One deployment over clouds and regions: where it is offered, for how much, or why it is not."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from services.chassis.errors import Violations
from services.pricing.costing.calculation import calculate
from services.pricing.costing.checking import anywhere, judged, one_of, taken_in
from services.pricing.costing.costs import Cost
from services.pricing.costing.deployments import Deployment, DeploymentRequest
from services.pricing.rates import MAX_CLOUDS, Offering, RateCard

MAX_REGIONS = 200


@dataclass(frozen=True, slots=True)
class ComparisonRequest:
    """What is compared; no clouds, or regions: all of them."""

    deployment: DeploymentRequest
    clouds: Sequence[str] = ()
    regions: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Offer:
    """What a deployment costs at one place; None and why, if it is not offered there."""

    cloud: str
    region: str
    cost: Cost | None
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A deployment that was judged, and the places (cloud, region) where it is to be priced."""

    deployment: Deployment
    places: Sequence[tuple[str, str]]


def comparison(card: RateCard, asked: ComparisonRequest, today: date | None = None) -> Comparison:
    """Return what is to be compared; InvalidArgument names every bad field at once.

    Bad is what no cloud of the card offers.
    """
    bad = Violations()
    for field, text in (("cloud", asked.deployment.cloud), ("region", asked.deployment.region)):
        if text:
            bad.add(field, f"expected to be empty: `{field}s` says what is compared")
    everywhere = anywhere(card)
    for field, names, most, known in (
        ("clouds", asked.clouds, MAX_CLOUDS, card.offerings()),
        ("regions", asked.regions, MAX_REGIONS, everywhere.offering.regions),
    ):
        if len(names) > most:
            bad.add(field, f"expected at most {most}, got {len(names)}")
        for at, name in enumerate(names[:most]):
            one_of(f"{field}[{at}]", name, known, bad)
    plain = asked.deployment._replace(cloud="", region="")
    deployment = judged(card, everywhere, plain, today, bad)
    bad.raise_if_any()
    return Comparison(deployment, _places(card, asked))


def _places(card: RateCard, asked: ComparisonRequest) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for cloud, offering in card.offerings().items():
        if asked.clouds and cloud not in asked.clouds:
            continue
        # A cloud and a region that were both named are answered, also if they do not go together.
        regions: Iterable[str] = offering.regions
        if asked.regions:
            both = bool(asked.clouds)
            regions = [one for one in dict.fromkeys(asked.regions) if both or one in regions]
        found += [(cloud, region) for region in regions]
    return found


def offer_at(
    card: RateCard, deployment: Deployment, place: tuple[str, str], tier: str = ""
) -> Offer:
    """Return what a deployment costs an account of this tier at one place of a comparison."""
    cloud, region = place
    offering = card.offerings()[cloud]
    missing = "; ".join(_missing(card, offering, deployment, cloud, region))
    if missing:
        return Offer(cloud, region, None, missing)
    there = deployment._replace(cloud=cloud, region=region)
    return Offer(cloud, region, calculate(card, there, tier))


def _missing(
    card: RateCard, offering: Offering, deployment: Deployment, cloud: str, region: str
) -> Iterable[str]:
    if region not in offering.regions:
        yield f"{cloud} has no region {region}"
    if deployment.backup_plan not in offering.backup_plans:
        yield f"no backup plan {deployment.backup_plan}"
    features = [one for one in deployment.features if one not in offering.features]
    if features:
        yield f"no {', '.join(features)}"
    asked = deployment.commitment
    if asked is not None and asked.upfront not in offering.commitments.get(asked.years, {}):
        yield f"no commitment {asked.name}"
    if deployment.coupon and not taken_in(card.coupons[deployment.coupon], cloud):
        yield f"coupon {deployment.coupon} does not count there"


def ranked(offers: Iterable[Offer]) -> list[Offer]:
    """Return offers with the cheapest for the duration first; those that are none come last."""
    return sorted(offers, key=_rank)


def _rank(offer: Offer) -> tuple[bool, int, str, str]:
    total = offer.cost.total.minor_units if offer.cost else 0
    return offer.cost is None, total, offer.cloud, offer.region
