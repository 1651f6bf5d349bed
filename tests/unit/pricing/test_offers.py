"""One deployment over all clouds and regions."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.chassis.errors import InvalidArgument
from services.pricing.costing import (
    ComparisonRequest,
    DeploymentRequest,
    Offer,
    comparison,
    offer_at,
    ranked,
)
from services.pricing.rates import Upfront
from tests.unit.pricing.rate_cards import CARD, TODAY, cost_of, term, web

ONE = DeploymentRequest([web("1", "1", "1")])
EVERYWHERE = [
    ("home", "north"),
    ("home", "south"),
    ("aws", "us-1"),
    ("aws", "eu-1"),
    ("metal", "north"),
]


def offers_of(asked: ComparisonRequest, tier: str = "") -> list[Offer]:
    compared = comparison(CARD, asked, TODAY)
    return ranked(offer_at(CARD, compared.deployment, place, tier) for place in compared.places)


def places(offers: list[Offer]) -> list[tuple[str, str]]:
    return [(offer.cloud, offer.region) for offer in offers]


def test_every_region_of_every_cloud_is_offered_the_cheapest_first() -> None:
    offers = offers_of(ComparisonRequest(ONE))
    assert sorted(places(offers)) == sorted(EVERYWHERE)
    totals = [offer.cost.total for offer in offers if offer.cost]
    assert len(totals) == len(EVERYWHERE)
    assert totals == sorted(totals)
    assert places(offers)[0] == ("metal", "north")


@settings(deadline=None)  # a busy machine makes no price wrong
@given(st.sampled_from(EVERYWHERE), st.integers(1, 60), st.sampled_from(["", "partner"]))
def test_an_offer_is_what_that_place_costs(place: tuple[str, str], cores: int, tier: str) -> None:
    asked = DeploymentRequest([web(str(cores), "3")], duration_hours="50")
    (offer,) = offers_of(ComparisonRequest(asked, [place[0]], [place[1]]), tier)
    assert offer.cost == cost_of(asked._replace(cloud=place[0], region=place[1]), tier)


def test_only_what_was_asked_for_is_compared() -> None:
    assert places(offers_of(ComparisonRequest(ONE, regions=["north"]))) == [
        ("metal", "north"),
        ("home", "north"),
    ]
    assert places(offers_of(ComparisonRequest(ONE, ["aws"]))) == [("aws", "us-1"), ("aws", "eu-1")]


def test_what_a_place_lacks_is_said_and_stands_last() -> None:
    asked = ONE._replace(
        backup_plan="basic", features=("monitoring", "ssl"), commitment=term(3, Upfront.ALL)
    )
    missing = {
        (offer.cloud, offer.region): offer.missing
        for offer in offers_of(ComparisonRequest(asked))
        if offer.cost is None
    }
    assert missing == {
        ("aws", "us-1"): "no ssl; no commitment 3-year-all",
        ("aws", "eu-1"): "no ssl; no commitment 3-year-all",
        ("metal", "north"): "no backup plan basic",
    }
    assert [offer.cost is None for offer in offers_of(ComparisonRequest(asked))] == [
        False,
        False,
        True,
        True,
        True,
    ]


def test_a_cloud_and_a_region_that_do_not_go_together_are_said() -> None:
    first, second = offers_of(ComparisonRequest(ONE, ["aws", "home"], ["north"]))
    assert (first.cloud, first.missing) == ("home", "")
    assert (second.cloud, second.missing) == ("aws", "aws has no region north")


def test_a_coupon_that_does_not_count_somewhere_is_said() -> None:
    offers = offers_of(ComparisonRequest(ONE._replace(coupon="HOME")))
    assert {offer.cloud for offer in offers if offer.cost} == {"home"}
    assert {offer.missing for offer in offers if not offer.cost} == {
        "coupon HOME does not count there"
    }


def test_what_no_cloud_has_is_refused_with_every_bad_field_at_once() -> None:
    asked = DeploymentRequest(
        [web("-1")],
        region="north",
        cloud="home",
        backup_plan="gold",
        features=("magic",),
        commitment=term(9, Upfront.ALL),
        coupon="NONE",
    )
    with pytest.raises(InvalidArgument) as refused:
        comparison(CARD, ComparisonRequest(asked, ["home", "mars"], ["moon"]), TODAY)
    assert {one.field for one in refused.value.fields} == {
        "cloud",
        "region",
        "clouds[1]",
        "regions[0]",
        "resources[0].cpu",
        "backup_plan",
        "features[0]",
        "commitment.years",
        "coupon",
    }


def test_too_many_places_are_refused() -> None:
    for asked in (
        ComparisonRequest(ONE, clouds=["home"] * 51),
        ComparisonRequest(ONE, regions=["north"] * 201),
    ):
        with pytest.raises(InvalidArgument, match="expected at most"):
            comparison(CARD, asked)


def test_who_names_a_region_twice_is_told_once() -> None:
    assert len(offers_of(ComparisonRequest(ONE, ["home"], ["north", "north"]))) == 1
