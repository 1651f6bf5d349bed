"""A walk through each resource that is not made by a checkout."""

from decimal import Decimal

import pytest
import stripe

from deploy.sandbox.stripe import SandboxStripe
from tests.contract.stripe.support import Receiver


async def test_a_customer_lives_and_leaves_a_stub(client: stripe.StripeClient) -> None:
    made = await client.v1.customers.create_async(
        {"email": "a@example.com", "name": "Ann", "metadata": {"user_id": "u1", "org": "o1"}}
    )
    changed = await client.v1.customers.update_async(
        made.id, {"name": "", "metadata": {"org": "", "plan": "pro"}}
    )
    assert changed.name is None
    assert changed.metadata is not None
    assert changed.metadata.to_dict() == {"user_id": "u1", "plan": "pro"}
    found = await client.v1.customers.list_async({"email": "a@example.com"})
    assert [item.id for item in found.data] == [made.id]
    await client.v1.customers.delete_async(made.id)
    assert (await client.v1.customers.retrieve_async(made.id)).deleted is True
    assert (await client.v1.customers.list_async({"email": "a@example.com"})).data == []


async def test_an_update_tells_what_was_before(client: stripe.StripeClient) -> None:
    made = await client.v1.customers.create_async({"name": "Ann", "metadata": {"a": "1"}})
    metadata = {"a": "", "b": "2"}
    await client.v1.customers.update_async(made.id, {"name": "Bea", "metadata": metadata})
    (event,) = (await client.v1.events.list_async({"type": "customer.updated"})).data
    before = event.data.to_dict()["previous_attributes"]
    assert before == {"name": "Ann", "metadata": {"a": "1", "b": None}}


async def test_catalogs_become_products_and_prices(client: stripe.StripeClient) -> None:
    product = await client.v1.products.retrieve_async("prod_shop_pro")
    assert (product.name, product.metadata["plan"]) == ("Professional", "shop/pro")
    addon = await client.v1.products.retrieve_async("prod_shop_turbo")
    assert addon.metadata.to_dict() == {"addon": "shop/turbo"}
    found = await client.v1.prices.list_async(
        {"product": "prod_shop_pro", "expand": ["data.product"]}
    )
    by_id = {price.id: price for price in found.data}
    assert {
        price.id: (price.lookup_key, price.unit_amount, price.currency) for price in found.data
    } == {
        "price_pro": ("shop/pro", 4900, "usd"),
        "price_pro_year": ("shop/pro/year", 49000, "usd"),
        "price_pro_jpy": ("shop/pro/jpy", 5000, "jpy"),
    }
    assert by_id["price_pro"].metadata["plan"] == "shop/pro"
    assert isinstance(by_id["price_pro"].product, stripe.Product)
    every = by_id["price_pro_year"].recurring
    assert every is not None
    assert every.interval == "year"
    assert (await client.v1.prices.list_async({"product": "prod_shop_free"})).data == []
    looked_up = await client.v1.prices.list_async({"lookup_keys": ["shop/max", "shop/turbo"]})
    assert {price.id: price.unit_amount for price in looked_up.data} == {
        "price_max": 9950,
        "price_t": 900,
    }


async def test_products_and_prices_are_made_and_changed(client: stripe.StripeClient) -> None:
    product = await client.v1.products.create_async({"name": "Mug", "metadata": {"a": "b"}})
    price = await client.v1.prices.create_async(
        {"product": product.id, "currency": "eur", "unit_amount": 1200, "lookup_key": "mug"}
    )
    assert (price.type, price.unit_amount_decimal) == ("one_time", Decimal(1200))
    with pytest.raises(stripe.InvalidRequestError, match="already uses that lookup key"):
        await client.v1.prices.create_async(
            {"product": product.id, "currency": "eur", "unit_amount": 1300, "lookup_key": "mug"}
        )
    moved = await client.v1.prices.create_async(
        {
            "product": product.id,
            "currency": "eur",
            "unit_amount": 1300,
            "lookup_key": "mug",
            "transfer_lookup_key": True,
        }
    )
    found = await client.v1.prices.list_async({"lookup_keys": ["mug"]})
    assert [item.id for item in found.data] == [moved.id]
    await client.v1.prices.update_async(price.id, {"active": False})
    await client.v1.products.update_async(product.id, {"default_price": moved.id, "name": "Cup"})
    shown = await client.v1.products.retrieve_async(product.id, {"expand": ["default_price"]})
    assert isinstance(shown.default_price, stripe.Price)
    assert shown.name == "Cup"
    active = await client.v1.prices.list_async({"product": product.id, "active": True})
    assert [item.id for item in active.data] == [moved.id]


async def test_an_intent_is_confirmed_with_a_test_card(client: stripe.StripeClient) -> None:
    intent = await client.v1.payment_intents.create_async(
        {
            "amount": 5000,
            "currency": "usd",
            "metadata": {"quote": "q1"},
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        }
    )
    assert (intent.status, intent.amount_received) == ("requires_payment_method", 0)
    assert intent.client_secret is not None
    assert intent.client_secret.startswith(f"{intent.id}_secret_")
    paid = await client.v1.payment_intents.confirm_async(
        intent.id, {"payment_method": "pm_card_visa", "expand": ["latest_charge"]}
    )
    assert (paid.status, paid.amount_received) == ("succeeded", 5000)
    charge = paid.latest_charge
    assert isinstance(charge, stripe.Charge)
    assert charge.paid
    assert charge.payment_method_details is not None
    assert charge.payment_method_details.card is not None
    assert charge.payment_method_details.card.last4 == "4242"
    assert (await client.v1.charges.retrieve_async(charge.id)).metadata["quote"] == "q1"
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await client.v1.payment_intents.cancel_async(intent.id)
    assert refused.value.code == "payment_intent_unexpected_state"


