"""Quotes of custom resources, and how others check a quote."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gateway.ports import DerivedResource, VerifiedQuote
from gateway.routes.quotes import KEYS_PATH
from services.chassis.errors import FailedPrecondition, FieldViolation, InvalidArgument, NotFound
from services.chassis.money import Money
from tests.unit.gateway.test_scaffolder import QUOTE
from tests.unit.gateway.world import World, running

PRICE, MATCH, VERIFY = (
    f"/api/tollgate/{verb}" for verb in ("price-object", "match-quote", "verify-quote")
)
SITE = {
    "apiVersion": "apps.example.com/v1",
    "kind": "WordPress",
    "metadata": {"name": "blog", "namespace": "production"},
    "spec": {"wordpress": {"replicas": 2, "share": 0.25}},
}
OF_OBJECT = replace(
    QUOTE,
    signature="a.b.c",
    derived=(DerivedResource("wordpress", "2", "4", "5", 2),),
    spec_hash="sha256:1",
)
VERIFIED = VerifiedQuote(
    name="quo_7",
    owner="ada",
    spec_hash="sha256:1",
    total=Money("usd", 18671),
    catalog_version="",
    rate_card_version="r1",
    payment_required=True,
    issue_time=datetime(2026, 3, 4, 10, tzinfo=UTC),
    expire_time=datetime(2026, 3, 4, 11, tzinfo=UTC),
    key_id="k1",
    state="taken",
    taker="cr_1",
)
KEY = {"kty": "OKP", "crv": "Ed25519", "x": "AA", "kid": "k1", "alg": "EdDSA", "use": "sig"}


async def test_an_object_is_priced_and_quoted_with_what_it_is_billed_by(world: World) -> None:
    world.pricing.quoted = OF_OBJECT
    body = SITE | {"region": "eu-west-1", "duration": 720, "catalog": "scaffolder"}
    answer = await world.call("user", "POST", PRICE, body, **{"Idempotency-Key": "k"})
    assert answer.status_code == 200
    told = answer.json()
    assert told["quoteId"] == "quo_7"
    assert told["signature"] == "a.b.c"
    assert told["specHash"] == "sha256:1"
    assert told["resources"] == [
        {"type": "wordpress", "cpu": 2, "memory": 4, "storage": 5, "replicas": 2}
    ]
    ((wish, rest, key),) = world.pricing.objects
    assert (wish.kind, wish.name, wish.namespace) == ("WordPress", "blog", "production")
    assert wish.catalog == "scaffolder"
    assert (rest.region, rest.hours, rest.resources, key) == ("eu-west-1", "720", (), "k")
    # What the client wrote is what is hashed.
    assert wish.spec == '{"wordpress":{"replicas":2,"share":0.25}}'


async def test_what_is_not_sold_is_priced_without_a_quote(world: World) -> None:
    world.pricing.quoted = OF_OBJECT
    world.pricing.refusal = FailedPrecondition("no", reason="CLOUD_NOT_SOLD")
    told = (await world.call("user", "POST", PRICE, SITE)).json()
    assert (told["quoteId"], told["signature"]) == (None, None)
    assert told["totalCost"] == 180.5
    world.pricing.refusal = NotFound("no", reason="UNKNOWN_KIND")
    answer = await world.call("user", "POST", PRICE, SITE)
    assert (answer.status_code, answer.json()["code"]) == (404, "UNKNOWN_KIND")


async def test_bad_fields_are_named_as_the_client_wrote_them(world: World) -> None:
    world.pricing.refusal = InvalidArgument(
        "bad",
        fields=[
            FieldViolation("object.api_version", "expected a group"),
            FieldViolation("spec.features.duration_hours", "is none"),
            FieldViolation("duration_hours", "too long"),
        ],
    )
    answer = await world.call("user", "POST", PRICE, SITE)
    assert answer.status_code == 400
    assert set(answer.json()["fields"]) == {
        "apiVersion",
        "spec.features.duration_hours",
        "duration",
    }
    for body, field in (
        ({"kind": "WordPress"}, "apiVersion"),
        (SITE | {"spec": []}, "spec"),
        (SITE | {"spec": {"n": 2**70}}, "spec"),
    ):
        answer = await world.call("user", "POST", PRICE, body)
        assert answer.status_code == 400
        assert field in answer.json()["fields"]


async def test_an_object_that_is_not_what_was_quoted_is_refused_with_the_field(
    world: World,
) -> None:
    asked = SITE | {"quoteId": "quo_7"}
    answer = await world.call("user", "POST", MATCH, asked)
    assert answer.json() == {"matches": True, "exact": True, "specHash": "sha256:1"}
    differs = {"quote": "quo_7", "field": "spec.replicas", "quoted": "2", "asked": "3"}
    world.pricing.refusal = FailedPrecondition(
        "spec.replicas: 3", reason="QUOTE_SPEC_MISMATCH", metadata=differs
    )
    answer = await world.call("user", "POST", MATCH, asked)
    assert answer.status_code == 409
    assert answer.json() == {
        "error": "spec.replicas: 3",
        "code": "QUOTE_SPEC_MISMATCH",
        "details": differs,
    }


async def test_a_signature_is_told_with_where_its_quote_stands(world: World) -> None:
    world.pricing.signed["a.b.c"] = VERIFIED
    told = (await world.call("user", "POST", VERIFY, {"signature": "a.b.c"})).json()
    assert (told["valid"], told["state"], told["taker"]) == (True, "taken", "cr_1")
    assert (told["total"], told["currency"]) == (186.71, "USD")
    assert (told["catalogVersion"], told["rateCardVersion"]) == (None, "r1")
    answer = await world.call("user", "POST", VERIFY, {"signature": "forged"})
    assert (answer.status_code, answer.json()["code"]) == (400, "QUOTE_SIGNATURE_REFUSED")


async def test_the_public_keys_are_open_to_everybody_and_may_be_kept_for_a_while(
    world: World,
) -> None:
    world.pricing.keys = [KEY]
    answer = await world.call("", "GET", KEYS_PATH)
    assert (answer.status_code, answer.json()) == (200, {"keys": [KEY]})
    assert answer.headers["Cache-Control"] == "public, max-age=300"


@pytest.mark.parametrize("path", [PRICE, MATCH, VERIFY])
async def test_nobody_asks_without_a_token_and_nobody_too_often(path: str) -> None:
    async with running(per_minute=1) as world:
        assert (await world.call("", "POST", path, SITE)).status_code == 401
        world.pricing.quoted = OF_OBJECT
        await world.call("user", "POST", path, SITE)
        answer = await world.call("user", "POST", path, SITE)
        assert answer.status_code == 429
        assert "Retry-After" in answer.headers
