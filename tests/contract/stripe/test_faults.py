"""Faults on demand: answers that fail, come late or never, and events that lie about time."""

import httpx
import pytest
import stripe

from deploy.sandbox.stripe import SandboxStripe
from tests.contract.stripe.support import Receiver, admin, official


@pytest.mark.parametrize("applied", [True, False])
async def test_a_call_may_be_hung_up_on_before_or_after_it_acted(
    sandbox: SandboxStripe, client: stripe.StripeClient, applied: bool
) -> None:
    await admin(sandbox, "faults", {"status": 0, "method": "POST", "applied": applied})
    options: stripe.RequestOptions = {"idempotency_key": "op-1"}
    with pytest.raises(stripe.APIConnectionError):
        await client.v1.customers.create_async({"name": "A"}, options)
    assert len((await client.v1.customers.list_async()).data) == int(applied)
    again = await client.v1.customers.create_async({"name": "A"}, options)
    assert [at.id for at in (await client.v1.customers.list_async()).data] == [again.id]


async def test_an_answer_may_come_too_late(sandbox: SandboxStripe) -> None:
    await admin(sandbox, "faults", {"status": 200, "path": "/v1/products", "slow": 60})
    # Long enough for the call to be made, however loaded the machine is.
    http = stripe.HTTPXClient(timeout=2)
    client = stripe.StripeClient(
        sandbox.secret_key,
        base_addresses={"api": sandbox.url},
        http_client=http,
        max_network_retries=0,
    )
    with pytest.raises(stripe.APIConnectionError):
        await client.v1.products.create_async({"name": "Slow"})
    await http.close_async()  # type: ignore[no-untyped-call]  # the library has no type for it
    async with official(sandbox.url, sandbox.secret_key) as other:
        names = [at.name for at in (await other.v1.products.list_async()).data]
    assert "Slow" in names


async def test_the_library_s_own_retries_get_over_a_failure(sandbox: SandboxStripe) -> None:
    await admin(sandbox, "faults", {"status": 503, "count": 1, "method": "POST"})
    http = stripe.HTTPXClient(timeout=10)
    client = stripe.StripeClient(
        sandbox.secret_key,
        base_addresses={"api": sandbox.url},
        http_client=http,
        max_network_retries=1,
    )
    with pytest.raises(stripe.APIError):
        # A failure is replayed under the key that the library sends with each retry.
        await client.v1.customers.create_async({"name": "A"})
    assert (await client.v1.customers.list_async()).data == []
    await http.close_async()  # type: ignore[no-untyped-call]  # the library has no type for it


async def test_another_call_may_hold_the_object(
    sandbox: SandboxStripe, client: stripe.StripeClient
) -> None:
    await admin(sandbox, "faults", {"status": 429, "code": "lock_timeout"})
    with pytest.raises(stripe.RateLimitError) as refused:
        await client.v1.customers.list_async()
    assert refused.value.error is not None
    assert refused.value.error.code == "lock_timeout"
    assert (await client.v1.customers.list_async()).data == []


async def test_updates_that_lie_apart_may_tell_of_the_same_second(
    sandbox: SandboxStripe, client: stripe.StripeClient, receiver: Receiver
) -> None:
    await admin(sandbox, "delivery", {"same_second": 3600, "shuffle": True, "copies": 2})
    customer = await client.v1.customers.create_async({"name": "0"})
    await admin(sandbox, "clock", {"advance": 3})
    await client.v1.customers.update_async(customer.id, {"name": "1"})
    await sandbox.delivered()
    events = [received.event() for received in receiver.got]
    assert len(events) == 4
    assert {event.created % 3600 for event in events} == {0}
    assert len({event.id for event in events}) == 2


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("faults", {"status": 418}),
        ("faults", {"status": 200, "slow": -1}),
        ("faults", {"status": 429, "code": "nonsense"}),
        ("delivery", {"same_second": 0}),
    ],
)
async def test_a_fault_that_cannot_be_is_refused(
    sandbox: SandboxStripe, path: str, body: dict[str, object]
) -> None:
    async with httpx.AsyncClient() as http:
        answer = await http.post(f"{sandbox.url}/sandbox/{path}", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]
