"""Payment intents: held and captured, canceled, run out, confirmed with 3-D Secure."""

import pytest
import stripe

from deploy.sandbox.stripe import SandboxStripe
from tests.contract.stripe.pay_support import charge_of, page, paid, post, told, wait

WEEK = 7 * 86400


async def test_money_is_held_and_then_captured(client: stripe.StripeClient) -> None:
    held = await paid(client, capture_method="manual")
    assert (held.status, held.amount_capturable, held.amount_received) == (
        "requires_capture",
        5000,
        0,
    )
    charge = await charge_of(client, held)
    assert (charge.captured, charge.paid, charge.balance_transaction) == (False, True, None)
    details = charge.payment_method_details
    assert details is not None
    assert details.card is not None
    assert details.card.capture_before == charge.created + WEEK
    done = await client.v1.payment_intents.capture_async(held.id)
    assert (done.status, done.amount_received, done.amount_capturable) == ("succeeded", 5000, 0)
    taken = await charge_of(client, done)
    assert (taken.captured, taken.amount_captured) == (True, 5000)
    assert (await told(client))[-4:] == [
        "charge.succeeded",
        "payment_intent.amount_capturable_updated",
        "charge.captured",
        "payment_intent.succeeded",
    ]
    with pytest.raises(stripe.InvalidRequestError) as again:
        await client.v1.payment_intents.capture_async(held.id)
    assert again.value.code == "payment_intent_unexpected_state"


async def test_less_may_be_captured_and_the_rest_goes_back(client: stripe.StripeClient) -> None:
    held = await paid(client, capture_method="manual")
    with pytest.raises(stripe.InvalidRequestError) as more:
        await client.v1.payment_intents.capture_async(held.id, {"amount_to_capture": 5001})
    assert more.value.code == "amount_too_large"
    done = await client.v1.payment_intents.capture_async(held.id, {"amount_to_capture": 3000})
    assert done.amount_received == 3000
    charge = await charge_of(client, done)
    assert (charge.amount_captured, charge.amount_refunded, charge.refunded) == (3000, 2000, False)
    refund = await client.v1.refunds.create_async({"payment_intent": held.id})
    assert refund.amount == 3000


async def test_a_hold_that_is_canceled_lets_the_money_go(client: stripe.StripeClient) -> None:
    held = await paid(client, capture_method="manual")
    gone = await client.v1.payment_intents.cancel_async(
        held.id, {"cancellation_reason": "requested_by_customer"}
    )
    assert (gone.status, gone.amount_capturable, gone.amount_received) == ("canceled", 0, 0)
    charge = await charge_of(client, gone)
    assert (charge.captured, charge.refunded) == (False, True)
    assert (await told(client))[-2:] == ["charge.refunded", "payment_intent.canceled"]


async def test_a_hold_runs_out_after_a_week(
    sandbox: SandboxStripe, client: stripe.StripeClient
) -> None:
    held = await paid(client, capture_method="manual")
    await wait(sandbox, WEEK - 60)
    assert (await client.v1.payment_intents.retrieve_async(held.id)).status == "requires_capture"
    await wait(sandbox, 60)
    gone = await client.v1.payment_intents.retrieve_async(held.id)
    assert (gone.status, gone.cancellation_reason) == ("canceled", "automatic")
    assert (await told(client))[-2:] == ["charge.expired", "payment_intent.canceled"]
    with pytest.raises(stripe.InvalidRequestError):
        await client.v1.payment_intents.capture_async(held.id)


async def test_a_captured_hold_does_not_run_out(
    sandbox: SandboxStripe, client: stripe.StripeClient
) -> None:
    held = await paid(client, capture_method="manual")
    await client.v1.payment_intents.capture_async(held.id)
    await wait(sandbox, WEEK)
    assert (await client.v1.payment_intents.retrieve_async(held.id)).status == "succeeded"


async def test_the_hosted_page_can_hold_money_too(client: stripe.StripeClient) -> None:
    session = await client.v1.checkout.sessions.create_async(
        {
            "mode": "payment",
            "line_items": [
                {
                    "price_data": {
                        "currency": "usd",
                        "unit_amount": 900,
                        "product_data": {"name": "Pod"},
                    },
                    "quantity": 1,
                }
            ],
            "payment_intent_data": {"capture_method": "manual", "metadata": {"hold": "h"}},
        }
    )
    form = {"number": "4242424242424242", "exp_month": "1", "exp_year": "2040", "cvc": "123"}
    assert (await post(session.url, email="a@example.com", **form)).status_code == 200
    done = await client.v1.checkout.sessions.retrieve_async(
        session.id, {"expand": ["payment_intent"]}
    )
    assert (done.status, done.payment_status) == ("complete", "unpaid")
    assert isinstance(done.payment_intent, stripe.PaymentIntent)
    assert done.payment_intent.status == "requires_capture"
    await client.v1.payment_intents.capture_async(done.payment_intent.id)
    after = await client.v1.checkout.sessions.retrieve_async(session.id)
    assert after.payment_status == "paid"


