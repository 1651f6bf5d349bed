"""Document 001: an organization's subscription is looked at, bought, changed and ended."""

from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from gateway.ports import AccountKind, AddonQuantity, Interval, State
from services.chassis.errors import (
    DeadlineExceeded,
    FailedPrecondition,
    FieldViolation,
    InvalidArgument,
    Refusal,
    Unavailable,
)
from tests.fakes.gateway import NO_PROVIDER, exceeds
from tests.unit.gateway.world import HELD, World

PATH = "/api/billing/organization-subscription"
ADDONS = f"{PATH}/addons"
NOTHING: dict[str, object] = {
    "organization": "acme",
    "planId": None,
    "planName": None,
    "status": None,
    "providerSubscriptionId": None,
    "providerCustomerId": None,
    "addons": [],
    "resources": None,
    "usage": None,
    "subscribedAt": None,
    "suspendedAt": None,
    "isTrial": False,
    "trialEndDate": None,
    "currentPeriodEnd": None,
}


async def test_the_subscription_is_told_as_the_document_writes_it(world: World) -> None:
    world.holds(HELD)
    answer = await world.call("admin", "GET", PATH)
    assert answer.status_code == 200
    assert answer.json()["success"] is True
    assert answer.json()["data"] == {
        "organization": "acme",
        "planId": "pro-pool",
        "planName": "Pro Pool",
        "status": "active",
        "providerSubscriptionId": "sub_1Q",
        "providerCustomerId": "cus_9F",
        "addons": [{"addonId": "turbo-x1", "quantity": 1}],
        "resources": {"cpu": 10.5, "memory": 28, "storage": 160},
        "usage": {
            "cpu": {"used": 4.2, "limit": 10.5},
            "memory": {"used": 12.5, "limit": 28},
            "storage": {"used": 0, "limit": 160},
            "pods": {"used": 23, "limit": 200},
            "ipv4": {"used": 1, "limit": None},
        },
        "subscribedAt": "2026-02-11T09:00:00.000Z",
        "suspendedAt": None,
        "isTrial": False,
        "trialEndDate": None,
        "currentPeriodEnd": "2026-03-11T09:00:00.000Z",
    }


async def test_without_a_plan_its_keys_are_null(world: World) -> None:
    assert (await world.call("admin", "GET", PATH)).json()["data"] == NOTHING
    # Neither what never began nor another catalog's plan is one.
    world.holds(replace(HELD, begin_time=None), replace(HELD, plan="sessions/starter"))
    assert (await world.call("admin", "GET", PATH)).json()["data"] == NOTHING


async def test_the_organization_is_that_of_the_token(world: World) -> None:
    world.holds(HELD)
    other = (await world.call("other", "GET", f"{PATH}?organization=acme")).json()["data"]
    assert (other["organization"], other["planId"]) == ("other", None)


async def test_what_is_in_force_is_shown_before_what_is_newer_and_over(world: World) -> None:
    later = datetime(2026, 3, 1, tzinfo=UTC)
    over = replace(HELD, name="tsub_2", state=State.CANCELED, create_time=later)
    world.holds(HELD, over)
    assert (await world.call("admin", "GET", PATH)).json()["data"]["status"] == "active"
    world.holds(replace(HELD, state=State.EXPIRED), replace(over, state=State.SUSPENDED))
    assert (await world.call("admin", "GET", PATH)).json()["data"]["status"] == "suspended"


async def test_what_was_assigned_is_shown_without_a_provider_and_without_one_on(
    world: World,
) -> None:
    world.payments.on = NO_PROVIDER
    given = replace(HELD, provider_subscription_id="", provider_customer_id="", assigned=True)
    world.holds(given)
    data = (await world.call("admin", "GET", PATH)).json()["data"]
    assert (data["planId"], data["status"]) == ("pro-pool", "active")
    assert (data["providerSubscriptionId"], data["providerCustomerId"]) == (None, None)
    assert data["usage"]["pods"]["limit"] == 200


