"""What OpenAPI says of the dialects is what they answer, and browsers of the console may call."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from gateway.ports import Verified
from gateway.ports.subscription import State
from gateway.problems import BILLING, SCAFFOLDER
from gateway.routes.billing import models as billing
from gateway.routes.manage import models as manage
from gateway.routes.quotes import KEYS_PATH
from gateway.routes.quotes import models as quotes
from gateway.routes.scaffolder import models as scaffolder
from services.chassis.errors import Unavailable
from tests.unit.gateway.test_quotes import SITE, VERIFIED
from tests.unit.gateway.test_scaffolder import QUOTE, WORDPRESS
from tests.unit.gateway.test_scaffolder_entitlement import BASIC, PREMIUM
from tests.unit.gateway.world import CONSOLE, HELD, World

B = "/api/billing"
SUBSCRIPTION = f"{B}/organization-subscription"
QUOTA = "/api/manage-organization/projects/web/quota"
Subscribed = billing.Success[billing.OrganizationSubscription]
Verification = billing.Success[billing.Verification]
DEV = {"planId": "dev-pool"}
TURBO = {"addonId": "turbo-x1"}
ROUTES: list[tuple[str, str, object, type[BaseModel]]] = [
    ("GET", f"{B}/config", None, billing.ConfigAnswer),
    ("GET", f"{B}/health", None, billing.Success[billing.Health]),
    ("GET", f"{B}/plans", None, billing.Success[list[billing.PlanOffer]]),
    ("GET", f"{B}/addons", None, billing.Success[list[billing.AddonOffer]]),
    ("GET", SUBSCRIPTION, None, Subscribed),
    ("POST", SUBSCRIPTION, DEV, billing.Success[billing.CheckoutPage]),
    ("PUT", SUBSCRIPTION, DEV, Subscribed),
    ("DELETE", SUBSCRIPTION, None, Subscribed),
    ("POST", f"{SUBSCRIPTION}/addons", TURBO, Subscribed),
    ("DELETE", f"{SUBSCRIPTION}/addons/turbo-x1", None, Subscribed),
    ("GET", f"{B}/verify-checkout?session_id=cs_1", None, Verification),
    ("POST", f"{B}/verify-checkout", {"sessionId": "cs_1"}, Verification),
    ("POST", f"{B}/customer-portal", None, billing.Success[billing.Portal]),
    ("GET", f"{B}/quota-usage", None, billing.Success[billing.Usage | None]),
    ("GET", f"{B}/quota-status", None, billing.Success[billing.QuotaStatus]),
    ("GET", f"{B}/projects", None, billing.Success[list[billing.ProjectEntry]]),
    ("POST", f"{B}/simulate-downgrade", DEV, billing.Success[billing.Downgrade]),
    ("GET", QUOTA, None, billing.Success[manage.ProjectQuota]),
    ("PUT", QUOTA, {"cpu": 2}, billing.Success[manage.ProjectQuota]),
    ("DELETE", QUOTA, None, billing.Success[manage.ProjectQuota]),
    ("POST", "/api/tollgate/validate-subscription", {}, scaffolder.EntitlementAnswer),
    (
        "POST",
        "/api/tollgate/calculate-price",
        {"resources": [WORDPRESS]},
        scaffolder.PriceAnswer,
    ),
    (
        "POST",
        "/api/tollgate/compare-prices",
        {"resources": [WORDPRESS]},
        scaffolder.ComparisonAnswer,
    ),
    ("POST", "/api/tollgate/price-object", SITE, quotes.ObjectPriceAnswer),
    ("POST", "/api/tollgate/match-quote", SITE | {"quoteId": "quo_7"}, quotes.MatchAnswer),
    ("POST", "/api/tollgate/verify-quote", {"signature": "a.b.c"}, quotes.VerifiedAnswer),
]
NEED_BODIES = {
    ("POST", SUBSCRIPTION),
    ("PUT", SUBSCRIPTION),
    ("POST", f"{SUBSCRIPTION}/addons"),
    ("POST", f"{B}/verify-checkout"),
    ("POST", f"{B}/simulate-downgrade"),
    ("PUT", "/api/manage-organization/projects/{project}/quota"),
    ("POST", "/api/tollgate/validate-subscription"),
    ("POST", "/api/tollgate/calculate-price"),
    ("POST", "/api/tollgate/compare-prices"),
    ("POST", "/api/tollgate/price-object"),
    ("POST", "/api/tollgate/match-quote"),
    ("POST", "/api/tollgate/verify-quote"),
}


@pytest.mark.parametrize(("method", "path", "body", "model"), ROUTES)
async def test_each_route_answers_exactly_what_is_documented(
    world: World, method: str, path: str, body: object, model: type[BaseModel]
) -> None:
    world.holds(HELD)
    await world.call("admin", "POST", SUBSCRIPTION, {"planId": "pro-pool"})
    world.subscription.paid["cs_1"] = Verified(True, State.ACTIVE, "kube-dc/pro-pool")
    world.subscription.entitled, world.pricing.quoted = PREMIUM, QUOTE
    world.pricing.signed["a.b.c"] = VERIFIED
    answer = await world.call("admin", method, path, body)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    # The models take no field that they do not name.
    model.model_validate_json(answer.text)


@pytest.mark.parametrize(("method", "path", "body", "model"), ROUTES)
async def test_each_refusal_has_the_documented_form(
    world: World, method: str, path: str, body: object, model: type[BaseModel]
) -> None:
    answer = await world.call("", method, path, body)
    form = scaffolder.Refused if path.startswith("/api/tollgate") else billing.Failure
    form.model_validate_json(answer.text)


async def test_what_is_not_met_has_the_documented_form(world: World) -> None:
    world.subscription.entitled = BASIC
    answer = await world.call("user", "POST", "/api/tollgate/validate-subscription", {})
    scaffolder.EntitlementAnswer.model_validate_json(answer.text)


async def test_every_route_is_in_the_openapi_document_with_its_shapes(world: World) -> None:
    document = (await world.http.get("/openapi.json")).json()
    for method, path, _, model in ROUTES:
        template = path.partition("?")[0].replace("addons/turbo-x1", "addons/{addon_id}")
        template = template.replace("projects/web", "projects/{project}")
        operation = document["paths"][template][method.lower()]
        assert len(operation["summary"]) > 10
        schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
        assert schema["$ref"].startswith("#/components/schemas/"), model
        assert {"400", "401", "403", "404", "503"} <= set(operation["responses"])
        assert "422" not in operation["responses"]
        assert ("requestBody" in operation) is ((method, template) in NEED_BODIES)


@pytest.mark.parametrize("path", ["/", "/livez", "/readyz", "/health", KEYS_PATH])
async def test_what_is_open_to_everybody_is_documented_too(world: World, path: str) -> None:
    operation = (await world.http.get("/openapi.json")).json()["paths"][path]["get"]
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    assert (bool(operation["summary"]), "$ref" in schema) == (True, True)


async def test_the_openapi_document_refers_to_nothing_that_it_lacks(world: World) -> None:
    document = (await world.http.get("/openapi.json")).json()
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(_refs(document)) <= known


def _refs(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for value in part.values():
            yield from _refs(value)
    elif isinstance(part, list):
        for value in part:
            yield from _refs(value)


async def test_the_console_may_call_from_a_browser_with_credentials(world: World) -> None:
    asked = {
        "Origin": CONSOLE,
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "authorization,content-type,idempotency-key",
    }
    answer = await world.http.options(SUBSCRIPTION, headers=asked)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == CONSOLE
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert "PUT" in answer.headers["access-control-allow-methods"]


async def test_other_pages_may_not(world: World) -> None:
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"}
    preflight = await world.http.options(SUBSCRIPTION, headers=headers)
    assert preflight.status_code == 400
    answer = await world.call("admin", "GET", SUBSCRIPTION, Origin="https://evil.example")
    assert "access-control-allow-origin" not in answer.headers


async def test_the_console_can_read_refusals_and_failures_too(world: World) -> None:
    async def broken(catalog: str) -> list[object]:
        raise RuntimeError("password=hunter2")

    refused = await world.call("", "GET", SUBSCRIPTION, Origin=CONSOLE)
    world.pricing.plans = broken  # type: ignore[method-assign,assignment]  # breaks the service
    crashed = await world.call("admin", "GET", f"{B}/plans", Origin=CONSOLE)
    assert (refused.status_code, crashed.status_code) == (401, 500)
    for answer in (refused, crashed):
        assert answer.headers["access-control-allow-origin"] == CONSOLE


def test_only_documents_that_know_402_answer_it() -> None:
    declined = Unavailable("declined", reason="PAYMENT_DECLINED")
    assert BILLING.status(declined) == SCAFFOLDER.status(declined) == 402
