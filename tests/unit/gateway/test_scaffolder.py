"""Document 000: what resources cost."""

from datetime import UTC, datetime

import pytest

from gateway.ports import (
    Commitment,
    CostPart,
    Discount,
    PlaceOffer,
    Quote,
    ResourceCost,
    ResourceWish,
    Schedule,
)
from gateway.routes.scaffolder.models import PriceAnswer
from services.chassis.errors import (
    FailedPrecondition,
    FieldViolation,
    InvalidArgument,
    ResourceExhausted,
    Unavailable,
)
from services.chassis.money import Money
from tests.unit.gateway.test_scaffolder_entitlement import PREMIUM, VALIDATE
from tests.unit.gateway.world import USER, World, running

CALCULATE = "/api/tollgate/calculate-price"
COMPARE = "/api/tollgate/compare-prices"


def usd(cents: int) -> Money:
    return Money("usd", cents)


QUOTE = Quote(
    name="quo_7",
    expire_time=datetime(2026, 3, 4, 11, tzinfo=UTC),
    payment_required=True,
    total=usd(18050),
    monthly=usd(18300),
    resources=(
        ResourceCost(
            "wordpress",
            usd(17050),
            usd(17300),
            (CostPart("cpu", usd(13824), usd(14016)), CostPart("backup", usd(810), usd(824))),
        ),
    ),
    components=(
        CostPart("cpu", usd(13824), usd(14016)),
        CostPart("monitoring", usd(1000), usd(1000)),
    ),
    region="us-east-1",
    cloud="own",
    discounts=(Discount("coupon", "LAUNCH20", usd(-10), usd(-12)),),
    schedule=Schedule(usd(18050), ()),
)
WORDPRESS: dict[str, object] = {
    "type": "wordpress",
    "cpu": 2,
    "memory": 4,
    "storage": 5,
    "replicas": 2,
}


async def test_a_price_is_told_in_parts_and_kept(world: World) -> None:
    world.pricing.quoted = QUOTE
    body = {
        "resources": [WORDPRESS],
        "region": "us-east-1",
        "duration": 720,
        "backupPlan": "basic",
        "additionalFeatures": ["monitoring"],
    }
    answer = await world.call("user", "POST", CALCULATE, body, **{"Idempotency-Key": "k"})
    assert (answer.status_code, answer.json()) == (
        200,
        {
            "totalCost": 180.5,
            "monthlyCost": 183,
            "breakdown": {
                "resources": [
                    {
                        "type": "wordpress",
                        "cost": 170.5,
                        "monthlyCost": 173,
                        "components": {"cpu": 138.24, "backup": 8.1},
                    }
                ],
                "components": {"cpu": 138.24, "monitoring": 10},
            },
            "currency": "USD",
            "cloud": "own",
            "region": "us-east-1",
            "discounts": [{"kind": "coupon", "name": "LAUNCH20", "amount": -0.1, "monthly": -0.12}],
            "schedule": {"upfront": 180.5, "instalments": []},
            "tax": "added-by-provider",
            "quoteId": "quo_7",
            "expiresAt": "2026-03-04T11:00:00.000Z",
            "requiresPayment": True,
            "signature": None,
        },
    )
    assert '"totalCost":180.50,"monthlyCost":183.00,' in answer.text
    ((asked, key, caller),) = world.pricing.asked
    assert list(asked.resources) == [ResourceWish("wordpress", "2", "4", "5", 2)]
    assert (asked.region, asked.hours, asked.backup_plan) == ("us-east-1", "720", "basic")
    assert (list(asked.features), key, caller) == (["monitoring"], "k", USER)
    assert (asked.cloud, asked.commitment, asked.coupon) == ("", None, "")


async def test_a_cloud_a_commitment_and_a_coupon_are_asked_for_as_they_were_written(
    world: World,
) -> None:
    world.pricing.quoted = QUOTE
    body = {
        "resources": [WORDPRESS],
        "cloud": "own",
        "commitment": {"years": 3, "upfront": "all"},
        "coupon": "LAUNCH20",
    }
    answer = await world.call("user", "POST", CALCULATE, body)
    assert answer.status_code == 200
    ((asked, _, _),) = world.pricing.asked
    assert (asked.cloud, asked.coupon) == ("own", "LAUNCH20")
    assert asked.commitment == Commitment(3, "all")


