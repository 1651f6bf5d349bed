"""Prices with all that comes off, beside the same in fractions by the words of docs/pricing.md."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from services.chassis.money import Money
from services.pricing.costing import (
    DeploymentRequest,
    DiscountKind,
    ResourceRequest,
    calculate,
    checked,
)
from services.pricing.rates import Measure, Upfront, VolumeDiscount
from tests.unit.pricing.rate_cards import CARD, TODAY, cost_of, term, web

sizes = st.decimals(min_value=0, max_value=60, places=2).map(lambda amount: f"{amount:f}")
requests = st.builds(
    DeploymentRequest,
    resources=st.lists(
        st.builds(web, sizes, sizes, sizes, st.integers(1, 9)), min_size=1, max_size=4
    ),
    region=st.sampled_from(["north", "south"]),
    duration_hours=st.integers(1, 87_600).map(str),
    backup_plan=st.sampled_from(["none", "basic"]),
    features=st.lists(st.sampled_from(["monitoring", "ssl"]), unique=True).map(tuple),
    cloud=st.just(""),
    commitment=st.none(),
    coupon=st.sampled_from(["", "LAUNCH20", "TEN", "HOME"]),
)
terms = st.sampled_from(
    [None, *((years, upfront) for years in CARD.commitments for upfront in CARD.commitments[years])]
)
tiers = st.sampled_from(["", "partner", "wholesale"])


def with_term(asked: DeploymentRequest, chosen: tuple[int, Upfront] | None) -> DeploymentRequest:
    if chosen is None:
        return asked
    return asked._replace(duration_hours="", commitment=term(*chosen))


def used(asked: DeploymentRequest, field: str) -> Fraction:
    return sum(
        (Fraction(getattr(one, field)) * one.replicas for one in asked.resources), Fraction()
    )


def by_bands(discount: VolumeDiscount, amount: Fraction) -> Fraction:
    """The share that comes off, hour by hour as the contract words it, in fractions."""
    reached = [band for band in discount.bands if amount > Fraction(band.above)]
    if not reached:
        return Fraction()
    if not discount.graduated:
        return Fraction(reached[-1].off)
    total, upper = Fraction(), amount
    for band in reversed(reached):
        total += (upper - Fraction(band.above)) * Fraction(band.off)
        upper = Fraction(band.above)
    return total / amount


def exact(asked: DeploymentRequest, tier: str) -> tuple[Fraction, Fraction]:
    """Total and month once more, in fractions of a cent, by the words of docs/pricing.md."""
    month, region = CARD.hours_per_month, Fraction(CARD.regions[asked.region])
    own = CARD.account_tiers[tier].rates if tier == "wholesale" else None
    rates = own or CARD.rates
    parts = {
        "cpu": used(asked, "cpu") * Fraction(rates.cpu_core_hour) * month * region,
        "memory": used(asked, "memory") * Fraction(rates.memory_gb_hour) * month * region,
        "storage": used(asked, "storage") * Fraction(rates.storage_gb_month) * region,
    }
    parts["backup"] = sum(parts.values()) * Fraction(CARD.backup_plans[asked.backup_plan])
    measured = {
        Measure.CPU: used(asked, "cpu") * month,
        Measure.STORAGE: used(asked, "storage"),
        Measure.TOTAL: sum(parts.values(), Fraction()),
    }
    for discount in CARD.volume_discounts:
        share = by_bands(discount, measured[discount.of])
        names: Sequence[str] = list(parts) if discount.of is Measure.TOTAL else [discount.of.value]
        for name in names:
            parts[name] -= parts[name] * share
    left = sum(parts.values(), Fraction())
    hours = Fraction(asked.duration_hours or month)
    if asked.commitment is not None and asked.commitment.upfront is not None:
        left *= 1 - Fraction(CARD.commitments[asked.commitment.years][asked.commitment.upfront])
        hours = Fraction(asked.commitment.years * 12 * month)
    left += sum((Fraction(CARD.features[name]) for name in asked.features), Fraction())
    if tier == "partner":
        left *= 1 - Fraction(CARD.account_tiers[tier].off)
    months = hours / month
    total = left * months
    if asked.coupon:
        coupon = CARD.coupons[asked.coupon]
        total = max(Fraction(), total * (1 - Fraction(coupon.off)) - Fraction(coupon.amount))
        spread = Fraction(coupon.amount) / max(Fraction(1), months)
        left = max(Fraction(), left * (1 - Fraction(coupon.off)) - spread)
    return total * 100, left * 100


@settings(deadline=None)  # a busy machine makes no price wrong
@given(requests, terms, tiers)
def test_every_price_is_what_fractions_say_and_its_parts_add_up_to_it(
    asked: DeploymentRequest, chosen: tuple[int, Upfront] | None, tier: str
) -> None:
    asked = with_term(asked, chosen)
    cost = cost_of(asked, tier)
    total, monthly = exact(asked, tier)
    assert (cost.total.minor_units, cost.monthly.minor_units) == (round(total), round(monthly))
    nothing = Money.zero("usd")
    for amount, parts, discounts in (
        (
            cost.total,
            [part.amount for part in cost.components],
            [one.amount for one in cost.discounts],
        ),
        (
            cost.monthly,
            [part.monthly for part in cost.components],
            [one.monthly for one in cost.discounts],
        ),
    ):
        assert amount >= nothing
        assert all(one <= nothing for one in discounts)
        assert all(part >= nothing for part in parts)
        assert sum(parts, nothing) + sum(discounts, nothing) == amount
    flat = [part.amount for part in cost.components if part.component in CARD.features]
    by_resource = [one.amount for one in cost.resources] + flat
    taken = sum((one.amount for one in cost.discounts), nothing)
    assert sum(by_resource, nothing) + taken == cost.total
    kinds = [list(DiscountKind).index(one.kind) for one in cost.discounts]
    assert kinds == sorted(kinds)
    if cost.schedule is not None:
        assert sum(cost.schedule.instalments, cost.schedule.upfront) == cost.total
        least = min(cost.schedule.instalments, default=nothing)
        assert max(cost.schedule.instalments, default=nothing) - least <= Money("usd", 1)


@settings(deadline=None)  # a busy machine makes no price wrong
@given(requests, tiers)
def test_what_comes_off_never_makes_a_price_higher(asked: DeploymentRequest, tier: str) -> None:
    plain = replace(CARD, volume_discounts=())
    dearest = calculate(plain, checked(plain, asked._replace(coupon="")))
    assert cost_of(asked, tier).total <= dearest.total
    assert cost_of(asked, tier).monthly <= dearest.monthly


@settings(deadline=None)  # a busy machine makes no price wrong
@given(requests, st.integers(1, 9))
def test_with_graduated_discounts_more_is_never_cheaper(
    asked: DeploymentRequest, more: int
) -> None:
    graduated = tuple(replace(one, graduated=True) for one in CARD.volume_discounts)
    card = replace(CARD, volume_discounts=graduated)
    first, *others = asked.resources

    def total(one: ResourceRequest) -> Money:
        resized = asked._replace(resources=[one, *others])
        return calculate(card, checked(card, resized, TODAY)).total

    before = total(first)
    assert total(first._replace(cpu=f"{Decimal(first.cpu) + more:f}")) >= before
    assert total(first._replace(storage=f"{Decimal(first.storage) + more:f}")) >= before
    assert total(first._replace(replicas=first.replicas + more)) >= before
