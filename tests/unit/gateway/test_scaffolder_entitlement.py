"""Document 000: what somebody holds, and what it is enough for."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gateway.ports import (
    AccountKind,
    Entitlement,
    Interval,
    Price,
    Requirement,
    State,
    Upgrade,
)
from services.chassis.errors import (
    FieldViolation,
    InvalidArgument,
)
from services.chassis.money import Money
from tests.unit.gateway.world import USER, World

VALIDATE = "/api/tollgate/validate-subscription"
PREMIUM = Entitlement(
    valid=True,
    tier="premium",
    features=("custom-resources", "kubernetes-deployment"),
    remaining_credits=1000,
    next_billing_time=datetime(2026, 4, 1, tzinfo=UTC),
    state=State.ACTIVE,
)
BASIC = Entitlement(
    valid=False,
    tier="basic",
    features=("kubernetes-deployment",),
    remaining_credits=0,
    next_billing_time=None,
    state=None,
    reason="TIER_TOO_LOW",
    message="This needs the tier premium; yours is basic.",
    missing_features=("custom-resources",),
    upgrade=Upgrade(
        "scaffolder/premium", "Premium", "premium", Price(Money("usd", 2900), Interval.MONTH)
    ),
)


async def test_what_is_met_is_told_with_everything_that_is_held(world: World) -> None:
    world.subscription.entitled = PREMIUM
    body = {"requiredTier": "premium", "requiredFeatures": ["kubernetes-deployment"]}
    answer = await world.call("user", "POST", VALIDATE, body)
    assert (answer.status_code, answer.json()) == (
        200,
        {
            "isValid": True,
            "subscriptionTier": "premium",
            "availableFeatures": ["custom-resources", "kubernetes-deployment"],
            "remainingCredits": 1000,
            "nextBillingDate": "2026-04-01T00:00:00.000Z",
            "billingStatus": "active",
        },
    )
    assert world.subscription.required == [
        Requirement("", "premium", ["kubernetes-deployment"], "scaffolder")
    ]


async def test_what_is_not_met_is_no_error_and_says_what_would_do(world: World) -> None:
    world.subscription.entitled = BASIC
    answer = await world.call("user", "POST", VALIDATE, {"requiredTier": "premium"})
    body = answer.json()
    assert (answer.status_code, body["isValid"], body["billingStatus"]) == (200, False, "none")
    assert body["reason"] == "TIER_TOO_LOW"
    assert body["message"] == "This needs the tier premium; yours is basic."
    assert body["missingFeatures"] == ["custom-resources"]
    assert body["upgrade"] == {
        "plan": "scaffolder/premium",
        "displayName": "Premium",
        "tier": "premium",
        "price": 29,
        "currency": "USD",
        "interval": "month",
    }
    assert '"price":29.00,' in answer.text


async def test_who_holds_nothing_has_no_tier(world: World) -> None:
    world.subscription.entitled = replace(BASIC, tier="", features=(), upgrade=None)
    body = (await world.call("guest", "POST", VALIDATE)).json()
    assert (body["subscriptionTier"], body["availableFeatures"]) == (None, [])
    assert "upgrade" not in body


@pytest.mark.parametrize("state", State)
async def test_each_state_has_a_billing_status(world: World, state: State) -> None:
    world.subscription.entitled = replace(PREMIUM, state=state)
    body = (await world.call("user", "POST", VALIDATE, {})).json()
    assert body["billingStatus"] == state.value


@pytest.mark.parametrize("user", [None, "", USER.subject, USER.email])
async def test_the_caller_may_be_named_or_not(world: World, user: str | None) -> None:
    world.subscription.entitled = PREMIUM
    answer = await world.call("user", "POST", VALIDATE, {"userId": user})
    assert answer.status_code == 200
    assert world.subscription.required[0].account == ""


@pytest.mark.parametrize("role", ["user", "admin", "other"])
async def test_somebody_else_may_not_be_asked_for(world: World, role: str) -> None:
    world.subscription.entitled = PREMIUM
    answer = await world.call(role, "POST", VALIDATE, {"userId": "gus"})
    assert (answer.status_code, answer.json()["code"]) == (403, "ACCOUNT_OF_ANOTHER")
    assert world.subscription.required == []


async def test_a_platform_admin_asks_for_that_users_account(world: World) -> None:
    world.subscription.entitled = PREMIUM
    world.subscription.accounts[(AccountKind.USER, "gus")] = "acc_gus"
    answer = await world.call("platform", "POST", VALIDATE, {"userId": "gus"})
    assert answer.status_code == 200
    assert world.subscription.required[0].account == "acc_gus"
    unknown = await world.call("platform", "POST", VALIDATE, {"userId": "nobody"})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "UNKNOWN_USER")


async def test_a_wrong_requirement_is_named_as_the_document_does(world: World) -> None:
    world.subscription.refusal = InvalidArgument(
        "required_tier: expected one of basic, premium, enterprise",
        fields=[FieldViolation("required_tier", "expected one of basic, premium, enterprise")],
        reason="INVALID_FIELDS",
    )
    answer = await world.call("user", "POST", VALIDATE, {"requiredTier": "gold"})
    assert (answer.status_code, answer.json()) == (
        400,
        {
            "error": "requiredTier: expected one of basic, premium, enterprise",
            "code": "INVALID_FIELDS",
            "fields": {"requiredTier": "expected one of basic, premium, enterprise"},
        },
    )
