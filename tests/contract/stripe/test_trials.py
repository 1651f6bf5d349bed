"""Trials, and subscriptions that begin by a call: paid at once, later or not at all."""

from typing import Any

import pytest
import stripe

from tests.contract.stripe.time_support import DAY, HOUR, funded, moment, shown, timeline

CANCEL: stripe.params.SubscriptionCreateParamsTrialSettings = {
    "end_behavior": {"missing_payment_method": "cancel"}
}
PAUSE: stripe.params.SubscriptionCreateParamsTrialSettings = {
    "end_behavior": {"missing_payment_method": "pause"}
}


async def test_a_trial_costs_nothing_and_becomes_a_paid_period(
    client: stripe.StripeClient,
) -> None:
    mine = await funded(client, "2027-01-01")
    subscription = await mine.subscribe(trial_period_days=14)
    assert subscription.status == "trialing"
    assert subscription.trial_end is not None
    assert shown(subscription.trial_end) == "2027-01-15"
    (item,) = subscription["items"].data
    assert item.current_period_end == subscription.trial_end == subscription.billing_cycle_anchor
    (first,) = await mine.invoices(subscription.id)
    assert (first.amount_due, first.status) == (0, "paid")
    assert first.lines.data[0].description == "Trial period for Professional"
    await mine.to(moment("2027-01-15") + HOUR)
    running = await mine.subscription(subscription.id)
    assert running.status == "active"
    _, second = await mine.invoices(subscription.id)
    assert (second.amount_paid, second.status) == (4900, "paid")
    assert shown(running["items"].data[0].current_period_end) == "2027-02-15"


async def test_the_end_of_a_trial_is_announced_three_days_before(
    client: stripe.StripeClient,
) -> None:
    mine = await funded(client, "2027-01-01")
    kind = "customer.subscription.trial_will_end"
    await mine.subscribe(trial_period_days=14)
    await mine.to(moment("2027-01-11") + 23 * HOUR)
    assert kind not in await mine.events()
    await mine.to(moment("2027-01-12"))
    assert (await mine.events()).count(kind) == 1
    await mine.to(moment("2027-01-16"))
    assert (await mine.events()).count(kind) == 1


async def test_a_trial_of_less_than_three_days_is_announced_at_once(
    client: stripe.StripeClient,
) -> None:
    mine = await funded(client, "2027-01-01")
    await mine.subscribe(trial_period_days=2)
    assert (await mine.events()).count("customer.subscription.trial_will_end") == 1


@pytest.mark.parametrize(("settings", "status"), [(CANCEL, "canceled"), (PAUSE, "paused")])
async def test_a_trial_without_a_card_ends_as_its_settings_say(
    client: stripe.StripeClient,
    settings: stripe.params.SubscriptionCreateParamsTrialSettings,
    status: str,
) -> None:
    mine = await timeline(client, "2027-01-01")
    subscription = await mine.subscribe(trial_period_days=7, trial_settings=settings)
    await mine.to(moment("2027-01-09"))
    assert (await mine.subscription(subscription.id)).status == status
    assert len(await mine.invoices(subscription.id)) == 1
    if status == "paused":
        assert "customer.subscription.paused" in await mine.events()
        await mine.card()
        resumed = await client.v1.subscriptions.resume_async(subscription.id)
        assert resumed.status == "active"
        assert [at.amount_paid for at in await mine.invoices(subscription.id)] == [0, 4900]


async def test_a_trial_without_a_card_is_past_due_where_an_invoice_is_made(
    client: stripe.StripeClient,
) -> None:
    mine = await timeline(client, "2027-01-01")
    subscription = await mine.subscribe(trial_period_days=7)
    await mine.to(moment("2027-01-09"))
    assert (await mine.subscription(subscription.id)).status == "past_due"
    _, invoice = await mine.invoices(subscription.id)
    assert (invoice.status, invoice.attempt_count) == ("open", 1)


async def test_a_trial_is_moved_and_ended_by_calls(client: stripe.StripeClient) -> None:
    mine = await funded(client, "2027-01-01")
    subscription = await mine.subscribe(trial_period_days=7)
    later = await client.v1.subscriptions.update_async(
        subscription.id, {"trial_end": moment("2027-01-20")}
    )
    assert later["items"].data[0].current_period_end == moment("2027-01-20")
    await mine.to(moment("2027-01-10"))
    assert (await mine.subscription(subscription.id)).status == "trialing"
    ended = await client.v1.subscriptions.update_async(subscription.id, {"trial_end": "now"})
    assert (ended.status, ended.billing_cycle_anchor) == ("active", moment("2027-01-10"))
    assert [at.amount_paid for at in await mine.invoices(subscription.id)] == [0, 4900]


