"""What comes off the list price, exactly: volume, commitment, account, coupon, in this order.

Each is taken off what the ones before left. A volume discount comes off the component that it
measures, a commitment off the resources with their backup, an account's and a coupon's share off
everything. Amounts are fractions of a minor unit; nothing is rounded here.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from services.pricing.costing.costs import DiscountKind
from services.pricing.costing.deployments import Deployment, Resource
from services.pricing.costing.exact import same_unit
from services.pricing.costing.listing import Listing
from services.pricing.rates import Band, Coupon, Measure, Offering, RateCard, VolumeDiscount

_FEATURES = "features"
_SIZES: Mapping[Measure, Callable[[Resource], Decimal]] = {
    Measure.CPU: lambda resource: resource.cpu,
    Measure.MEMORY: lambda resource: resource.memory,
    Measure.STORAGE: lambda resource: resource.storage,
}


@dataclass(frozen=True, slots=True)
class Taken:
    """What comes off, for the duration and for one month, in minor units; not below 0."""

    kind: DiscountKind
    name: str
    amount: Fraction
    monthly: Fraction


Shares = Sequence[tuple[VolumeDiscount, Fraction]]
"""What comes off by volume: the discounts that were reached, and how much of the cost each is."""


def volume_shares(
    discounts: Iterable[VolumeDiscount], listing: Listing, deployment: Deployment, hours: int
) -> Shares:
    """Return the volume discounts whose first band a deployment reaches, in their order.

    ``hours`` are those of a month, which is what is measured, however long the duration is.
    """
    found = ((one, _share(one, *_used(one.of, listing, deployment, hours))) for one in discounts)
    return [(discount, share) for discount, share in found if share]


def _used(of: Measure, listing: Listing, deployment: Deployment, hours: int) -> tuple[int, int]:
    """Return what is used in a month, as so many of a unit, and how many of it are 1."""
    resources = deployment.resources
    if of is Measure.TOTAL:
        return sum(listing.leaves[: len(resources) * len(listing.components)]), listing.in_one
    sizes, in_one = same_unit([_SIZES[of](one) for one in resources])
    used = sum(size * one.replicas for size, one in zip(sizes, resources, strict=True))
    return used if of is Measure.STORAGE else used * hours, in_one


def _share(discount: VolumeDiscount, used: int, in_one: int) -> Fraction:
    lowest, parts = discount.bands[0].above.as_integer_ratio()
    if used * parts <= lowest * in_one:
        return Fraction(0)
    amount = Fraction(used, in_one)
    reached = [band for band in discount.bands if Fraction(band.above) < amount]
    if discount.graduated:
        return _graduated(reached, amount) / amount
    return Fraction(reached[-1].off)


def _graduated(reached: Sequence[Band], amount: Fraction) -> Fraction:
    ends = [*(Fraction(band.above) for band in reached[1:]), amount]
    return sum(
        (
            (end - Fraction(band.above)) * Fraction(band.off)
            for band, end in zip(reached, ends, strict=True)
        ),
        Fraction(0),
    )


class Reckoning:
    """What is left of a deployment's cost, and what came off so far."""

    def __init__(self, card: RateCard, listing: Listing, deployment: Deployment, minor: int):
        self._months = Fraction(deployment.hours) / card.hours_per_month
        width, flat = len(listing.components), len(listing.components) * len(deployment.resources)
        parts = {
            name: sum(listing.leaves[at:flat:width]) for at, name in enumerate(listing.components)
        }
        parts[_FEATURES] = sum(listing.leaves[flat:])
        # For a month, in minor units.
        self._left = {name: Fraction(part * minor, listing.in_one) for name, part in parts.items()}
        self._resources = listing.components
        self._minor = minor
        self.taken: list[Taken] = []

    def volume(self, discount: VolumeDiscount, share: Fraction) -> None:
        """Take a volume discount's share off the component that it measures."""
        whole = discount.of is Measure.TOTAL
        self._take(
            DiscountKind.VOLUME,
            discount.name,
            share,
            self._resources if whole else (discount.of.value,),
        )

    def commitment(self, offering: Offering, deployment: Deployment) -> None:
        """Take the term's share off the resources with their backup."""
        if deployment.commitment is None:
            return
        asked = deployment.commitment
        off = offering.commitments[asked.years][asked.upfront]
        self._take(DiscountKind.COMMITMENT, asked.name, Fraction(off), self._resources)

    def account(self, card: RateCard, tier: str) -> None:
        """Take the share of the account's tier off everything."""
        known = card.account_tiers.get(tier)
        if known is not None and known.off:
            self._take(DiscountKind.ACCOUNT, tier, Fraction(known.off), self._left)

    def coupon(self, name: str, coupon: Coupon) -> None:
        """Take a coupon's share off everything, or its amount, once, off what is left.

        An amount is spread over a duration of more than a month; it is never more than the price.
        """
        if coupon.off:
            self._take(DiscountKind.COUPON, name, Fraction(coupon.off), self._left)
            return
        left, amount = sum(self._left.values(), Fraction(0)), Fraction(coupon.amount) * self._minor
        monthly = min(amount / max(Fraction(1), self._months), left)
        amount = min(amount, left * self._months)
        self.taken.append(Taken(DiscountKind.COUPON, name, amount, monthly))

    def _take(self, kind: DiscountKind, name: str, share: Fraction, parts: Iterable[str]) -> None:
        monthly = Fraction(0)
        for part in tuple(parts):
            off = self._left[part] * share
            self._left[part] -= off
            monthly += off
        self.taken.append(Taken(kind, name, monthly * self._months, monthly))
