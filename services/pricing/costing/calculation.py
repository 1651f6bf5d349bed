"""What a deployment costs. Pure, exact until the one rounding at the end.

Every cost is a whole number of a unit that is fine enough for all of them, so that no division
happens before the rounding. The total is rounded; list prices and what comes off are then given
whole minor units by the largest remainder, so that they add up to it.
"""

from operator import attrgetter

from services.chassis.money import Money, exponent
from services.pricing.costing.costs import Columns, Cost, Discount, Tax
from services.pricing.costing.deployments import Deployment
from services.pricing.costing.discounts import Reckoning, Shares, Taken, volume_shares
from services.pricing.costing.exact import less, whole
from services.pricing.costing.listing import Listing, listed
from services.pricing.costing.schedules import schedule_of
from services.pricing.rates import Offering, RateCard, Rates

_type_of = attrgetter("type")


def calculate(card: RateCard, deployment: Deployment, tier: str = "") -> Cost:
    """Return what a checked deployment costs an account of this tier; an unknown one is none.

    ValueError if the card does not have the deployment's cloud.
    """
    offering = card.offering(deployment.cloud)
    if offering is None:
        raise ValueError(f"no cloud {deployment.cloud!r} in rate card {card.version}")
    rates = _rates(card, offering, tier) if tier else offering.rates
    listing = listed(offering, rates, card.hours_per_month, deployment)
    minor = 10 ** exponent(card.currency)
    taken: list[Taken] = []
    if offering.volume_discounts or tier or deployment.commitment or deployment.coupon:
        taken = _taken(card, offering, deployment, listing, minor, tier)
    hours, in_an_hour = deployment.hours.as_integer_ratio()
    unit, leaves = listing.in_one, listing.leaves
    unit_of_all = unit * in_an_hour * card.hours_per_month
    times, rounding = hours * minor, card.rounding
    if taken:
        exact = [leaf * times for leaf in leaves]
        exact_monthly = [leaf * minor for leaf in leaves]
        exact, unit_of_all = less(exact, unit_of_all, [one.amount for one in taken])
        exact_monthly, unit = less(exact_monthly, unit, [one.monthly for one in taken])
        amounts, monthly = whole(exact, unit_of_all, rounding), whole(exact_monthly, unit, rounding)
    else:
        amounts = whole(leaves, unit_of_all, rounding, times)
        monthly = whole(leaves, unit, rounding, minor)
    return _cost(card, deployment, listing, taken, amounts, monthly)


def _rates(card: RateCard, offering: Offering, tier: str) -> Rates:
    """Return an account's own rates, which count in the own cloud only."""
    known = card.account_tiers.get(tier)
    if offering is card and known is not None and known.rates is not None:
        return known.rates
    return offering.rates


def _taken(
    card: RateCard,
    offering: Offering,
    deployment: Deployment,
    listing: Listing,
    minor: int,
    tier: str,
) -> list[Taken]:
    """Return what comes off."""
    volume: Shares = ()
    if offering.volume_discounts:
        discounts, hours = offering.volume_discounts, card.hours_per_month
        volume = volume_shares(discounts, listing, deployment, hours)
    if not (volume or tier or deployment.commitment or deployment.coupon):
        return []
    reckoning = Reckoning(card, listing, deployment, minor)
    for discount, share in volume:
        reckoning.volume(discount, share)
    reckoning.commitment(offering, deployment)
    reckoning.account(card, tier)
    if deployment.coupon:
        reckoning.coupon(deployment.coupon, card.coupons[deployment.coupon])
    return reckoning.taken


def _cost(
    card: RateCard,
    deployment: Deployment,
    listing: Listing,
    taken: list[Taken],
    amounts: list[int],
    monthly: list[int],
) -> Cost:
    currency, total = card.currency, sum(amounts)
    commitment = deployment.commitment
    return Cost(
        currency,
        total,
        sum(monthly),
        _columns(deployment, listing.components, amounts, monthly),
        deployment.region,
        card.version,
        deployment.cloud,
        _discounts(currency, taken, amounts, monthly) if taken else (),
        schedule_of(card, commitment, Money(currency, total)) if commitment else None,
        Tax.ADDED_BY_PROVIDER,
    )


def _columns(
    deployment: Deployment, names: tuple[str, ...], amounts: list[int], monthly: list[int]
) -> Columns:
    features, types = deployment.features, tuple(map(_type_of, deployment.resources))
    width, resources = len(names), len(types)
    flat = width * resources
    # Both columns at once: fewer steps than one after the other.
    parts = list(zip(*[iter(amounts[:flat] + monthly[:flat])] * width, strict=True))
    sums = list(map(sum, parts))
    # What came off stands behind the features, at the end of the amounts.
    own = flat + len(features)
    return Columns(
        types,
        names,
        features,
        (*amounts[:own], *sums[:resources], *map(sum, zip(*parts[:resources], strict=True))),
        (*monthly[:own], *sums[resources:], *map(sum, zip(*parts[resources:], strict=True))),
    )


def _discounts(
    currency: str, taken: list[Taken], amounts: list[int], monthly: list[int]
) -> tuple[Discount, ...]:
    """Return what came off; it stands at the end of the amounts."""
    return tuple(
        Discount(one.kind, one.name, Money(currency, amount), Money(currency, of_a_month))
        for one, amount, of_a_month in zip(
            taken, amounts[-len(taken) :], monthly[-len(taken) :], strict=True
        )
    )
