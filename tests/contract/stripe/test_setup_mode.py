"""Cards saved without a payment: setup intents, and checkout sessions in setup mode."""

import pytest
import stripe

from tests.contract.stripe.pay_support import page, post, told
from tests.contract.stripe.support import AUTHENTICATES, DECLINED, pay


async def session_for(
    client: stripe.StripeClient, customer: str | None = None
) -> stripe.checkout.Session:
    params: stripe.params.checkout.SessionCreateParams = {
        "mode": "setup",
        "currency": "usd",
        "success_url": "https://shop.example/saved?session={CHECKOUT_SESSION_ID}",
        "setup_intent_data": {"metadata": {"why": "later"}},
        "metadata": {"order": "o-1"},
    }
    if customer is not None:
        params["customer"] = customer
    return await client.v1.checkout.sessions.create_async(params)


async def test_a_session_in_setup_mode_saves_a_card(client: stripe.StripeClient) -> None:
    customer = await client.v1.customers.create_async({"email": "a@example.com"})
    session = await session_for(client, customer.id)
    assert (session.amount_total, session.payment_status) == (None, "no_payment_required")
    assert "Save card" in (await page(session.url)).text
    assert (await pay(session.url, email="")).status_code == 303
    done = await client.v1.checkout.sessions.retrieve_async(
        session.id, {"expand": ["setup_intent.payment_method"]}
    )
    assert (done.status, done.payment_intent, done.subscription) == ("complete", None, None)
    intent = done.setup_intent
    assert isinstance(intent, stripe.SetupIntent)
    assert (intent.status, intent.customer) == ("succeeded", customer.id)
    assert intent.metadata is not None
    assert intent.metadata.to_dict() == {"why": "later"}
    assert isinstance(intent.payment_method, stripe.PaymentMethod)
    assert intent.payment_method.customer == customer.id
    assert (await told(client))[-3:] == [
        "payment_method.attached",
        "setup_intent.succeeded",
        "checkout.session.completed",
    ]
    assert (await client.v1.charges.list_async()).data == []


async def test_a_saved_card_is_charged_later(client: stripe.StripeClient) -> None:
    customer = await client.v1.customers.create_async({"email": "a@example.com"})
    session = await session_for(client, customer.id)
    assert (await pay(session.url, AUTHENTICATES)).status_code == 200
    answer = await post(f"{session.url}/authenticate", outcome="complete")
    assert answer.status_code == 303
    (card,) = (await client.v1.payment_methods.list_async({"customer": customer.id})).data
    later = await client.v1.payment_intents.create_async(
        {
            "amount": 700,
            "currency": "usd",
            "customer": customer.id,
            "payment_method": card.id,
            "off_session": True,
            "confirm": True,
        }
    )
    assert later.status == "succeeded"


async def test_a_card_that_is_refused_is_not_saved(client: stripe.StripeClient) -> None:
    customer = await client.v1.customers.create_async({"email": "a@example.com"})
    session = await session_for(client, customer.id)
    refused = await pay(session.url, DECLINED)
    assert refused.status_code == 402
    assert "card_declined" in refused.text
    still = await client.v1.checkout.sessions.retrieve_async(session.id)
    assert still.status == "open"
    assert (await told(client))[-1] == "setup_intent.setup_failed"
    assert (await pay(session.url)).status_code == 303


async def test_setup_mode_needs_a_currency_and_sells_nothing(client: stripe.StripeClient) -> None:
    create = client.v1.checkout.sessions.create_async
    with pytest.raises(stripe.InvalidRequestError, match="currency"):
        await create({"mode": "setup"})
    with pytest.raises(stripe.InvalidRequestError, match="line_items"):
        await create(
            {
                "mode": "setup",
                "currency": "usd",
                "line_items": [{"price": "price_pro", "quantity": 1}],
            }
        )


async def test_a_setup_intent_is_confirmed_by_a_call(client: stripe.StripeClient) -> None:
    customer = await client.v1.customers.create_async({})
    params: stripe.params.SetupIntentCreateParams = {
        "customer": customer.id,
        "allowed_payment_method_types": ["card"],
    }
    intent = await client.v1.setup_intents.create_async(params)
    assert (intent.status, intent.usage) == ("requires_payment_method", "off_session")
    with pytest.raises(stripe.InvalidRequestError, match="missing a payment method"):
        await client.v1.setup_intents.confirm_async(intent.id)
    with pytest.raises(stripe.CardError) as refused:
        await client.v1.setup_intents.confirm_async(
            intent.id, {"payment_method": "pm_card_chargeDeclined"}
        )
    assert refused.value.code == "card_declined"
    failed = await client.v1.setup_intents.retrieve_async(intent.id)
    assert failed.last_setup_error is not None
    done = await client.v1.setup_intents.confirm_async(
        intent.id, {"payment_method": "pm_card_visa"}
    )
    assert (done.status, done.last_setup_error) == ("succeeded", None)
    mine = await client.v1.payment_methods.list_async({"customer": customer.id})
    assert [at.id for at in mine.data] == [done.payment_method]
    listed = await client.v1.setup_intents.list_async({"customer": customer.id})
    assert [at.id for at in listed.data] == [intent.id]


async def test_a_setup_intent_is_canceled_and_stays_so(client: stripe.StripeClient) -> None:
    intent = await client.v1.setup_intents.create_async({})
    changed = await client.v1.setup_intents.update_async(intent.id, {"metadata": {"a": "1"}})
    assert changed.metadata is not None
    assert changed.metadata.to_dict() == {"a": "1"}
    gone = await client.v1.setup_intents.cancel_async(
        intent.id, {"cancellation_reason": "abandoned"}
    )
    assert (gone.status, gone.cancellation_reason) == ("canceled", "abandoned")
    with pytest.raises(stripe.InvalidRequestError) as late:
        await client.v1.setup_intents.confirm_async(intent.id, {"payment_method": "pm_card_visa"})
    assert late.value.code == "setup_intent_unexpected_state"


async def test_an_owner_who_does_not_agree_fails_the_setup(client: stripe.StripeClient) -> None:
    intent = await client.v1.setup_intents.create_async(
        {
            "payment_method": "pm_card_threeDSecure2Required",
            "confirm": True,
            "return_url": "https://shop.example/back",
        }
    )
    assert intent.next_action is not None
    assert intent.next_action.redirect_to_url is not None
    answer = await post(intent.next_action.redirect_to_url.url, outcome="fail")
    assert answer.headers["Location"].startswith(
        f"https://shop.example/back?setup_intent={intent.id}"
    )
    failed = await client.v1.setup_intents.retrieve_async(intent.id)
    assert failed.last_setup_error is not None
    assert failed.last_setup_error.code == "setup_intent_authentication_failure"
