"""Payment methods, and what each test card does."""

import pytest
import stripe

from deploy.sandbox.stripe import SandboxStripe
from tests.contract.stripe.pay_support import charge_of, paid, told, wait
from tests.contract.stripe.support import pay, subscribe
from tests.contract.stripe.time_support import funded, moment


async def test_a_card_is_made_attached_listed_and_detached(client: stripe.StripeClient) -> None:
    customer = await client.v1.customers.create_async({"email": "a@example.com"})
    made = await client.v1.payment_methods.create_async(
        {"type": "card", "card": {"token": "tok_mastercard"}, "metadata": {"a": "1"}}
    )
    assert made.customer is None
    assert made.card is not None
    assert (made.card.brand, made.card.last4) == ("mastercard", "4444")
    attached = await client.v1.payment_methods.attach_async(made.id, {"customer": customer.id})
    assert attached.customer == customer.id
    mine = await client.v1.payment_methods.list_async({"customer": customer.id, "type": "card"})
    again = await client.v1.customers.payment_methods.list_async(customer.id)
    assert [at.id for at in mine.data] == [at.id for at in again.data] == [made.id]
    one = await client.v1.customers.payment_methods.retrieve_async(customer.id, made.id)
    assert one.metadata is not None
    assert one.metadata.to_dict() == {"a": "1"}
    gone = await client.v1.payment_methods.detach_async(made.id)
    assert gone.customer is None
    assert (await client.v1.payment_methods.list_async({"customer": customer.id})).data == []
    with pytest.raises(stripe.InvalidRequestError, match="not attached"):
        await client.v1.payment_methods.detach_async(made.id)
    kinds = await told(client, about="payment_method.*")
    assert kinds == ["payment_method.attached", "payment_method.detached"]


async def test_a_card_s_number_is_checked_and_not_kept(client: stripe.StripeClient) -> None:
    params: stripe.params.PaymentMethodCreateParams = {
        "type": "card",
        "card": {"number": "4242424242424242", "exp_month": 1, "exp_year": 2034, "cvc": "123"},
    }
    made = await client.v1.payment_methods.create_async(params)
    assert "4242424242424242" not in str(made.to_dict())
    wrong = {**params, "card": {"number": "4242424242424241", "exp_month": 1, "exp_year": 2034}}
    with pytest.raises(stripe.CardError) as refused:
        await client.v1.payment_methods.create_async(wrong)  # type: ignore[arg-type]  # a copy
    assert refused.value.code == "incorrect_number"


async def test_a_saved_card_has_its_expiry_and_owner_changed(client: stripe.StripeClient) -> None:
    customer = await client.v1.customers.create_async({"payment_method": "pm_card_visa"})
    (card,) = (await client.v1.payment_methods.list_async({"customer": customer.id})).data
    changed = await client.v1.payment_methods.update_async(
        card.id,
        {"card": {"exp_year": 2040}, "billing_details": {"name": "Ann", "address": {"city": "X"}}},
    )
    assert changed.card is not None
    assert (changed.card.exp_year, changed.billing_details.name) == (2040, "Ann")
    (event,) = (await client.v1.events.list_async({"type": "payment_method.updated"})).data
    before = event.data.to_dict()["previous_attributes"]
    assert before["card"] == {"exp_year": 2034}


async def test_a_customer_s_default_card_must_be_their_own(client: stripe.StripeClient) -> None:
    customer = await client.v1.customers.create_async(
        {
            "payment_method": "pm_card_visa",
            "invoice_settings": {"default_payment_method": "pm_card_visa"},
        }
    )
    chosen = customer.invoice_settings
    assert chosen is not None
    assert isinstance(chosen.default_payment_method, str)
    (event,) = (await client.v1.events.list_async({"type": "customer.created"})).data
    snapshot = event.data.object["invoice_settings"]
    assert snapshot["default_payment_method"] == chosen.default_payment_method
    stranger = await client.v1.payment_methods.create_async(
        {"type": "card", "card": {"token": "tok_visa"}}
    )
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await client.v1.customers.update_async(
            customer.id, {"invoice_settings": {"default_payment_method": stranger.id}}
        )
    assert refused.value.code == "resource_missing"
    await client.v1.payment_methods.detach_async(chosen.default_payment_method)
    found = await client.v1.customers.retrieve_async(customer.id)
    assert found.invoice_settings is not None
    assert found.invoice_settings.default_payment_method is None