@pytest.mark.parametrize(
    ("method", "code", "decline"),
    [
        ("pm_card_visa_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", None),
        ("pm_card_chargeDeclinedProcessingError", "processing_error", None),
    ],
)
async def test_a_declined_intent_says_why_and_can_be_tried_again(
    client: stripe.StripeClient, method: str, code: str, decline: str | None
) -> None:
    intent = await client.v1.payment_intents.create_async({"amount": 5000, "currency": "usd"})
    with pytest.raises(stripe.CardError) as refused:
        await client.v1.payment_intents.confirm_async(intent.id, {"payment_method": method})
    assert refused.value.code == code
    assert refused.value.error is not None
    assert refused.value.error.decline_code == decline
    found = await client.v1.payment_intents.retrieve_async(intent.id)
    assert found.status == "requires_payment_method"
    assert found.last_payment_error is not None
    assert found.last_payment_error.code == code
    failed = await client.v1.charges.list_async({"payment_intent": intent.id})
    assert [(item.status, item.failure_code) for item in failed.data] == [("failed", code)]
    paid = await client.v1.payment_intents.confirm_async(
        intent.id, {"payment_method": "pm_card_visa"}
    )
    assert paid.status == "succeeded"


async def test_an_intent_is_canceled_and_cannot_be_paid_then(client: stripe.StripeClient) -> None:
    intent = await client.v1.payment_intents.create_async({"amount": 5000, "currency": "usd"})
    gone = await client.v1.payment_intents.cancel_async(
        intent.id, {"cancellation_reason": "abandoned"}
    )
    assert (gone.status, gone.cancellation_reason) == ("canceled", "abandoned")
    with pytest.raises(stripe.InvalidRequestError, match="status of canceled"):
        await client.v1.payment_intents.confirm_async(intent.id, {"payment_method": "pm_card_visa"})
    with pytest.raises(stripe.InvalidRequestError) as small:
        await client.v1.payment_intents.create_async({"amount": 10, "currency": "usd"})
    assert small.value.code == "amount_too_small"


async def test_refunds_never_exceed_the_charge(client: stripe.StripeClient) -> None:
    intent = await client.v1.payment_intents.create_async(
        {"amount": 5000, "currency": "usd", "confirm": True, "payment_method": "pm_card_visa"}
    )
    part = await client.v1.refunds.create_async(
        {"payment_intent": intent.id, "amount": 2000, "metadata": {"why": "half"}}
    )
    assert (part.status, part.amount) == ("succeeded", 2000)
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded amount"):
        await client.v1.refunds.create_async({"payment_intent": intent.id, "amount": 3001})
    rest = await client.v1.refunds.create_async({"payment_intent": intent.id})
    assert rest.amount == 3000
    with pytest.raises(stripe.InvalidRequestError) as done:
        await client.v1.refunds.create_async({"payment_intent": intent.id})
    assert done.value.code == "charge_already_refunded"
    assert isinstance(intent.latest_charge, str)
    charge = await client.v1.charges.retrieve_async(intent.latest_charge, {"expand": ["refunds"]})
    assert (charge.refunded, charge.amount_refunded) == (True, 5000)
    assert charge.refunds is not None
    assert [item.id for item in charge.refunds.data] == [rest.id, part.id]
    assert (await client.v1.refunds.retrieve_async(part.id)).metadata is not None
    found = await client.v1.refunds.list_async({"payment_intent": intent.id})
    assert len(found.data) == 2


async def test_events_are_listed_by_type_and_time(client: stripe.StripeClient) -> None:
    first = await client.v1.customers.create_async({"name": "A"})
    await client.v1.products.create_async({"name": "P"})
    await client.v1.customers.update_async(first.id, {"name": "B"})
    customers = await client.v1.events.list_async({"type": "customer.*"})
    assert [event.type for event in customers.data] == ["customer.updated", "customer.created"]
    chosen = await client.v1.events.list_async({"types": ["product.created", "customer.created"]})
    assert [event.type for event in chosen.data] == ["product.created", "customer.created"]
    old = await client.v1.events.list_async({"created": {"lt": customers.data[1].created}})
    assert old.data == []
    again = await client.v1.events.retrieve_async(customers.data[1].id)
    # A snapshot: the customer's name at that time, not now.
    assert again.data.object["name"] == "A"


async def test_an_endpoint_gets_the_events_it_asked_for(
    sandbox: SandboxStripe, client: stripe.StripeClient, receiver: Receiver
) -> None:
    endpoint = await client.v1.webhook_endpoints.create_async(
        {"url": receiver.url, "enabled_events": ["product.created"]}
    )
    assert endpoint.secret is not None
    shown = await client.v1.webhook_endpoints.retrieve_async(endpoint.id)
    assert shown.to_dict().get("secret") is None
    await client.v1.customers.create_async({"name": "A"})
    await client.v1.products.create_async({"name": "P"})
    await sandbox.delivered()
    signed_here = []
    for received in receiver.got:
        try:
            signed_here.append(received.event(endpoint.secret).type)
        except stripe.SignatureVerificationError:
            assert received.event().type in {"customer.created", "product.created"}
    assert signed_here == ["product.created"]
    await client.v1.webhook_endpoints.delete_async(endpoint.id)
    left = await client.v1.webhook_endpoints.list_async()
    assert endpoint.id not in [item.id for item in left.data]