async def test_what_is_paid_is_shown_before_what_was_assigned_while_it_is_in_force(
    world: World,
) -> None:
    later = datetime(2026, 3, 1, tzinfo=UTC)
    given = replace(HELD, name="tsub_2", plan_display_name="Given", create_time=later)
    given = replace(given, assigned=True)
    world.holds(HELD, given)
    shown = (await world.call("admin", "GET", PATH)).json()["data"]
    world.holds(replace(HELD, state=State.SUSPENDED), given)
    fallen = (await world.call("admin", "GET", PATH)).json()["data"]
    assert (shown["planName"], fallen["planName"]) == ("Pro Pool", "Given")


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (State.ACTIVE, "active"),
        (State.TRIALING, "trialing"),
        (State.CANCELING, "canceling"),
        (State.PAST_DUE, "past_due"),
        (State.SUSPENDED, "suspended"),
        (State.PAUSED, "suspended"),
        (State.CANCELED, "canceled"),
        (State.EXPIRED, "canceled"),
        (State.INCOMPLETE, None),
    ],
)
async def test_each_state_has_the_documents_word(
    world: World, state: State, word: str | None
) -> None:
    world.holds(replace(HELD, state=state))
    data = (await world.call("admin", "GET", PATH)).json()["data"]
    assert (data["status"], data["isTrial"]) == (word, state is State.TRIALING)


async def test_usage_is_null_while_the_cluster_cannot_be_asked(world: World) -> None:
    world.holds(HELD)
    world.provisioner.away = True
    data = (await world.call("admin", "GET", PATH)).json()["data"]
    assert (data["planId"], data["usage"]) == ("pro-pool", None)


async def test_a_plan_that_left_every_catalog_is_still_shown(world: World) -> None:
    world.holds(replace(HELD, plan="kube-dc/gone", plan_display_name=""))
    data = (await world.call("admin", "GET", PATH)).json()["data"]
    assert (data["planName"], data["resources"]) == ("gone", None)


async def test_a_purchase_answers_where_to_pay(world: World) -> None:
    body = {"planId": "pro-pool", "addons": [{"addonId": "turbo-x1", "quantity": 2}]}
    answer = await world.call("admin", "POST", PATH, body, **{"Idempotency-Key": "k1"})
    assert answer.status_code == 200
    assert answer.json()["data"] == {
        "checkoutUrl": "https://pay.example/cs_1",
        "url": "https://pay.example/cs_1",
        "sessionId": "cs_1",
        "expiresAt": "2026-03-04T12:00:00.000Z",
        "quoteId": "quo_1",
    }
    account, asked = world.subscription.pages["cs_1"]
    assert world.subscription.accounts == {(AccountKind.ORGANIZATION, "acme"): account}
    assert world.subscription.emails[account] == "ada@acme.example"
    assert (asked.plan, asked.request_id) == ("kube-dc/pro-pool", "k1")
    assert asked.addons == [AddonQuantity("kube-dc/turbo-x1", 2)]
    assert (asked.currency, asked.interval, asked.trial) == ("", Interval.MONTH, False)


async def test_the_way_back_leads_to_the_console_with_the_session(world: World) -> None:
    await world.call("admin", "POST", PATH, {"planId": "pro-pool"})
    _, asked = world.subscription.pages["cs_1"]
    for url, extra in (
        (asked.success_url, {"session_id": ["{CHECKOUT_SESSION_ID}"]}),
        (asked.cancel_url, {"canceled": ["true"]}),
    ):
        parts = urlsplit(url)
        assert f"{parts.scheme}://{parts.netloc}{parts.path}" == (
            "https://console.example/manage-organization/billing"
        )
        assert parse_qs(parts.query) == {"realm": ["acme"], **extra}


async def test_a_purchase_says_how_it_is_paid(world: World) -> None:
    body = {
        "planId": "pro-pool",
        "currency": "USD",
        "interval": "year",
        "promoCode": "SPRING",
        "trial": True,
    }
    await world.call("admin", "POST", PATH, body)
    _, asked = world.subscription.pages["cs_1"]
    assert (asked.currency, asked.interval) == ("usd", Interval.YEAR)
    assert (asked.promotion_code, asked.trial) == ("SPRING", True)


