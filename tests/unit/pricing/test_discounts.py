"""What comes off: bands, terms, tiers and coupons, one after the other, to the cent."""

from dataclasses import replace

import pytest

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
from services.pricing.rates import Rounding, Upfront
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


def test_a_card_that_says_nothing_of_discounts_has_none() -> None:
    plain = "\n".join(TEXT.partition("volume_discounts")[0].splitlines()) + (
        '\npayment_thresholds: {default: "1"}\nlimits: {cpu: 1, memory: 1Gi, storage: 1Gi}\n'
    )
    card = parse_rate_card(plain, "plain.yaml")
    assert (card.volume_discounts, card.commitments, card.clouds) == ((), {}, {})
    assert (card.account_tiers, card.coupons, card.rounding) == ({}, {}, Rounding.HALF_EVEN)
    with pytest.raises(InvalidArgument, match="no term is offered"):
        checked(card, DeploymentRequest([web()], commitment=term(1, Upfront.ALL)))
