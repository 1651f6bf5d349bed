"""The sandbox's shapes beside the provider's public ones, where those are at hand."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import stripe

from tests.contract.stripe.support import paid_subscription

NEARBY = Path(__file__).parents[4] / "shared" / "stripe" / "fixtures3.json"
# In the public examples, though only there when expanded, or gone from this API version.
OPTIONAL = {"charge": {"refunds"}, "invoice": {"subscription"}}


def _fixtures() -> dict[str, Any]:
    path = Path(os.environ.get("STRIPE_FIXTURES", NEARBY))
    if not path.is_file():
        pytest.skip(f"the provider's public example objects are not at {path} (STRIPE_FIXTURES)")
    found: dict[str, Any] = json.loads(path.read_text())["resources"]
    return found


async def _objects(client: stripe.StripeClient) -> dict[str, stripe.StripeObject]:
    """One object of each kind that is compared."""
    subscription = await paid_subscription(client, "price_pro")
    assert isinstance(subscription.latest_invoice, str)
    invoice = await client.v1.invoices.retrieve_async(
        subscription.latest_invoice, {"expand": ["payments.data.payment.payment_intent"]}
    )
    assert invoice.payments is not None
    payment = invoice.payments.data[0]
    intent = payment.payment.payment_intent
    assert isinstance(intent, stripe.PaymentIntent)
    assert isinstance(intent.latest_charge, str)
    assert isinstance(intent.payment_method, str)
    (session,) = (
        await client.v1.checkout.sessions.list_async({"expand": ["data.line_items"]})
    ).data
    assert session.line_items is not None
    assert isinstance(subscription.customer, str)
    found: list[stripe.StripeObject] = [
        await client.v1.accounts.retrieve_current_async(),
        await client.v1.charges.retrieve_async(intent.latest_charge),
        await client.v1.customers.retrieve_async(subscription.customer),
        (await client.v1.events.list_async()).data[0],
        await client.v1.invoices.retrieve_async(subscription.latest_invoice),
        invoice.lines.data[0],
        payment,
        intent,
        await client.v1.payment_methods.retrieve_async(intent.payment_method),
        await client.v1.prices.retrieve_async("price_pro"),
        await client.v1.products.retrieve_async("prod_shop_pro"),
        await client.v1.refunds.create_async({"payment_intent": intent.id}),
        await client.v1.checkout.sessions.retrieve_async(session.id),
        session.line_items.data[0],
        subscription,
        subscription["items"].data[0],
        (await client.v1.webhook_endpoints.list_async()).data[0],
    ]
    return {at["object"]: at for at in found}


async def test_every_field_is_one_that_the_official_library_knows(
    client: stripe.StripeClient,
) -> None:
    strange = {}
    for kind, found in (await _objects(client)).items():
        unknown = found.to_dict().keys() - type(found).__annotations__.keys()
        if unknown:
            strange[kind] = unknown
    assert strange == {}


async def test_no_field_of_the_public_examples_is_missing(client: stripe.StripeClient) -> None:
    fixtures = _fixtures()
    fixtures |= _embedded(fixtures)
    missing = {}
    for kind, found in (await _objects(client)).items():
        example = fixtures[kind]
        lacking = example.keys() - found.to_dict().keys() - OPTIONAL.get(kind, set())
        if lacking:
            missing[kind] = lacking
    assert missing == {}


def _embedded(fixtures: dict[str, Any]) -> dict[str, Any]:
    """Examples that only stand inside others."""
    return {
        "subscription_item": fixtures["subscription"]["items"]["data"][0],
        "line_item": fixtures["invoice"]["lines"]["data"][0],
    }