async def test_a_second_purchase_of_the_same_gives_the_same_session(world: World) -> None:
    body = {"planId": "pro-pool", "promoCode": None, "amount": 1}
    first = await world.call("admin", "POST", PATH, body)
    again = await world.call("admin", "POST", PATH, body)
    assert first.json()["data"]["sessionId"] == again.json()["data"]["sessionId"]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (None, "planId is required"),
        ({}, "planId is required"),
        ({"planId": ""}, "planId is required"),
        ({"planId": 5}, "planId: expected a text"),
        ([], "body: expected an object"),
        ({"planId": "nope"}, "Unknown plan: nope"),
        ({"planId": "sessions/starter"}, "Unknown plan: sessions/starter"),
        ({"planId": "a\x00b"}, "planId: expected no control characters"),
        ({"planId": "\ud800"}, "planId: expected a text"),
        ({"planId": "pro-pool", "addons": [{"addonId": "no"}]}, "Unknown add-on: no"),
        ({"planId": "pro-pool", "addons": [{}]}, "addons[0].addonId is required"),
        (
            {"planId": "pro-pool", "addons": [{"addonId": "turbo-x1", "quantity": 1.5}]},
            "addons[0].quantity: expected a whole number",
        ),
        ({"planId": "pro-pool", "interval": "week"}, "interval: expected 'month' or 'year'"),
        ({"planId": "pro-pool", "currency": "euro"}, "currency: expected at most 3 characters"),
        ({"planId": "x" * 256}, "planId: expected at most 255 characters"),
        (
            {"planId": "pro-pool", "addons": [{"addonId": "turbo-x1", "quantity": 1001}]},
            "addons[0].quantity: expected at most 1000",
        ),
        ({"planId": "pro-pool", "addons": [{"addonId": "a"}] * 21}, "addons: expected at most 20"),
        ({"planId": "pro-pool", "trial": "yes"}, "trial: expected true or false"),
    ],
)
async def test_a_wrong_purchase_is_refused_in_words(world: World, body: object, text: str) -> None:
    answer = await world.call("admin", "POST", PATH, body)
    assert (answer.status_code, answer.json()["error"]) == (400, text)
    assert world.subscription.pages == {}


