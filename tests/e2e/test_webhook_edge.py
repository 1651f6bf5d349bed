"""The webhook edge of the running stack: what is refused, what is stored, what has no effect."""

import json
import time
from io import BytesIO
from typing import Any

import grpc.aio
import pytest

from deploy.sandbox.demo.tollgate import until
from deploy.sandbox.stripe.signing import sign
from gateway.routes.webhooks import PATHS
from tests.e2e.world import World
from tollgate.payments.v1 import payments_pb2, payments_service_pb2
from tollgate.payments.v1.payments_service_pb2_grpc import PaymentsServiceStub


def event(name: str, **changes: Any) -> dict[str, Any]:
    """An event of a type that nobody handles, in the shape of the real ones."""
    return {
        "id": name,
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": int(time.time()),
        "livemode": False,
        "type": "tax_rate.created",
        "data": {"object": {"id": "txr_1", "object": "tax_rate"}},
    } | changes


async def post(world: World, body: bytes, signature: str | None, path: str = PATHS[0]) -> int:
    headers = {} if signature is None else {"Stripe-Signature": signature}
    url = world.endpoints["gateway"] + path
    async with world.http.post(url, data=BytesIO(body), headers=headers) as answer:
        await answer.read()
        return answer.status


def signature(world: World, body: bytes, *, age: int = 0) -> str:
    return sign(body, world.endpoints["stripe"]["webhook_secret"], int(time.time()) - age)


async def stored(world: World, name: str) -> payments_pb2.Event | None:
    """Look an event up as an operator would."""
    token = world.endpoints["tokens"]["platform-admin"]
    async with grpc.aio.insecure_channel(world.endpoints["grpc"]["payments"]) as channel:
        answer = await PaymentsServiceStub(channel).ListEvents(
            payments_service_pb2.ListEventsRequest(page_size=1000),
            metadata=(("authorization", f"Bearer {token}"),),
            timeout=10,
        )
    return next((found for found in answer.events if found.name == name), None)


@pytest.mark.parametrize(
    ("case", "body"),
    [
        ("non-UTF-8", b'{"id":"evt_bad","type":"\xff"}'),
        ("non-JSON", b"hello"),
        ("absurdly nested", b"[" * 100_000 + b"]" * 100_000),
        ("nested object", b'{"a":' * 5_000 + b"1" + b"}" * 5_000),
        ("no event", b'{"hello":"world"}'),
        ("a list", b"[1,2]"),
        ("a NUL", json.dumps(event("evt_nul\x00")).encode()),
        ("an id that is no text", json.dumps(event("x", id=7)).encode()),
        ("an endless id", json.dumps(event("evt_" + "x" * 5_000)).encode()),
        ("data that is none", json.dumps(event("evt_nodata", data=None)).encode()),
        ("empty", b""),
    ],
)
async def test_a_signed_body_that_is_no_event_is_refused(
    world: World, case: str, body: bytes
) -> None:
    assert await post(world, body, signature(world, body)) == 400, case


async def test_an_event_without_a_right_signature_is_refused_and_not_stored(world: World) -> None:
    body = json.dumps(event("evt_unsigned")).encode()
    wrong = sign(body, "whsec_wrong", int(time.time()))
    other = signature(world, body + b" ")
    for bad in (None, "nonsense", wrong, other, signature(world, body, age=301)):
        assert await post(world, body, bad) == 400
    assert await post(world, body, signature(world, body, age=-310)) == 400
    assert await stored(world, "evt_unsigned") is None


async def test_a_body_over_one_mebibyte_is_413(world: World) -> None:
    body = json.dumps(event("evt_large", padding="x" * (1 << 20))).encode()
    assert await post(world, body, signature(world, body)) == 413
    assert await stored(world, "evt_large") is None


async def test_an_unknown_type_is_stored_and_ignored(world: World) -> None:
    body = json.dumps(event("evt_unknown_type")).encode()
    assert await post(world, body, signature(world, body)) == 200
    found = await stored(world, "evt_unknown_type")
    assert found is not None
    assert found.state == payments_pb2.EVENT_STATE_IGNORED


async def test_one_event_by_several_paths_counts_once(world: World) -> None:
    body = json.dumps(event("evt_three_ways")).encode()
    for path in PATHS:
        assert await post(world, body, signature(world, body), path) == 200
    found = await stored(world, "evt_three_ways")
    assert found is not None
    assert found.deliveries == len(PATHS)


@pytest.mark.parametrize(
    ("name", "changes"),
    [("evt_live", {"livemode": True}), ("evt_other_account", {"account": "acct_other"})],
)
async def test_an_event_of_another_mode_or_account_is_set_aside(
    world: World, name: str, changes: dict[str, Any]
) -> None:
    body = json.dumps(event(name, type="invoice.paid", **changes)).encode()
    assert await post(world, body, signature(world, body)) == 200

    async def found() -> payments_pb2.Event | None:
        return await stored(world, name)

    kept = await until(found, 10, name)
    assert kept.state == payments_pb2.EVENT_STATE_SET_ASIDE
    assert kept.reason
