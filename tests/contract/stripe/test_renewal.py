"""What time does to a subscription that runs: renewals, failed ones, ends."""

import pytest
import stripe

from deploy.sandbox.stripe import SandboxStripe
from tests.contract.stripe.support import admin
from tests.contract.stripe.time_support import DAY, HOUR, Timeline, funded, moment, shown

FAILS_LATER = "pm_card_chargeCustomerFail"


async def _failing(client: stripe.StripeClient) -> tuple[Timeline, stripe.Subscription]:
    """A subscription that was paid once, and whose card now attaches and fails."""
    mine = await funded(client)
    subscription = await mine.subscribe()
    await mine.card(FAILS_LATER)
    return mine, subscription


async def test_a_renewal_is_a_draft_for_an_hour_and_then_paid(
    client: stripe.StripeClient,
) -> None:
    mine = await funded(client, "2027-01-15")
    subscription = await mine.subscribe()
    await mine.to(moment("2027-02-15"))
    _, draft = await mine.invoices(subscription.id)
    assert (draft.status, draft.billing_reason) == ("draft", "subscription_cycle")
    assert draft.automatically_finalizes_at == moment("2027-02-15T01:00")
    assert (draft.amount_due, draft.auto_advance) == (4900, True)
    assert (shown(draft.period_start), shown(draft.period_end)) == ("2027-01-15", "2027-02-15")
    (line,) = draft.lines.data
    assert (shown(line.period.start), shown(line.period.end)) == ("2027-02-15", "2027-03-15")
    renewed = await mine.subscription(subscription.id)
    assert (renewed.status, renewed.latest_invoice) == ("active", draft.id)
    await mine.to(moment("2027-02-15T01:00"))
    assert draft.id is not None
    paid = await client.v1.invoices.retrieve_async(draft.id, {"expand": ["payments"]})
    assert (paid.status, paid.amount_paid, paid.attempt_count) == ("paid", 4900, 1)
    assert paid.payments is not None
    assert [at.status for at in paid.payments.data] == ["paid"]


async def test_a_renewal_tells_its_events_in_order(client: stripe.StripeClient) -> None:
    mine = await funded(client, "2027-01-15")
    await mine.subscribe()
    before = len(await mine.events())
    await mine.to(moment("2027-02-16"))
    told = [kind for kind in (await mine.events())[before:] if not kind.startswith("test_h")]
    assert told[:2] == ["invoice.created", "customer.subscription.updated"]
    for kind in ("invoice.finalized", "payment_intent.succeeded", "invoice.paid"):
        assert told.count(kind) == 1
    assert told.index("invoice.finalized") < told.index("invoice.paid")


async def test_the_renewal_s_event_says_what_changed(client: stripe.StripeClient) -> None:
    mine = await funded(client, "2027-01-15")
    subscription = await mine.subscribe()
    await mine.to(moment("2027-02-15"))
    kind = "customer.subscription.updated"
    event = (await client.v1.events.list_async({"type": kind})).data[0]
    previous = event.data.previous_attributes
    assert previous is not None
    assert previous.to_dict().keys() == {"items", "latest_invoice"}
    assert previous["latest_invoice"] == subscription.latest_invoice
    assert event.created == moment("2027-02-15")


async def test_an_anchor_on_the_last_day_comes_back_to_it(client: stripe.StripeClient) -> None:
    mine = await funded(client, "2027-01-31")
    subscription = await mine.subscribe()
    ends = [subscription["items"].data[0].current_period_end]
    for when in ("2027-02-28", "2027-03-31", "2027-04-30"):
        await mine.to(moment(when) + 2 * HOUR)
        renewed = await mine.subscription(subscription.id)
        ends.append(renewed["items"].data[0].current_period_end)
    assert [shown(end) for end in ends] == ["2027-02-28", "2027-03-31", "2027-04-30", "2027-05-31"]
    assert [at.status for at in await mine.invoices(subscription.id)] == ["paid"] * 4


async def test_two_periods_in_one_advance_are_two_invoices(client: stripe.StripeClient) -> None:
    mine = await funded(client, "2027-01-15")
    subscription = await mine.subscribe()
    await mine.to(moment("2027-03-15"))
    invoices = await mine.invoices(subscription.id)
    assert [at.status for at in invoices] == ["paid", "paid", "draft"]
    assert [shown(at.created) for at in invoices] == ["2027-01-15", "2027-02-15", "2027-03-15"]


async def test_a_draft_may_be_changed_before_its_hour_is_over(client: stripe.StripeClient) -> None:
    mine = await funded(client, "2027-01-15")
    subscription = await mine.subscribe()
    await mine.to(moment("2027-02-15"))
    _, draft = await mine.invoices(subscription.id)
    assert draft.id is not None
    await client.v1.invoices.update_async(draft.id, {"auto_advance": False})
    await mine.to(moment("2027-02-17"))
    assert (await client.v1.invoices.retrieve_async(draft.id)).status == "draft"
    await client.v1.invoices.finalize_invoice_async(draft.id)
    await client.v1.invoices.pay_async(draft.id)
    assert (await client.v1.invoices.retrieve_async(draft.id)).status == "paid"