@pytest.mark.parametrize(
    ("token", "code", "decline_code"),
    [
        ("pm_card_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_visa_chargeDeclinedLostCard", "card_declined", "lost_card"),
        ("pm_card_visa_chargeDeclinedStolenCard", "card_declined", "stolen_card"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", None),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", None),
        ("pm_card_chargeDeclinedProcessingError", "processing_error", None),
        ("pm_card_radarBlock", "card_declined", "fraudulent"),
        ("pm_card_chargeCustomerFail", "card_declined", "generic_decline"),
    ],
)
async def test_a_declining_card_says_why_and_leaves_a_failed_charge(
    client: stripe.StripeClient, token: str, code: str, decline_code: str | None
) -> None:
    with pytest.raises(stripe.CardError) as refused:
        await paid(client, token)
    assert (refused.value.http_status, refused.value.code) == (402, code)
    assert refused.value.error is not None
    assert refused.value.error.to_dict().get("decline_code") == decline_code
    (intent,) = (await client.v1.payment_intents.list_async()).data
    assert (intent.status, intent.payment_method) == ("requires_payment_method", None)
    assert intent.last_payment_error is not None
    assert intent.last_payment_error.code == code
    charge = await charge_of(client, intent)
    assert (charge.status, charge.failure_code) == ("failed", code)


@pytest.mark.parametrize("token", ["pm_card_chargeDeclined", "pm_card_chargeDeclinedExpiredCard"])
async def test_a_card_that_its_bank_refuses_is_not_attached(
    client: stripe.StripeClient, token: str
) -> None:
    customer = await client.v1.customers.create_async({})
    with pytest.raises(stripe.CardError):
        await client.v1.payment_methods.attach_async(token, {"customer": customer.id})
    assert (await client.v1.payment_methods.list_async({"customer": customer.id})).data == []


async def test_a_card_may_attach_and_then_fail_on_the_renewal(client: stripe.StripeClient) -> None:
    mine = await funded(client, "2027-03-01")
    subscription = await mine.subscribe()
    failing = await mine.card("pm_card_chargeCustomerFail")
    await mine.to(moment("2027-04-01T03:00"))
    found = await mine.subscription(subscription.id)
    assert found.status == "past_due"
    failed = await client.v1.charges.list_async({"customer": mine.customer, "limit": 1})
    assert (failed.data[0].status, failed.data[0].payment_method) == ("failed", failing)


async def test_another_customer_s_card_cannot_be_charged(client: stripe.StripeClient) -> None:
    owner = await client.v1.customers.create_async({"payment_method": "pm_card_visa"})
    other = await client.v1.customers.create_async({})
    (card,) = (await client.v1.payment_methods.list_async({"customer": owner.id})).data
    with pytest.raises(stripe.InvalidRequestError, match="does not belong"):
        await paid(client, card.id, customer=other.id)
    with pytest.raises(stripe.InvalidRequestError, match="attached to a Customer"):
        await paid(client, card.id)
    assert (await paid(client, card.id, customer=owner.id)).status == "succeeded"


async def test_a_card_that_belongs_to_nobody_is_charged_once(client: stripe.StripeClient) -> None:
    customer = await client.v1.customers.create_async({})
    card = await client.v1.payment_methods.create_async(
        {"type": "card", "card": {"token": "tok_visa"}}
    )
    assert (await paid(client, card.id)).status == "succeeded"
    with pytest.raises(stripe.InvalidRequestError, match="may not be used again"):
        await paid(client, card.id)
    with pytest.raises(stripe.InvalidRequestError, match="may not be used again"):
        await client.v1.payment_methods.attach_async(card.id, {"customer": customer.id})


async def test_a_risky_charge_waits_for_a_review(client: stripe.StripeClient) -> None:
    intent = await paid(client, "pm_card_riskLevelElevated")
    charge = await charge_of(client, intent)
    assert charge.outcome is not None
    assert charge.outcome.risk_level == "elevated"
    (review,) = (await client.v1.reviews.list_async()).data
    assert (review.open, review.charge, intent.review) == (True, charge.id, review.id)
    approved = await client.v1.reviews.approve_async(review.id)
    assert (approved.open, approved.closed_reason) == (False, "approved")
    assert (await client.v1.reviews.list_async()).data == []
    assert await told(client, about="review.*") == ["review.opened", "review.closed"]


async def test_an_early_fraud_warning_comes_before_any_dispute(
    sandbox: SandboxStripe, client: stripe.StripeClient
) -> None:
    session = await subscribe(client, "price_pro")
    assert (await pay(session.url, "4000000000005423")).status_code == 303
    (charge,) = (await client.v1.charges.list_async()).data
    (warning,) = (await client.v1.radar.early_fraud_warnings.list_async({"charge": charge.id})).data
    assert (warning.actionable, warning.payment_intent) == (True, charge.payment_intent)
    assert (await client.v1.disputes.list_async()).data == []
    await client.v1.refunds.create_async({"charge": charge.id})
    await wait(sandbox)
    after = await client.v1.radar.early_fraud_warnings.retrieve_async(warning.id)
    assert after.actionable is False