async def test_a_running_subscription_may_be_given_a_trial(client: stripe.StripeClient) -> None:
    mine = await funded(client, "2027-04-01")
    subscription = await mine.subscribe()
    await mine.to(moment("2027-04-16"))
    trial = await client.v1.subscriptions.update_async(
        subscription.id, {"trial_end": moment("2027-04-26")}
    )
    assert (trial.status, trial.trial_start) == ("trialing", moment("2027-04-16"))
    await mine.to(moment("2027-04-26") + HOUR)
    _, invoice = await mine.invoices(subscription.id)
    assert [line.amount for line in invoice.lines.data] == [-2450, 4900]


async def test_a_price_s_own_trial_counts_when_asked_for(client: stripe.StripeClient) -> None:
    mine = await funded(client, "2027-01-01")
    price = await client.v1.prices.create_async(
        {
            "currency": "usd",
            "unit_amount": 1000,
            "product": "prod_shop_pro",
            "recurring": {"interval": "week", "trial_period_days": 3},
        }
    )
    assert (await mine.subscribe(price.id)).status == "active"
    asked = await mine.subscribe("price_max", trial_from_plan=True)
    assert asked.status == "active"
    other = await mine.subscribe(price.id, trial_from_plan=True)
    assert other.trial_end == moment("2027-01-04")


@pytest.mark.parametrize("wrong", [{"trial_end": 5}, {"trial_end": "soon"}])
async def test_a_trial_that_cannot_be_is_refused(
    client: stripe.StripeClient, wrong: dict[str, Any]
) -> None:
    mine = await funded(client, "2027-01-01")
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await mine.subscribe(**wrong)
    assert refused.value.param == "trial_end"


async def test_a_first_payment_makes_it_active(client: stripe.StripeClient) -> None:
    mine = await funded(client)
    subscription = await mine.subscribe(metadata={"operation": "op"}, description="For you")
    assert (subscription.status, subscription.description) == ("active", "For you")
    assert subscription.metadata["operation"] == "op"
    kinds = await mine.events()
    assert kinds.count("customer.subscription.created") == 1
    assert kinds.count("invoice.paid") == 1


async def test_without_any_card_a_subscription_is_refused(client: stripe.StripeClient) -> None:
    mine = await timeline(client, "2027-01-01")
    with pytest.raises(stripe.InvalidRequestError, match="no attached payment source"):
        await mine.subscribe()
    found = await client.v1.subscriptions.list_async({"customer": mine.customer, "status": "all"})
    assert found.data == []


async def test_a_declined_first_payment_leaves_it_incomplete_and_then_expires(
    client: stripe.StripeClient,
) -> None:
    mine = await timeline(client, "2027-01-01")
    await mine.card("pm_card_chargeCustomerFail")
    subscription = await mine.subscribe()
    assert subscription.status == "incomplete"
    await mine.to(moment("2027-01-01") + 22 * HOUR)
    assert (await mine.subscription(subscription.id)).status == "incomplete"
    await mine.to(moment("2027-01-02"))
    assert (await mine.subscription(subscription.id)).status == "incomplete_expired"
    (invoice,) = await mine.invoices(subscription.id)
    assert invoice.status == "void"


async def test_a_first_payment_that_must_succeed_leaves_nothing_when_it_does_not(
    client: stripe.StripeClient,
) -> None:
    mine = await timeline(client, "2027-01-01")
    await mine.card("pm_card_chargeCustomerFail")
    with pytest.raises(stripe.CardError):
        await mine.subscribe(payment_behavior="error_if_incomplete")
    found = await client.v1.subscriptions.list_async({"customer": mine.customer, "status": "all"})
    assert found.data == []


async def test_an_incomplete_one_becomes_active_when_its_intent_is_confirmed(
    client: stripe.StripeClient,
) -> None:
    mine = await timeline(client, "2027-01-01")
    subscription = await mine.subscribe(
        payment_behavior="default_incomplete",
        payment_settings={"save_default_payment_method": "on_subscription"},
        expand=["latest_invoice.confirmation_secret", "latest_invoice.payments"],
    )
    assert subscription.status == "incomplete"
    invoice = subscription.latest_invoice
    assert isinstance(invoice, stripe.Invoice)
    assert invoice.confirmation_secret is not None
    assert invoice.payments is not None
    intent = invoice.payments.data[0].payment.payment_intent
    assert isinstance(intent, str)
    assert invoice.confirmation_secret.client_secret.startswith(f"{intent}_secret_")
    paid = await client.v1.payment_intents.confirm_async(
        intent, {"payment_method": "pm_card_visa", "return_url": "https://shop.example/"}
    )
    assert paid.status == "succeeded"
    running = await mine.subscription(subscription.id)
    assert running.status == "active"
    assert running.default_payment_method == paid.payment_method
    await mine.to(moment("2027-02-01") + DAY)
    assert [at.status for at in await mine.invoices(subscription.id)] == ["paid", "paid"]