async def test_a_failed_renewal_is_past_due_and_tried_again(client: stripe.StripeClient) -> None:
    mine, subscription = await _failing(client)
    await mine.to(moment("2027-02-28") + HOUR)
    _, invoice = await mine.invoices(subscription.id)
    assert (invoice.status, invoice.attempt_count, invoice.attempted) == ("open", 1, True)
    assert invoice.next_payment_attempt == moment("2027-03-03") + HOUR
    assert (await mine.subscription(subscription.id)).status == "past_due"
    assert (await mine.events()).count("invoice.payment_failed") == 1
    await mine.card()
    await mine.to(moment("2027-03-04"))
    _, invoice = await mine.invoices(subscription.id)
    assert (invoice.status, invoice.attempt_count) == ("paid", 2)
    assert (await mine.subscription(subscription.id)).status == "active"
    kinds = await mine.events()
    assert kinds.count("payment_intent.created") == 2  # one for each invoice, whatever it takes


@pytest.mark.parametrize(
    ("afterwards", "status"),
    [("cancel", "canceled"), ("unpaid", "unpaid"), ("past_due", "past_due")],
)
async def test_after_the_last_attempt_the_settings_decide(
    sandbox: SandboxStripe, client: stripe.StripeClient, afterwards: str, status: str
) -> None:
    wanted = {"retry_days": [1, 2], "after_retries": afterwards}
    assert (await admin(sandbox, "billing", wanted)).json() == wanted
    mine, subscription = await _failing(client)
    await mine.to(moment("2027-03-10"))
    ended = await mine.subscription(subscription.id)
    assert ended.status == status
    _, invoice = await mine.invoices(subscription.id)
    assert (invoice.status, invoice.attempt_count) == ("open", 3)
    assert (invoice.next_payment_attempt, invoice.auto_advance) == (None, False)
    if status == "canceled":
        assert ended.cancellation_details is not None
        assert ended.cancellation_details.reason == "payment_failed"
        assert (await mine.events()).count("customer.subscription.deleted") == 1


async def test_an_unpaid_subscription_s_renewals_stay_drafts_until_it_is_paid(
    sandbox: SandboxStripe, client: stripe.StripeClient
) -> None:
    await admin(sandbox, "billing", {"retry_days": [], "after_retries": "unpaid"})
    mine, subscription = await _failing(client)
    await mine.to(moment("2027-03-31"))
    await mine.to(moment("2027-04-02"))
    _, failed, draft = await mine.invoices(subscription.id)
    assert (failed.status, draft.status, draft.auto_advance) == ("open", "draft", False)
    card = await mine.card()
    assert failed.id is not None
    await client.v1.invoices.pay_async(failed.id, {"payment_method": card})
    assert (await mine.subscription(subscription.id)).status == "active"


async def test_a_card_that_wants_its_owner_leaves_an_action(client: stripe.StripeClient) -> None:
    mine = await funded(client)
    subscription = await mine.subscribe()
    await mine.card("pm_card_authenticationRequired")
    await mine.to(moment("2027-03-01"))
    assert (await mine.subscription(subscription.id)).status == "past_due"
    assert "invoice.payment_action_required" in await mine.events()


async def test_a_payment_by_hand_that_is_declined_answers_402(client: stripe.StripeClient) -> None:
    mine, subscription = await _failing(client)
    await mine.to(moment("2027-03-01"))
    _, invoice = await mine.invoices(subscription.id)
    assert invoice.id is not None
    with pytest.raises(stripe.CardError) as refused:
        await client.v1.invoices.pay_async(invoice.id)
    assert (refused.value.http_status, refused.value.code) == (402, "card_declined")
    assert (await client.v1.invoices.retrieve_async(invoice.id)).attempt_count == 2


async def test_an_open_invoice_is_voided_or_given_up(client: stripe.StripeClient) -> None:
    mine, subscription = await _failing(client)
    await mine.to(moment("2027-03-01"))
    _, invoice = await mine.invoices(subscription.id)
    assert invoice.id is not None
    lost = await client.v1.invoices.mark_uncollectible_async(invoice.id)
    assert lost.status == "uncollectible"
    gone = await client.v1.invoices.void_invoice_async(invoice.id)
    assert gone.status == "void"
    with pytest.raises(stripe.InvalidRequestError):
        await client.v1.invoices.pay_async(invoice.id)
    kinds = await mine.events()
    assert {"invoice.marked_uncollectible", "invoice.voided"} <= set(kinds)


async def test_it_ends_with_its_period_when_that_was_asked(client: stripe.StripeClient) -> None:
    mine = await funded(client, "2027-01-15")
    subscription = await mine.subscribe()
    ending: stripe.params.SubscriptionUpdateParams = {"cancel_at_period_end": True}
    await client.v1.subscriptions.update_async(subscription.id, ending)
    await mine.to(moment("2027-02-20"))
    ended = await mine.subscription(subscription.id)
    assert (ended.status, ended.ended_at) == ("canceled", moment("2027-02-15"))
    assert len(await mine.invoices(subscription.id)) == 1
    assert (await mine.events()).count("customer.subscription.deleted") == 1


async def test_it_ends_at_a_given_time(client: stripe.StripeClient) -> None:
    mine = await funded(client, "2027-01-15")
    when = moment("2027-01-20")
    subscription = await mine.subscribe(cancel_at=when)
    assert subscription.cancel_at == when
    await mine.to(when)
    assert (await mine.subscription(subscription.id)).ended_at == when
    with pytest.raises(stripe.InvalidRequestError, match="future"):
        await mine.subscribe("price_max", cancel_at=when - DAY)