@pytest.mark.parametrize("raw", [b"{", b"\xff", b'{"planId": nan}', b"[" * 100_000, b"9" * 5000])
async def test_a_body_that_is_not_json_is_refused(world: World, raw: bytes) -> None:
    headers = {"Authorization": "Bearer admin"}
    answer = await world.http.post(PATH, content=raw, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (400, "The body is not JSON.")


async def test_a_body_that_is_too_large_is_refused(world: World) -> None:
    answer = await world.call("admin", "POST", PATH, {"planId": "x" * (256 << 10)})
    assert (answer.status_code, answer.json()["code"]) == (413, "PAYLOAD_TOO_LARGE")


async def test_a_long_idempotency_key_is_refused(world: World) -> None:
    key = {"Idempotency-Key": "k" * 256}
    answer = await world.call("admin", "POST", PATH, {"planId": "pro-pool"}, **key)
    assert answer.status_code == 400
    assert list(answer.json()["details"]["fields"]) == ["Idempotency-Key"]


@pytest.mark.parametrize(
    ("refusal", "status", "text"),
    [
        (
            InvalidArgument("Not sold in usd.", reason="NOT_SOLD_IN_CURRENCY"),
            400,
            "Not sold in usd.",
        ),
        (FailedPrecondition("No provider.", reason="PROVIDER_OFF"), 404, "Not found"),
        (FailedPrecondition("It is held.", reason="ACCOUNT_HAS_SUBSCRIPTION"), 409, "It is held."),
        (FailedPrecondition("It was paid.", reason="CHECKOUT_COMPLETED"), 409, "It was paid."),
        (
            FailedPrecondition("Your card has too little on it.", reason="PAYMENT_DECLINED"),
            402,
            "Your card has too little on it.",
        ),
        (Unavailable("connection refused to 10.0.0.7"), 503, "Billing service unreachable"),
        (DeadlineExceeded("too late"), 503, "Billing service unreachable"),
        (
            InvalidArgument(
                "plan.addons[0].addon: no",
                fields=[FieldViolation("plan.addons[0].addon", "no")],
                reason="INVALID_FIELDS",
            ),
            400,
            "addons[0].addonId: no",
        ),
    ],
)
async def test_what_the_services_refuse_has_its_status_and_text(
    world: World, refusal: Refusal, status: int, text: str
) -> None:
    world.holds(HELD)
    world.subscription.refusal = refusal
    bought = await world.call("admin", "POST", PATH, {"planId": "pro-pool"})
    changed = await world.call("admin", "PUT", PATH, {"planId": "pro-pool"})
    for answer in (bought, changed):
        assert (answer.status_code, answer.json()["error"]) == (status, text)
        assert answer.json()["code"] == refusal.reason
        assert "10.0.0.7" not in answer.text


async def test_a_plan_is_changed_with_the_callers_key(world: World) -> None:
    world.holds(HELD)
    key = {"Idempotency-Key": "k2"}
    answer = await world.call("admin", "PUT", PATH, {"planId": "dev-pool"}, **key)
    data = answer.json()["data"]
    assert (answer.status_code, data["planId"], data["status"]) == (200, "dev-pool", "active")
    assert data["addons"] == [{"addonId": "turbo-x1", "quantity": 1}]
    assert world.subscription.keys == ["k2"]


async def test_an_unknown_plan_is_no_change(world: World) -> None:
    world.holds(HELD)
    answer = await world.call("admin", "PUT", PATH, {"planId": "nope"})
    assert (answer.status_code, answer.json()["error"]) == (400, "Unknown plan: nope")


async def test_a_plan_that_is_too_small_says_what_is_in_the_way(world: World) -> None:
    world.holds(HELD)
    in_the_way = {"cpu": "6200m > 4", "memory": "9Gi > 8Gi", "public_ips": "2 > 1"}
    world.subscription.refusal = exceeds(**in_the_way)
    answer = await world.call("admin", "PUT", PATH, {"planId": "dev-pool"})
    assert (answer.status_code, answer.json()["code"]) == (409, "USAGE_EXCEEDS_PLAN")
    assert answer.json()["details"] == {
        "violations": [
            {"resource": "cpu", "used": 6.2, "limit": 4, "unit": "cores"},
            {"resource": "memory", "used": 9, "limit": 8, "unit": "GiB"},
            {"resource": "ipv4", "used": 2, "limit": 1, "unit": "pieces"},
        ]
    }


@pytest.mark.parametrize(
    ("method", "path"),
    [("PUT", PATH), ("DELETE", PATH), ("POST", ADDONS), ("DELETE", f"{ADDONS}/turbo-x1")],
)
async def test_who_holds_nothing_has_nothing_to_change(
    world: World, method: str, path: str
) -> None:
    body = {"planId": "dev-pool", "addonId": "turbo-x1"}
    answer = await world.call("admin", method, path, body)
    assert (answer.status_code, answer.json()["code"]) == (404, "NO_SUBSCRIPTION")


async def test_an_end_comes_with_the_period_or_now(world: World) -> None:
    world.holds(HELD)
    key = {"Idempotency-Key": "k3"}
    answer = await world.call("admin", "DELETE", PATH, **key)
    assert answer.json()["data"]["status"] == "canceling"
    assert answer.json()["data"]["planId"] == "pro-pool"
    answer = await world.call("admin", "DELETE", f"{PATH}?now=true")
    assert answer.json()["data"]["status"] == "canceled"
    assert world.subscription.keys == ["k3", ""]


async def test_a_wrong_parameter_is_refused_in_the_dialects_form(world: World) -> None:
    world.holds(HELD)
    answer = await world.call("admin", "DELETE", f"{PATH}?now=perhaps")
    assert (answer.status_code, answer.json()["success"]) == (400, False)
    assert list(answer.json()["details"]["fields"]) == ["now"]
    assert world.subscription.keys == []


async def test_an_addon_is_added_to_what_is_held(world: World) -> None:
    world.holds(HELD)
    await world.call("admin", "POST", ADDONS, {"addonId": "turbo-x1"})
    answer = await world.call("admin", "POST", ADDONS, {"addonId": "turbo-x2", "quantity": 3})
    assert answer.json()["data"]["addons"] == [
        {"addonId": "turbo-x1", "quantity": 2},
        {"addonId": "turbo-x2", "quantity": 3},
    ]


async def test_an_unknown_addon_is_not_added(world: World) -> None:
    world.holds(HELD)
    missing = await world.call("admin", "POST", ADDONS, {})
    unknown = await world.call("admin", "POST", ADDONS, {"addonId": "nope"})
    assert (missing.status_code, missing.json()["error"]) == (400, "addonId is required")
    assert (unknown.status_code, unknown.json()["error"]) == (400, "Unknown add-on: nope")


async def test_one_unit_is_taken_off_and_none_left_is_gone(world: World) -> None:
    world.holds(replace(HELD, addons=(AddonQuantity("kube-dc/turbo-x1", 2),)))
    path = f"{ADDONS}/turbo-x1"
    first = await world.call("admin", "DELETE", path)
    assert first.json()["data"]["addons"] == [{"addonId": "turbo-x1", "quantity": 1}]
    last = await world.call("admin", "DELETE", path)
    assert last.json()["data"]["addons"] == []
    again = await world.call("admin", "DELETE", path)
    assert (again.status_code, again.json()["error"]) == (404, "Unknown add-on: turbo-x1")