@pytest.mark.parametrize(
    ("outcome", "status"), [("complete", "succeeded"), ("fail", "requires_payment_method")]
)
async def test_a_confirmed_intent_waits_for_the_card_s_owner(
    client: stripe.StripeClient, outcome: str, status: str
) -> None:
    asked = await paid(
        client, "pm_card_threeDSecure2Required", return_url="https://shop.example/back?a=1"
    )
    assert asked.status == "requires_action"
    assert asked.next_action is not None
    assert asked.next_action.redirect_to_url is not None
    url = asked.next_action.redirect_to_url.url
    assert "Complete authentication" in (await page(url)).text
    answer = await post(url, outcome=outcome)
    assert answer.status_code == 303
    back = f"https://shop.example/back?a=1&payment_intent={asked.id}"
    assert answer.headers["Location"].startswith(back)
    assert (await client.v1.payment_intents.retrieve_async(asked.id)).status == status
    assert (await post(url, outcome=outcome)).status_code == 409


async def test_a_card_may_be_declined_after_its_owner_agreed(client: stripe.StripeClient) -> None:
    asked = await paid(client, "pm_card_threeDSecureRequiredChargeDeclined")
    assert asked.next_action is not None
    sdk = asked.next_action.to_dict()["use_stripe_sdk"]
    assert (await post(sdk["stripe_js"], outcome="complete")).status_code == 200
    found = await client.v1.payment_intents.retrieve_async(asked.id)
    assert found.status == "requires_payment_method"
    assert found.last_payment_error is not None
    assert found.last_payment_error.code == "card_declined"


async def test_without_its_owner_such_a_card_is_refused_unless_set_up(
    client: stripe.StripeClient,
) -> None:
    customer = await client.v1.customers.create_async({})
    saved = await client.v1.payment_methods.attach_async(
        "pm_card_authenticationRequiredOnSetup", {"customer": customer.id}
    )
    with pytest.raises(stripe.CardError) as refused:
        await paid(client, saved.id, customer=customer.id, off_session=True)
    assert refused.value.code == "authentication_required"
    setup = await client.v1.setup_intents.create_async(
        {"customer": customer.id, "payment_method": saved.id, "confirm": True}
    )
    assert setup.next_action is not None
    await post(setup.next_action.to_dict()["use_stripe_sdk"]["stripe_js"], outcome="complete")
    later = await paid(client, saved.id, customer=customer.id, off_session=True)
    assert later.status == "succeeded"


async def test_a_card_is_kept_when_the_intent_asks_for_it(client: stripe.StripeClient) -> None:
    customer = await client.v1.customers.create_async({})
    await paid(client, customer=customer.id)
    assert (await client.v1.payment_methods.list_async({"customer": customer.id})).data == []
    kept = await paid(client, customer=customer.id, setup_future_usage="off_session")
    (card,) = (await client.v1.payment_methods.list_async({"customer": customer.id})).data
    assert card.id == kept.payment_method


async def test_an_intent_changes_until_it_is_paid(client: stripe.StripeClient) -> None:
    intent = await client.v1.payment_intents.create_async({"amount": 5000, "currency": "usd"})
    changed = await client.v1.payment_intents.update_async(
        intent.id,
        {"amount": 6000, "metadata": {"a": "1"}, "payment_method": "pm_card_visa"},
    )
    assert (changed.amount, changed.status) == (6000, "requires_confirmation")
    done = await client.v1.payment_intents.confirm_async(intent.id)
    assert done.amount_received == 6000
    with pytest.raises(stripe.InvalidRequestError) as late:
        await client.v1.payment_intents.update_async(intent.id, {"amount": 7000})
    assert late.value.code == "payment_intent_unexpected_state"
    assert (await client.v1.payment_intents.update_async(intent.id, {"description": "x"})).id


async def test_card_details_may_come_with_the_confirmation(client: stripe.StripeClient) -> None:
    intent = await client.v1.payment_intents.create_async({"amount": 5000, "currency": "usd"})
    with pytest.raises(stripe.InvalidRequestError, match="missing a payment method"):
        await client.v1.payment_intents.confirm_async(intent.id)
    data: stripe.params.PaymentIntentConfirmParams = {
        "payment_method_data": {"type": "card", "card": {"token": "tok_visa"}}  # type: ignore[typeddict-unknown-key]  # the library has no type for cards here
    }
    assert (await client.v1.payment_intents.confirm_async(intent.id, data)).status == "succeeded"


async def test_an_owner_s_answer_pays_the_invoice_and_begins_the_subscription(
    client: stripe.StripeClient,
) -> None:
    customer = await client.v1.customers.create_async(
        {
            "payment_method": "pm_card_authenticationRequired",
            "invoice_settings": {"default_payment_method": "pm_card_authenticationRequired"},
        }
    )
    made = await client.v1.subscriptions.create_async(
        {
            "customer": customer.id,
            "items": [{"price": "price_pro"}],
            "payment_behavior": "default_incomplete",
            "expand": ["latest_invoice.confirmation_secret"],
        }
    )
    assert made.status == "incomplete"
    assert isinstance(made.latest_invoice, stripe.Invoice)
    secret = made.latest_invoice.confirmation_secret
    assert secret is not None
    asked = await client.v1.payment_intents.confirm_async(secret.client_secret.split("_secret")[0])
    assert asked.next_action is not None
    await post(asked.next_action.to_dict()["use_stripe_sdk"]["stripe_js"], outcome="complete")
    begun = await client.v1.subscriptions.retrieve_async(
        made.id, {"expand": ["latest_invoice.confirmation_secret"]}
    )
    assert begun.status == "active"
    assert isinstance(begun.latest_invoice, stripe.Invoice)
    assert begun.latest_invoice.status == "paid"
    assert begun.latest_invoice.confirmation_secret is None