@pytest.mark.parametrize("reason", ["INSTALMENTS_NOT_SOLD", "CLOUD_NOT_SOLD"])
async def test_what_is_priced_and_not_sold_is_told_without_a_quote(
    world: World, reason: str
) -> None:
    world.pricing.quoted = QUOTE
    world.pricing.refusal = FailedPrecondition("not sold", reason=reason)
    answer = await world.call("user", "POST", CALCULATE, {"resources": [WORDPRESS]})
    assert answer.status_code == 200
    told = answer.json()
    assert (told["quoteId"], told["expiresAt"], told["requiresPayment"]) == (None, None, None)
    assert told["totalCost"] == 180.5
    PriceAnswer.model_validate_json(answer.text)


async def test_another_refusal_of_a_quote_is_told_as_it_is(world: World) -> None:
    world.pricing.refusal = FailedPrecondition("No rate card.", reason="NO_RATE_CARD")
    answer = await world.call("user", "POST", CALCULATE, {"resources": [WORDPRESS]})
    assert (answer.status_code, answer.json()["code"]) == (409, "NO_RATE_CARD")


async def test_pricings_own_rate_is_told_with_the_time_to_wait(world: World) -> None:
    world.pricing.refusal = ResourceExhausted("slower", reason="RATE_LIMITED", retry_after=2.5)
    answer = await world.call("user", "POST", CALCULATE, {"resources": [WORDPRESS]})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "3")


async def test_a_comparison_is_told_place_by_place(world: World) -> None:
    world.pricing.offers = [
        PlaceOffer("own", "us-east-1", QUOTE, ""),
        PlaceOffer("metro", "metro-1", None, "no load-balancer"),
    ]
    body = {"resources": [WORDPRESS], "clouds": ["own", "metro"], "regions": ["us-east-1"]}
    answer = await world.call("user", "POST", COMPARE, body)
    assert answer.status_code == 200
    first, last = answer.json()["offers"]
    assert (first["cloud"], first["cost"]["totalCost"], first["missing"]) == ("own", 180.5, None)
    assert last == {
        "cloud": "metro",
        "region": "metro-1",
        "cost": None,
        "missing": "no load-balancer",
    }
    assert world.pricing.compared == [(("own", "metro"), ("us-east-1",))]
    assert '"totalCost":180.50' in answer.text


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("2", "2"),
        ("0.1", "0.1"),
        ("1234567890.12345678901234567890", "1234567890.12345678901234567890"),
        ("1e3", "1000"),
        ("25e-1", "2.5"),
        ("-1", "-1"),
        ('"500m"', "500m"),
        ('"6.4Gi"', "6.4Gi"),
    ],
)
async def test_sizes_are_priced_as_they_were_written(world: World, raw: str, text: str) -> None:
    world.pricing.quoted = QUOTE
    content = f'{{"resources":[{{"type":"web","memory":{raw}}}],"duration":{raw}}}'
    headers = {"Authorization": "Bearer user"}
    answer = await world.http.post(CALCULATE, content=content, headers=headers)
    assert answer.status_code == 200
    ((asked, _, _),) = world.pricing.asked
    assert (asked.resources[0].memory, asked.hours) == (text, text)


@pytest.mark.parametrize("raw", ["1e999999999", "1e21", "1e-21", "true", "[]", "{}", "null"])
async def test_a_size_that_is_none_is_named(world: World, raw: str) -> None:
    content = f'{{"resources":[{{"type":"web","cpu":{raw}}}]}}'
    headers = {"Authorization": "Bearer user"}
    answer = await world.http.post(CALCULATE, content=content, headers=headers)
    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == ["resources[0].cpu"]
    assert world.pricing.asked == []


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"resources": "is required"}),
        ({"resources": "web"}, {"resources": "expected a list"}),
        ({"resources": [3]}, {"resources[0]": "expected an object"}),
        (
            {"resources": [WORDPRESS | {"replicas": "2"}], "region": 5},
            {"resources[0].replicas": "expected a whole number", "region": "expected a text"},
        ),
        (
            {"resources": [WORDPRESS], "additionalFeatures": [1]},
            {"additionalFeatures[0]": "expected a text"},
        ),
    ],
)
async def test_every_bad_field_is_named_at_once(
    world: World, body: object, fields: dict[str, str]
) -> None:
    answer = await world.call("user", "POST", CALCULATE, body)
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_FIELDS")
    assert answer.json()["fields"] == fields


