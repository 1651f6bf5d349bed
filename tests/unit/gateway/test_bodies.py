"""Words that are no values of JSON (NaN, Infinity) are refused by the field in which they stand."""

import json
from typing import Any

import pytest

from gateway.parsing import MOST_NAMED
from tests.unit.gateway.world import World

T = "/api/tollgate"
SUBSCRIPTION = "/api/billing/organization-subscription"
QUOTA = "/api/manage-organization/projects/web/quota"
BUDGET = {
    "displayName": "Ours",
    "filter": {"organization": "acme"},
    "amount": 100.5,
    "currency": "USD",
    "thresholds": [{"percent": 80}],
}
OBJECT = {"apiVersion": "apps.example.com/v1", "kind": "WordPress"}
SIZE = "expected a number, or a text such as 500m or 4Gi"
AMOUNT = "expected a number in the currency's major unit"
NAN, INFINITY = float("nan"), float("inf")


async def fields_of(world: World, method: str, path: str, body: object) -> dict[str, str]:
    """Send a body that is refused; Python's own JSON writes the words."""
    answer = await world.call("admin", method, path, body)
    told: dict[str, Any] = answer.json()
    assert (answer.status_code, told["code"]) == (400, "INVALID_FIELDS")
    found: dict[str, str] = told["fields"] if "fields" in told else told["details"]["fields"]
    return found


@pytest.mark.parametrize(
    ("method", "path", "body", "field", "text"),
    [
        ("POST", SUBSCRIPTION, {"planId": NAN}, "planId", "expected a text, which NaN is not"),
        (
            "POST",
            SUBSCRIPTION,
            {"planId": "pro-pool", "addons": [{"addonId": "a", "quantity": -INFINITY}]},
            "addons[0].quantity",
            "expected a whole number, which -Infinity is not",
        ),
        (
            "PUT",
            QUOTA,
            {"cpu": INFINITY},
            "cpu",
            "expected a number, a quantity or null, which Infinity is not",
        ),
        (
            "POST",
            f"{T}/budgets",
            BUDGET | {"amount": NAN},
            "amount",
            f"{AMOUNT}, which NaN is not",
        ),
        (
            "POST",
            f"{T}/budgets",
            BUDGET | {"thresholds": [{"percent": 80}, {"percent": NAN}]},
            "thresholds[1].percent",
            "expected a whole number, which NaN is not",
        ),
        (
            "POST",
            f"{T}/calculate-price",
            {"resources": [{"type": "wordpress", "cpu": NAN}]},
            "resources[0].cpu",
            f"{SIZE}, which NaN is not",
        ),
        # A spec is the client's own, and no field of ours judges it.
        (
            "POST",
            f"{T}/price-object",
            OBJECT | {"spec": {"wordpress": [{"share": INFINITY}]}},
            "spec.wordpress[0].share",
            "expected a value of JSON, which Infinity is not",
        ),
        # Nor what nobody reads.
        (
            "POST",
            SUBSCRIPTION,
            {"planId": "pro-pool", "note": NAN},
            "note",
            "expected a value of JSON, which NaN is not",
        ),
        ("POST", SUBSCRIPTION, NAN, "body", "expected an object, which NaN is not"),
    ],
)
async def test_a_word_that_is_no_value_is_refused_by_its_field_and_with_what_is_right(
    world: World, method: str, path: str, body: object, field: str, text: str
) -> None:
    assert await fields_of(world, method, path, body) == {field: text}
    assert (world.subscription.pages, world.costs.asked, world.pricing.objects) == ({}, [], [])


async def test_it_is_named_beside_whatever_else_is_wrong(world: World) -> None:
    wrong = BUDGET | {"amount": NAN, "displayName": "", "filter": {"plan": 7}}
    assert await fields_of(world, "POST", f"{T}/budgets", wrong) == {
        "displayName": "is required",
        "filter.plan": "expected a text",
        "amount": f"{AMOUNT}, which NaN is not",
    }


async def test_the_answer_stays_short_and_depth_costs_nothing(world: World) -> None:
    many = OBJECT | {"spec": {"list": [NAN] * 10_000}}
    named = await fields_of(world, "POST", f"{T}/price-object", many)
    assert list(named) == [f"spec.list[{number}]" for number in range(MOST_NAMED)]
    deep = json.dumps({"planId": "pro-pool"})[:-1] + ', "x": ' + "[" * 300 + "NaN" + "]" * 300 + "}"
    headers = {"Authorization": "Bearer admin"}
    answer = await world.http.post(SUBSCRIPTION, content=deep.encode(), headers=headers)
    assert list(answer.json()["details"]["fields"]) == ["x" + "[0]" * 300]
