"""Idempotency keys over time, and across what happened in between."""

import pytest
import stripe

from deploy.sandbox.stripe import SandboxStripe
from tests.contract.stripe.pay_support import wait
from tests.contract.stripe.support import admin, subscribe

DAY = 86400


async def test_a_key_is_forgotten_after_a_day(
    sandbox: SandboxStripe, client: stripe.StripeClient
) -> None:
    options: stripe.RequestOptions = {"idempotency_key": "op-1"}
    first = await client.v1.customers.create_async({"name": "A"}, options)
    await wait(sandbox, DAY - 60)
    assert (await client.v1.customers.create_async({"name": "A"}, options)).id == first.id
    await wait(sandbox, 60)
    second = await client.v1.customers.create_async({"name": "A"}, options)
    assert second.id != first.id
    # A key that was forgotten may be used for something else.
    await wait(sandbox, DAY)
    assert (await client.v1.customers.create_async({"name": "B"}, options)).name == "B"


async def test_a_replay_shows_the_answer_of_then_not_the_object_of_now(
    client: stripe.StripeClient,
) -> None:
    options: stripe.RequestOptions = {"idempotency_key": "op-2"}
    first = await client.v1.customers.create_async({"name": "A"}, options)
    await client.v1.customers.update_async(first.id, {"name": "B"})
    assert (await client.v1.customers.create_async({"name": "A"}, options)).name == "A"


async def test_a_500_is_replayed_until_its_key_is_forgotten(
    sandbox: SandboxStripe, client: stripe.StripeClient
) -> None:
    await admin(sandbox, "faults", {"status": 500, "method": "POST", "applied": True})
    options: stripe.RequestOptions = {"idempotency_key": "op-3"}
    for _ in range(3):
        with pytest.raises(stripe.APIError) as failed:
            await client.v1.customers.create_async({"metadata": {"op": "3"}}, options)
        assert failed.value.http_status == 500
    # What it made is found by listing.
    (made,) = (await client.v1.customers.list_async()).data
    assert made.metadata is not None
    assert made.metadata.to_dict() == {"op": "3"}
    await wait(sandbox, DAY)
    fresh = await client.v1.customers.create_async({"metadata": {"op": "3"}}, options)
    assert fresh.id != made.id


async def test_a_decline_is_replayed_too(client: stripe.StripeClient) -> None:
    options: stripe.RequestOptions = {"idempotency_key": "op-4"}
    params: stripe.params.PaymentIntentCreateParams = {
        "amount": 5000,
        "currency": "usd",
        "confirm": True,
        "payment_method": "pm_card_chargeDeclined",
    }
    for _ in range(2):
        with pytest.raises(stripe.CardError):
            await client.v1.payment_intents.create_async(params, options)
    assert len((await client.v1.payment_intents.list_async()).data) == 1


async def test_a_key_is_for_one_call_with_one_set_of_parameters(
    client: stripe.StripeClient,
) -> None:
    options: stripe.RequestOptions = {"idempotency_key": "op-5"}
    await client.v1.customers.create_async({"metadata": {"a": "1", "b": "2"}}, options)
    same = await client.v1.customers.create_async({"metadata": {"b": "2", "a": "1"}}, options)
    assert same.last_response is not None
    assert same.last_response.headers["Idempotent-Replayed"] == "true"
    with pytest.raises(stripe.IdempotencyError):
        await client.v1.customers.create_async({"metadata": {"a": "1"}}, options)
    with pytest.raises(stripe.IdempotencyError):
        await client.v1.products.create_async({"name": "P"}, options)


async def test_a_session_s_replay_leads_to_the_same_page(client: stripe.StripeClient) -> None:
    options: stripe.RequestOptions = {"idempotency_key": "op-6"}
    params: stripe.params.checkout.SessionCreateParams = {
        "mode": "subscription",
        "line_items": [{"price": "price_pro", "quantity": 1}],
    }
    first = await client.v1.checkout.sessions.create_async(params, options)
    again = await client.v1.checkout.sessions.create_async(params, options)
    assert (again.id, again.url) == (first.id, first.url)
    other = await subscribe(client, "price_pro")
    assert other.id != first.id
