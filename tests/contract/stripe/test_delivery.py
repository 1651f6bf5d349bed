"""Webhooks: signed, repeated until taken, and as unruly as one asks for."""

import json
from typing import Any

import httpx
import pytest
import stripe

from deploy.sandbox.stripe import SandboxStripe
from tests.contract.stripe.support import ROTATED, SECRET, Receiver, admin


async def _deliveries(sandbox: SandboxStripe, event: str = "") -> list[dict[str, Any]]:
    async with httpx.AsyncClient() as http:
        params = {"event": event} if event else {}
        answer = await http.get(f"{sandbox.url}/sandbox/deliveries", params=params)
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


async def test_the_official_library_accepts_every_secret_in_use(
    sandbox: SandboxStripe, client: stripe.StripeClient, receiver: Receiver
) -> None:
    customer = await client.v1.customers.create_async({"name": "A"}, {"idempotency_key": "key-1"})
    await sandbox.delivered()
    (received,) = receiver.got
    for secret in (SECRET, ROTATED):
        event = received.event(secret)
        assert event.data.object["id"] == customer.id
    with pytest.raises(stripe.SignatureVerificationError):
        received.event("whsec_wrong")
    raw = json.loads(received.body)
    assert raw["request"]["idempotency_key"] == "key-1"
    assert raw["request"]["id"].startswith("req_")
    assert raw["pending_webhooks"] == 1
    assert (await client.v1.events.retrieve_async(raw["id"])).pending_webhooks == 0


async def test_an_event_comes_again_with_the_same_bytes_until_it_is_taken(
    sandbox: SandboxStripe, client: stripe.StripeClient, receiver: Receiver
) -> None:
    receiver.statuses = [500, 302, 404]
    await client.v1.customers.create_async({"name": "A"})
    await sandbox.delivered()
    assert len(receiver.got) == 4
    assert len({received.body for received in receiver.got}) == 1
    (delivery,) = await _deliveries(sandbox)
    assert (delivery["attempts"], delivery["last_status"], delivery["pending"]) == (4, 200, 0)


async def test_each_event_comes_as_often_as_asked_and_mixed(
    sandbox: SandboxStripe, client: stripe.StripeClient, receiver: Receiver
) -> None:
    await admin(sandbox, "delivery", {"copies": 4, "shuffle": True, "delay": [0, 0.05]})
    for at in range(10):
        await client.v1.customers.create_async({"name": str(at)})
    await sandbox.delivered()
    names = [received.event().data.object["name"] for received in receiver.got]
    assert sorted(names) == sorted(str(at) for at in range(10) for _ in range(4))
    assert names != sorted(names)


async def test_a_lost_event_is_never_sent_but_can_be_listed_and_sent_again(
    sandbox: SandboxStripe, client: stripe.StripeClient, receiver: Receiver
) -> None:
    await admin(sandbox, "delivery", {"loss": 1.0})
    await client.v1.customers.create_async({"name": "A"})
    await sandbox.delivered()
    assert receiver.got == []
    (event,) = (await client.v1.events.list_async({"type": "customer.created"})).data
    assert (await _deliveries(sandbox, event.id))[0]["deliveries"][0]["status"] == "lost"
    await admin(sandbox, f"events/{event.id}/resend", {})
    await sandbox.delivered()
    assert [received.event().id for received in receiver.got] == [event.id]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("delivery", {"copies": -1}),
        ("delivery", {"delay": [2, 1]}),
        ("delivery", {"loss": 2}),
        ("delivery", {"speed": 1}),
        ("faults", {"status": 200}),
        ("limits", {"per_endpoint": 0}),
    ],
)
async def test_a_setting_that_makes_no_sense_is_refused(
    sandbox: SandboxStripe, path: str, body: dict[str, Any]
) -> None:
    async with httpx.AsyncClient() as http:
        answer = await http.post(f"{sandbox.url}/sandbox/{path}", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]
