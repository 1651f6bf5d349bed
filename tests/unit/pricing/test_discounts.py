"""What comes off: bands, terms, tiers and coupons, one after the other, to the cent."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.chassis.errors import InvalidArgument
from services.chassis.money import Money
from services.pricing.costing import (
    Cost,
    DeploymentRequest,
    DiscountKind,
    ResourceRequest,
    calculate,
    checked,
)
from services.pricing.ratecard_file import parse_rate_card
from services.pricing.rates import Measure, Rounding, Upfront, VolumeDiscount
from tests.unit.pricing.rate_cards import CARD, TEXT, TODAY, cost_of, term, usd, web


def off(cost: Cost) -> list[tuple[DiscountKind, str, Money]]:
    return [(one.kind, one.name, one.amount) for one in cost.discounts]


def test_where_nothing_comes_off_nothing_is_listed() -> None:
    cost = cost_of(DeploymentRequest([web("10")]))
    assert (cost.total, cost.discounts, cost.schedule) == (usd("1000.00"), (), None)


@pytest.mark.parametrize(
    ("cores", "taken"),
    [("10", None), ("10.01", "-0.10"), ("30", "-200.00"), ("40", "-400.00")],
)
def test_a_graduated_discount_takes_each_bands_share_of_what_is_in_it(
    cores: str, taken: str | None
) -> None:
    # A hundred hours a month at a dollar: 1,000 core-hours are ten cores.
    cost = cost_of(DeploymentRequest([web(cores)]))
    expected = [(DiscountKind.VOLUME, "compute", usd(taken))] if taken else []
    assert off(cost) == expected


@pytest.mark.parametrize(
    ("size", "taken"), [("100", None), ("101", "-10.10"), ("200", "-20.00"), ("201", "-60.30")]
)
def test_a_volume_discount_takes_the_reached_bands_share_of_all(
    size: str, taken: str | None
) -> None:
    cost = cost_of(DeploymentRequest([web(storage=size)]))
    expected = [(DiscountKind.VOLUME, "archive", usd(taken))] if taken else []
    assert off(cost) == expected


def test_volume_is_measured_over_the_whole_deployment_and_all_replicas() -> None:
    split = [web("5", replicas=2), web("10"), web("5", replicas=4)]
    assert off(cost_of(DeploymentRequest(split))) == off(cost_of(DeploymentRequest([web("40")])))


def test_volume_is_measured_by_the_month_however_long_the_duration_is() -> None:
    month = cost_of(DeploymentRequest([web("40")]))
    hour = cost_of(DeploymentRequest([web("40")], duration_hours="1"))
    assert (hour.monthly, hour.total) == (month.monthly, usd("36.00"))
    assert hour.discounts[0].monthly == month.discounts[0].monthly


def test_the_total_is_measured_by_the_list_price_and_taken_off_what_is_left() -> None:
    cost = cost_of(DeploymentRequest([web("60")]))
    # 60 cores cost 6,000; compute takes 200 + 600; large takes 1 % of what is above 5,000.
    assert off(cost) == [
        (DiscountKind.VOLUME, "compute", usd("-800.00")),
        (DiscountKind.VOLUME, "large", usd("-8.67")),
    ]


def test_a_commitment_comes_off_resources_and_backup_and_not_off_features() -> None:
    asked = DeploymentRequest(
        [web("1")], backup_plan="basic", features=("monitoring",), commitment=term(1, Upfront.ALL)
    )
    cost = cost_of(asked)
    assert off(cost) == [(DiscountKind.COMMITMENT, "1-year-all", usd("-396.00"))]
    # 12 months of 110 less 30 %, and of 10.
    assert (cost.total, cost.monthly) == (usd("1044.00"), usd("87.00"))


@pytest.mark.parametrize(
    ("years", "upfront", "first", "parts"),
    [
        (1, Upfront.NONE, "0.00", 12),
        (1, Upfront.PARTIAL, "360.00", 12),
        (1, Upfront.ALL, "840.00", 0),
        (3, Upfront.PARTIAL, "864.00", 36),
        (3, Upfront.ALL, "1800.00", 0),
    ],
)
def test_a_commitment_is_paid_as_it_says(
    years: int, upfront: Upfront, first: str, parts: int
) -> None:
    cost = cost_of(DeploymentRequest([web("1")], commitment=term(years, upfront)))
    assert cost.schedule is not None
    assert (cost.schedule.upfront, len(cost.schedule.instalments)) == (usd(first), parts)
    paid = sum(cost.schedule.instalments, cost.schedule.upfront)
    assert paid == cost.total


def test_a_tier_takes_its_share_off_everything_and_an_unknown_one_takes_nothing() -> None:
    asked = DeploymentRequest([web("1")], features=("monitoring",))
    assert off(cost_of(asked, "partner")) == [(DiscountKind.ACCOUNT, "partner", usd("-11.00"))]
    assert cost_of(asked, "forgotten") == cost_of(asked)


def test_a_tiers_own_rates_are_the_list_prices_of_the_own_cloud_only() -> None:
    asked = DeploymentRequest([web("1", "2", "3")])
    assert cost_of(asked, "wholesale").total == usd("103.00")
    assert cost_of(asked, "wholesale").discounts == ()
    elsewhere = asked._replace(cloud="aws")
    assert cost_of(elsewhere, "wholesale") == cost_of(elsewhere)


def test_a_coupons_share_comes_off_what_the_others_left() -> None:
    asked = DeploymentRequest([web("1")], commitment=term(1, Upfront.ALL), coupon="LAUNCH20")
    assert off(cost_of(asked, "partner")) == [
        (DiscountKind.COMMITMENT, "1-year-all", usd("-360.00")),
        (DiscountKind.ACCOUNT, "partner", usd("-84.00")),
        (DiscountKind.COUPON, "LAUNCH20", usd("-151.20")),
    ]


@pytest.mark.parametrize(
    ("hours", "total", "monthly"),
    [
        ("100", "90.00", "90.00"),
        ("200", "190.00", "95.00"),
        # An hour costs a dollar; the month counts for the threshold, and has the coupon once.
        ("1", "0.00", "90.00"),
        ("20", "10.00", "90.00"),
    ],
)
def test_a_coupons_amount_comes_off_once_and_makes_nothing_negative(
    hours: str, total: str, monthly: str
) -> None:
    cost = cost_of(DeploymentRequest([web("1")], duration_hours=hours, coupon="TEN"))
    assert (cost.total, cost.monthly) == (usd(total), usd(monthly))


@pytest.mark.parametrize(
    ("asked", "fields"),
    [
        (DeploymentRequest([web()], coupon="NONE"), {"coupon": "there is no such coupon"}),
        (
            DeploymentRequest([ResourceRequest("db")], coupon="HOME"),
            {"coupon": "is for resources of the types web only"},
        ),
        (
            DeploymentRequest([web()], cloud="aws", coupon="HOME"),
            {"coupon": "is for home only"},
        ),
        (DeploymentRequest([web()], cloud="mars"), {"cloud": "home, aws, metal"}),
        (DeploymentRequest([web()], commitment=term(2, Upfront.ALL)), {"commitment.years": "1 or"}),
        (
            DeploymentRequest([web()], commitment=term(3, Upfront.NONE)),
            {"commitment.upfront": "partial, all"},
        ),
        (
            DeploymentRequest([web()], commitment=term(1, None)),
            {"commitment.upfront": "none, part"},
        ),
        (
            DeploymentRequest([web()], duration_hours="5", commitment=term(1, Upfront.ALL)),
            {"duration_hours": "expected to be empty"},
        ),
        (
            DeploymentRequest(
                [web("-1")],
                "nowhere",
                "x",
                "gold",
                ("ssl", "magic"),
                "mars",
                term(7, Upfront.ALL),
                "NONE",
            ),
            {
                "cloud": "mars",
                "resources[0].cpu": "negative",
                "region": "eu-1",
                "backup_plan": "basic",
                "features[1]": "monitoring",
                "commitment.years": "1 or 3",
                "duration_hours": "empty",
                "coupon": "no such coupon",
            },
        ),
    ],
)
def test_every_bad_field_is_named_at_once_with_what_is_allowed(
    asked: DeploymentRequest, fields: dict[str, str]
) -> None:
    with pytest.raises(InvalidArgument) as refused:
        checked(CARD, asked, TODAY)
    found = {one.field: one.description for one in refused.value.fields}
    assert set(found) == set(fields)
    for field, text in fields.items():
        assert text in found[field]


def test_a_coupon_counts_through_its_last_day() -> None:
    coupon = CARD.coupons["LAUNCH20"]
    asked = DeploymentRequest([web("1")], coupon="LAUNCH20")
    assert coupon.until is not None
    assert checked(CARD, asked, coupon.until).coupon == "LAUNCH20"
    with pytest.raises(InvalidArgument, match="ended on 2026-12-31"):
        checked(CARD, asked, coupon.until.replace(year=2027))
    # Who does not say what day it is cannot have been told that it still counts.
    with pytest.raises(ValueError, match="needs a day"):
        checked(CARD, asked)


def test_codes_of_coupons_are_told_to_nobody() -> None:
    with pytest.raises(InvalidArgument) as refused:
        checked(CARD, DeploymentRequest([web()], coupon="NONE"), TODAY)
    assert "LAUNCH20" not in refused.value.message


@pytest.mark.parametrize(
    ("rounding", "cents"),
    [(Rounding.HALF_EVEN, 2), (Rounding.HALF_UP, 3), (Rounding.UP, 3)],
)
def test_the_total_is_rounded_as_the_card_says(rounding: Rounding, cents: int) -> None:
    card = replace(CARD, rounding=rounding)
    half = DeploymentRequest([web("0.025")], duration_hours="1")
    assert calculate(card, checked(card, half)).total.minor_units == cents
    more = DeploymentRequest([web("0.021")], duration_hours="1")
    expected = 3 if rounding is Rounding.UP else 2
    assert calculate(card, checked(card, more)).total.minor_units == expected


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


def test_a_card_that_says_nothing_of_discounts_has_none() -> None:
    plain = "\n".join(TEXT.partition("volume_discounts")[0].splitlines()) + (
        '\npayment_thresholds: {default: "1"}\nlimits: {cpu: 1, memory: 1Gi, storage: 1Gi}\n'
    )
    card = parse_rate_card(plain, "plain.yaml")
    assert (card.volume_discounts, card.commitments, card.clouds) == ((), {}, {})
    assert (card.account_tiers, card.coupons, card.rounding) == ({}, {}, Rounding.HALF_EVEN)
    with pytest.raises(InvalidArgument, match="no term is offered"):
        checked(card, DeploymentRequest([web()], commitment=term(1, Upfront.ALL)))