async def test_what_pricing_refuses_is_named_as_the_document_does(world: World) -> None:
    named = {
        "resources[0].cpu": "cannot be negative",
        "duration_hours": "too long",
        "backup_plan": "one of none, basic, premium",
        "features[1]": "one of monitoring",
    }
    world.pricing.refusal = InvalidArgument(
        "all wrong",
        fields=[FieldViolation(name, text) for name, text in named.items()],
        reason="INVALID_FIELDS",
    )
    answer = await world.call("user", "POST", CALCULATE, {"resources": [WORDPRESS]})
    assert answer.status_code == 400
    assert answer.json()["fields"] == {
        "resources[0].cpu": "cannot be negative",
        "duration": "too long",
        "backupPlan": "one of none, basic, premium",
        "additionalFeatures[1]": "one of monitoring",
    }
    assert "duration_hours" not in answer.text


async def test_a_client_sets_neither_price_nor_threshold(world: World) -> None:
    world.pricing.quoted = QUOTE
    body = {
        "resources": [WORDPRESS | {"price": 0}],
        "autoApprovalThreshold": 1e9,
        "pricing": {"cpuHourlyRate": 0},
        "requiresPayment": False,
    }
    answer = await world.call("user", "POST", CALCULATE, body)
    assert answer.json()["requiresPayment"] is True
    ((asked, _, _),) = world.pricing.asked
    assert list(asked.resources) == [ResourceWish("wordpress", "2", "4", "5", 2)]


@pytest.mark.parametrize("path", [VALIDATE, CALCULATE, COMPARE])
async def test_nobody_asks_without_a_token(world: World, path: str) -> None:
    answer = await world.call("", "POST", path, {})
    assert (answer.status_code, answer.json()) == (
        401,
        {"error": "Authentication token required", "code": "SIGN_IN_REQUIRED"},
    )


async def test_a_service_that_is_away_is_told_without_its_address(world: World) -> None:
    world.pricing.refusal = Unavailable("A service that this needs cannot be reached now.")
    answer = await world.call("user", "POST", CALCULATE, {"resources": [WORDPRESS]})
    assert answer.status_code == 503


async def test_one_person_calls_so_often_and_no_more() -> None:
    async with running(per_minute=4) as world:
        world.subscription.entitled = PREMIUM
        for path in (VALIDATE, CALCULATE, VALIDATE, CALCULATE):
            # Wrong calls count as well: what is counted is the work of answering.
            await world.call("user", "POST", path, {})
        refused = await world.call("user", "POST", VALIDATE, {})
        assert (refused.status_code, refused.json()["code"]) == (429, "RATE_LIMITED")
        assert refused.headers["retry-after"] == "15"
        assert (await world.call("guest", "POST", VALIDATE, {})).status_code == 200
        world.clock.seconds += 15.01
        assert (await world.call("user", "POST", VALIDATE, {})).status_code == 200
        assert (await world.call("user", "POST", VALIDATE, {})).status_code == 429


async def test_what_is_out_of_bounds_is_for_pricing_to_refuse_with_the_rest(world: World) -> None:
    world.pricing.quoted = QUOTE
    body = {
        "resources": [WORDPRESS | {"replicas": 0}, *[WORDPRESS | {"replicas": 10**30}] * 1200],
        "additionalFeatures": ["ssl"] * 500,
        "commitment": {"years": -(10**30)},
    }
    await world.call("user", "POST", CALCULATE, body)
    ((asked, _, _),) = world.pricing.asked
    assert (len(asked.resources), len(asked.features)) == (1001, 101)
    assert asked.resources[0].replicas < 0
    assert 1000 < asked.resources[1].replicas < 1 << 31
    assert asked.commitment is not None
    assert -(1 << 31) < asked.commitment.years < 0
