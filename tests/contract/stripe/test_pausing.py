"""Pausing: of the collection, which goes on billing, and of the subscription itself."""

import pytest
import stripe

from tests.contract.stripe.time_support import Timeline, funded, moment, shown


async def _running(client: stripe.StripeClient) -> tuple[Timeline, stripe.Subscription]:
    mine = await funded(client, "2027-04-01")
    return mine, await mine.subscribe()


@pytest.mark.parametrize(
    ("behavior", "status"),
    [("void", "void"), ("mark_uncollectible", "uncollectible"), ("keep_as_draft", "draft")],
)
async def test_a_paused_collection_goes_on_making_invoices(
    client: stripe.StripeClient, behavior: str, status: str
) -> None:
    mine, subscription = await _running(client)
    pause: stripe.params.SubscriptionUpdateParams = {"pause_collection": {"behavior": behavior}}
    paused = await client.v1.subscriptions.update_async(subscription.id, pause)
    assert paused.status == "active"
    await mine.to(moment("2027-05-02"))
    _, invoice = await mine.invoices(subscription.id)
    assert invoice.status == status
    assert (await mine.subscription(subscription.id)).status == "active"
    assert "customer.subscription.paused" not in await mine.events()


async def test_a_paused_collection_ends_by_itself(client: stripe.StripeClient) -> None:
    mine, subscription = await _running(client)
    await client.v1.subscriptions.update_async(
        subscription.id,
        {"pause_collection": {"behavior": "void", "resumes_at": moment("2027-05-10")}},
    )
    await mine.to(moment("2027-06-01"))
    await mine.to(moment("2027-06-02"))
    assert (await mine.subscription(subscription.id)).pause_collection is None
    statuses = [at.status for at in await mine.invoices(subscription.id)]
    assert statuses == ["paid", "void", "paid"]


async def test_a_paused_subscription_is_not_billed_and_keeps_a_credit(
    client: stripe.StripeClient,
) -> None:
    mine, subscription = await _running(client)
    await mine.to(moment("2027-04-16"))
    paused = await client.v1.subscriptions.pause_async(subscription.id)
    assert paused.status == "paused"
    (credit,) = (await client.v1.invoice_items.list_async({"customer": mine.customer})).data
    assert credit.amount == -2450
    await mine.to(moment("2027-06-01"))
    assert len(await mine.invoices(subscription.id)) == 1
    resumed = await client.v1.subscriptions.resume_async(subscription.id)
    assert resumed.status == "active"
    assert resumed.billing_cycle_anchor == moment("2027-06-01")
    _, invoice = await mine.invoices(subscription.id)
    assert (invoice.amount_paid, invoice.status) == (2450, "paid")
    kinds = await mine.events()
    for kind in ("paused", "resumed"):
        assert kinds.count(f"customer.subscription.{kind}") == 1


async def test_a_pause_may_be_billed_at_once_or_not_at_all(client: stripe.StripeClient) -> None:
    mine, subscription = await _running(client)
    await mine.to(moment("2027-04-16"))
    await client.v1.subscriptions.pause_async(subscription.id, {"invoicing_behavior": "invoice"})
    assert (await client.v1.customers.retrieve_async(mine.customer)).balance == -2450
    other, second = await _running(client)
    await client.v1.subscriptions.pause_async(
        second.id, {"bill_for": {"unused_time_from": {"type": "none"}}}
    )
    assert (await client.v1.invoice_items.list_async({"customer": other.customer})).data == []


async def test_a_pause_may_resume_within_its_periods(client: stripe.StripeClient) -> None:
    mine, subscription = await _running(client)
    await client.v1.subscriptions.pause_async(
        subscription.id, {"bill_for": {"unused_time_from": {"type": "none"}}}
    )
    await mine.to(moment("2027-05-16T12:00"))
    resumed = await client.v1.subscriptions.resume_async(
        subscription.id, {"billing_cycle_anchor": {"type": "unchanged"}}
    )
    (item,) = resumed["items"].data
    assert (shown(item.current_period_start), shown(item.current_period_end)) == (
        "2027-05-01",
        "2027-06-01",
    )
    (debit,) = (await client.v1.invoice_items.list_async({"customer": mine.customer})).data
    assert debit.amount == 2450


async def test_a_resumption_may_wait_for_its_payment(client: stripe.StripeClient) -> None:
    mine, subscription = await _running(client)
    await client.v1.subscriptions.pause_async(
        subscription.id, {"bill_for": {"unused_time_from": {"type": "none"}}}
    )
    await mine.to(moment("2027-06-01"))
    await mine.card("pm_card_chargeCustomerFail")
    waiting = await client.v1.subscriptions.resume_async(
        subscription.id, {"payment_behavior": "resume_on_payment_success"}
    )
    assert waiting.status == "paused"
    card = await mine.card()
    assert isinstance(waiting.latest_invoice, str)
    await client.v1.invoices.pay_async(waiting.latest_invoice, {"payment_method": card})
    assert (await mine.subscription(subscription.id)).status == "active"
    assert (await mine.events()).count("customer.subscription.resumed") == 1


async def test_only_what_is_paused_resumes(client: stripe.StripeClient) -> None:
    _, subscription = await _running(client)
    with pytest.raises(stripe.InvalidRequestError, match="cannot resume"):
        await client.v1.subscriptions.resume_async(subscription.id)
    await client.v1.subscriptions.pause_async(subscription.id)
    with pytest.raises(stripe.InvalidRequestError, match="cannot pause"):
        await client.v1.subscriptions.pause_async(subscription.id)
