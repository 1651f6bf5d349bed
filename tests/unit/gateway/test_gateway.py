"""The gateway over services in memory: the webhook edge, what is sold, the probes."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack

import pytest

from gateway.limits import MAX_WEBHOOK_BYTES
from gateway.ports import IngestAnswer, Ingested, Offer
from gateway.routes.webhooks import PATHS
from services.chassis.errors import Unavailable
from tests.fakes.gateway import NO_PROVIDER
from tests.unit.gateway.world import ADMIN, World, running


def signed(seconds_ago: int = 0, signatures: int = 1) -> dict[str, str]:
    parts = [f"t={int(time.time()) - seconds_ago}"] + [f"v1={'0' * 64}"] * signatures
    return {"Stripe-Signature": ",".join(parts)}


@pytest.mark.parametrize("path", PATHS)
async def test_a_webhook_reaches_payments_byte_for_byte_on_each_path(
    world: World, path: str
) -> None:
    body = b'{"id":"evt_1" , "a":"\xc3\xa9"}'
    answer = await world.http.post(path, content=body, headers=signed())
    assert (answer.status_code, answer.json()) == (200, {"received": True})
    (stored,) = world.payments.stored
    assert (stored.body, stored.path, stored.provider) == (body, path, "stripe")


async def test_a_duplicate_is_answered_200_and_stored_once(world: World) -> None:
    for _ in range(4):
        answer = await world.http.post(PATHS[0], content=b"{}", headers=signed())
        assert answer.status_code == 200
    assert len(world.payments.stored) == 1


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        (dict, "SIGNATURE_MISSING"),
        (lambda: {"Stripe-Signature": "nonsense"}, "SIGNATURE_MALFORMED"),
        (lambda: {"Stripe-Signature": "t=1,t=2,v1=0"}, "SIGNATURE_MALFORMED"),
        (lambda: signed(signatures=0), "SIGNATURE_MALFORMED"),
        (lambda: signed(signatures=17), "SIGNATURE_MALFORMED"),
        (lambda: signed(seconds_ago=302), "SIGNATURE_STALE"),
        (lambda: signed(seconds_ago=-310), "SIGNATURE_FUTURE"),
    ],
)
async def test_a_webhook_that_cannot_be_right_is_refused_before_payments_sees_it(
    world: World, headers: Callable[[], dict[str, str]], code: str
) -> None:
    # Made in the test, not when it is collected: the times are of now.
    answer = await world.http.post(PATHS[0], content=b"{}", headers=headers())
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert world.payments.batches == []


async def test_a_body_over_one_mebibyte_is_refused_announced_or_not(world: World) -> None:
    body = b"x" * (MAX_WEBHOOK_BYTES + 1)

    async def chunks() -> AsyncIterator[bytes]:
        yield body

    announced = await world.http.post(PATHS[0], content=body, headers=signed())
    streamed = await world.http.post(PATHS[0], content=chunks(), headers=signed())
    assert (announced.status_code, streamed.status_code) == (413, 413)
    assert world.payments.batches == []


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (Ingested.REFUSED, 400),
        (Ingested.TOO_LARGE, 413),
        (Ingested.NO_PROVIDER, 404),
        (Ingested.UNAVAILABLE, 503),
    ],
)
async def test_what_payments_says_becomes_a_status(
    world: World, outcome: Ingested, status: int
) -> None:
    world.payments.decide = lambda _: IngestAnswer(outcome, "SIGNATURE_INVALID")
    answer = await world.http.post(PATHS[2], content=b"{}", headers=signed())
    assert answer.status_code == status
    assert answer.json()["success"] is False


async def test_each_webhook_dialect_writes_refusals_in_its_own_form(world: World) -> None:
    bodies = [(await world.http.post(path, content=b"{}")).json() for path in PATHS]
    assert "detail" in bodies[0]
    assert "error" in bodies[1]
    assert bodies[2]["success"] is False
    assert bodies[2]["timestamp"].endswith("Z")


async def test_webhooks_that_gather_go_in_one_call_and_each_gets_its_own_answer(
    world: World,
) -> None:
    world.payments.decide = lambda webhook: IngestAnswer(
        Ingested.REFUSED if webhook.body == b"13" else Ingested.STORED, "NOT_AN_EVENT"
    )
    posts = [
        world.http.post(PATHS[0], content=str(i).encode(), headers=signed()) for i in range(32)
    ]
    answers = await asyncio.gather(*posts)
    assert [i for i, answer in enumerate(answers) if answer.status_code == 400] == [13]
    assert len(world.payments.batches) < 32


async def test_webhooks_beyond_the_bound_are_told_to_come_again(world: World) -> None:
    with world.in_flight.reading(8 * MAX_WEBHOOK_BYTES):
        answer = await world.http.post(PATHS[0], content=b"{}", headers=signed())
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "1"


async def test_webhooks_that_take_every_place_of_theirs_leave_people_alone(world: World) -> None:
    with ExitStack() as places:
        for _ in range(64):
            places.enter_context(world.in_flight.request())
        webhook = await world.http.post(PATHS[0], content=b"{}", headers=signed())
        person = await world.http.get("/api/billing/plans", headers=AUTH)
    assert (webhook.status_code, person.status_code) == (429, 200)
    assert world.payments.stored == []


AUTH = {"Authorization": "Bearer admin"}
BILLING = ("/api/billing/config", "/api/billing/plans", "/api/billing/addons")


@pytest.mark.parametrize("path", BILLING)
async def test_billing_asks_for_a_token_in_the_documents_words(world: World, path: str) -> None:
    missing = await world.http.get(path)
    bad = await world.http.get(path, headers={"Authorization": "Bearer bad"})
    assert (missing.status_code, bad.status_code) == (401, 401)
    assert missing.json()["error"] == "Authentication token required"
    assert bad.json()["error"] == "Invalid or expired token"
    assert set(missing.json()) == {"success", "error", "code", "timestamp"}


async def test_config_has_the_provider_and_its_features_under_both_keys(world: World) -> None:
    body = (await world.http.get("/api/billing/config", headers=AUTH)).json()
    assert body["success"] is True
    assert body["config"] == body["data"]
    assert body["config"]["provider"] == "stripe"
    assert body["config"]["features"]["checkout"] is True
    assert world.payments.callers == [ADMIN]


async def test_without_a_provider_nothing_can_be_bought_and_config_says_so(world: World) -> None:
    world.payments.on = NO_PROVIDER
    body = (await world.http.get("/api/billing/config", headers=AUTH)).json()["config"]
    assert body["provider"] == "none"
    on = {name for name, there in body["features"].items() if there}
    assert on == {"quotas", "plans"}


async def test_health_names_the_provider_to_who_is_signed_in(world: World) -> None:
    answer = await world.call("guest", "GET", "/api/billing/health")
    assert answer.json()["data"] == {"status": "healthy", "provider": "stripe"}
    assert (await world.call("", "GET", "/api/billing/health")).status_code == 401


async def test_the_catalog_is_open_to_nobody_only_where_it_is_public() -> None:
    async with running(catalog_public=True) as world:
        for path in BILLING:
            assert (await world.call("", "GET", path)).status_code == 200
            assert (await world.call("bad", "GET", path)).status_code == 401
        assert world.payments.callers == [None]
        assert (await world.call("", "GET", "/api/billing/health")).status_code == 401


async def test_plans_have_short_ids_and_plain_numbers(world: World) -> None:
    answer = await world.http.get("/api/billing/plans", headers=AUTH)
    (plan,) = answer.json()["data"]
    assert plan["id"] == "pro-pool"
    assert plan["currency"] == "EUR"
    assert plan["resources"] == {
        "cpu": 8,
        "memory": 24,
        "storage": 160,
        "pods": 200,
        "objectStorage": 100,
        "ipv4": 1,
    }
    assert '"price":49.5,' in answer.text


async def test_addons_have_an_id_and_what_they_add(world: World) -> None:
    (addon,) = (await world.http.get("/api/billing/addons", headers=AUTH)).json()["data"]
    assert addon["id"] == "turbo-x1"
    assert addon["resources"] == {"cpu": 2.5, "memory": 4}


async def test_a_service_that_is_away_is_billing_service_unreachable(world: World) -> None:
    async def away(catalog: str) -> list[Offer]:
        raise Unavailable("connection refused to 10.0.0.7")

    world.pricing.plans = away  # type: ignore[method-assign]
    answer = await world.http.get("/api/billing/plans", headers=AUTH)
    assert (answer.status_code, answer.json()["error"]) == (503, "Billing service unreachable")


async def test_a_failure_that_nobody_foresaw_says_nothing_of_itself(world: World) -> None:
    async def broken(catalog: str) -> list[Offer]:
        raise RuntimeError("password=hunter2")

    world.pricing.plans = broken  # type: ignore[method-assign]
    answer = await world.http.get("/api/billing/plans", headers=AUTH)
    assert answer.status_code == 500
    assert answer.json()["error"] == "Internal server error"
    assert "hunter2" not in answer.text


async def test_what_is_not_served_is_not_found_in_the_dialects_form(world: World) -> None:
    billing = await world.http.get("/api/billing/nope", headers=AUTH)
    other = await world.http.get("/nope")
    assert (billing.status_code, billing.json()["error"]) == (404, "Not found")
    assert (other.status_code, other.json()["detail"]) == (404, "Not found")


@pytest.mark.parametrize("path", ["/", "/health", "/livez", "/readyz"])
async def test_probes_answer_without_a_token(world: World, path: str) -> None:
    assert (await world.http.get(path)).status_code == 200
