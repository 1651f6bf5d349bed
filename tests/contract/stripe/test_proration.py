"""Changes in the middle of a period: what they credit and debit, and when that is billed."""

import pytest
import stripe

from tests.contract.stripe.time_support import Timeline, funded, moment, shown

START, MIDDLE, END = "2027-04-01", "2027-04-16", "2027-05-01"  # a month of thirty days


async def _half_way(client: stripe.StripeClient) -> tuple[Timeline, stripe.Subscription]:
    """A monthly subscription of 49.00, half of whose period is over."""
    mine = await funded(client, START)
    subscription = await mine.subscribe()
    await mine.to(moment(MIDDLE))
    return mine, subscription


async def _pending(mine: Timeline) -> list[stripe.InvoiceItem]:
    found = await mine.client.v1.invoice_items.list_async(
        {"customer": mine.customer, "pending": True}
    )
    return found.data[::-1]


async def test_another_price_credits_the_old_and_debits_the_new_at_the_next_renewal(
    client: stripe.StripeClient,
) -> None:
    mine, subscription = await _half_way(client)
    (item,) = subscription["items"].data
    changed = await client.v1.subscriptions.update_async(
        subscription.id, {"items": [{"id": item.id, "price": "price_max"}]}
    )
    assert changed["items"].data[0].price.id == "price_max"
    credit, debit = await _pending(mine)
    assert (credit.amount, debit.amount) == (-2450, 4975)
    assert credit.proration
    assert credit.description == "Unused time on Professional after 16 Apr 2027"
    assert debit.description == "Remaining time on Max after 16 Apr 2027"
    assert (shown(debit.period.start), shown(debit.period.end)) == (MIDDLE, END)
    await mine.to(moment("2027-05-02"))
    _, renewal = await mine.invoices(subscription.id)
    assert [line.amount for line in renewal.lines.data] == [-2450, 4975, 9950]
    assert (renewal.total, renewal.status) == (12475, "paid")
    assert await _pending(mine) == []


async def test_a_credit_names_the_line_that_it_gives_back(client: stripe.StripeClient) -> None:
    mine, subscription = await _half_way(client)
    (first,) = await mine.invoices(subscription.id)
    (item,) = subscription["items"].data
    await client.v1.subscriptions.update_async(
        subscription.id, {"items": [{"id": item.id, "quantity": 3}]}
    )
    credit, debit = await _pending(mine)
    assert (credit.amount, debit.amount) == (-2450, 7350)
    assert credit.proration_details is not None
    credited = credit.proration_details.credited_items
    assert credited is not None
    assert credited.invoice_line_item_details is not None
    assert credited.invoice_line_item_details.invoice == first.id
    assert credited.invoice_line_item_details.invoice_line_items == [first.lines.data[0].id]


async def test_always_invoice_bills_the_difference_now(client: stripe.StripeClient) -> None:
    mine, subscription = await _half_way(client)
    (item,) = subscription["items"].data
    changed = await client.v1.subscriptions.update_async(
        subscription.id,
        {
            "items": [{"id": item.id, "price": "price_max"}],
            "proration_behavior": "always_invoice",
        },
    )
    _, invoice = await mine.invoices(subscription.id)
    assert (invoice.billing_reason, invoice.status) == ("subscription_update", "paid")
    assert (invoice.amount_paid, changed.latest_invoice) == (2525, invoice.id)
    assert changed["items"].data[0].current_period_end == moment(END)


async def test_a_cheaper_price_leaves_the_customer_a_credit(client: stripe.StripeClient) -> None:
    mine, subscription = await _half_way(client)
    (item,) = subscription["items"].data
    await client.v1.subscriptions.update_async(
        subscription.id,
        {"items": [{"id": item.id, "price": "price_t"}], "proration_behavior": "always_invoice"},
    )
    _, invoice = await mine.invoices(subscription.id)
    assert (invoice.total, invoice.amount_due, invoice.status) == (-2000, 0, "paid")
    assert invoice.ending_balance == -2000
    customer = await client.v1.customers.retrieve_async(mine.customer)
    assert customer.balance == -2000
    await mine.to(moment("2027-05-02"))
    *_, renewal = await mine.invoices(subscription.id)
    assert (renewal.total, renewal.amount_due, renewal.starting_balance) == (900, 0, -2000)
    assert (await client.v1.customers.retrieve_async(mine.customer)).balance == -1100


async def test_items_that_come_and_go_are_prorated(client: stripe.StripeClient) -> None:
    mine, subscription = await _half_way(client)
    more = await client.v1.subscriptions.update_async(
        subscription.id, {"items": [{"price": "price_t", "quantity": 2}]}
    )
    assert [at.amount for at in await _pending(mine)] == [900]
    added = more["items"].data[1]
    await client.v1.subscriptions.update_async(
        subscription.id, {"items": [{"id": added.id, "deleted": True}]}
    )
    assert [at.amount for at in await _pending(mine)] == [900, -900]


async def test_nothing_is_prorated_when_that_is_not_wanted(client: stripe.StripeClient) -> None:
    mine, subscription = await _half_way(client)
    (item,) = subscription["items"].data
    await client.v1.subscriptions.update_async(
        subscription.id,
        {"items": [{"id": item.id, "quantity": 2}], "proration_behavior": "none"},
    )
    assert await _pending(mine) == []


async def test_the_date_of_the_proration_may_be_given(client: stripe.StripeClient) -> None:
    mine, subscription = await _half_way(client)
    (item,) = subscription["items"].data
    await client.v1.subscriptions.update_async(
        subscription.id,
        {"items": [{"id": item.id, "quantity": 2}], "proration_date": moment("2027-04-11")},
    )
    assert [at.amount for at in await _pending(mine)] == [-3267, 6533]


async def test_another_interval_begins_a_new_period_and_is_billed_now(
    client: stripe.StripeClient,
) -> None:
    mine, subscription = await _half_way(client)
    (item,) = subscription["items"].data
    changed = await client.v1.subscriptions.update_async(
        subscription.id, {"items": [{"id": item.id, "price": "price_pro_year"}]}
    )
    (yearly,) = changed["items"].data
    assert shown(yearly.current_period_start) == MIDDLE
    assert shown(yearly.current_period_end) == "2028-04-16"
    assert changed.billing_cycle_anchor == moment(MIDDLE)
    _, invoice = await mine.invoices(subscription.id)
    assert [line.amount for line in invoice.lines.data] == [-2450, 49000]
    assert (invoice.amount_paid, invoice.status) == (46550, "paid")


async def test_the_anchor_may_be_set_to_now(client: stripe.StripeClient) -> None:
    mine, subscription = await _half_way(client)
    changed = await client.v1.subscriptions.update_async(
        subscription.id, {"billing_cycle_anchor": {"type": "now"}}
    )
    assert shown(changed["items"].data[0].current_period_end) == "2027-05-16"
    _, invoice = await mine.invoices(subscription.id)
    assert invoice.amount_paid == 4900 - 2450


async def test_a_change_that_must_be_paid_is_undone_when_it_is_not(
    client: stripe.StripeClient,
) -> None:
    mine, subscription = await _half_way(client)
    await mine.card("pm_card_chargeCustomerFail")
    (item,) = subscription["items"].data
    with pytest.raises(stripe.CardError):
        await client.v1.subscriptions.update_async(
            subscription.id,
            {
                "items": [{"id": item.id, "price": "price_max"}],
                "proration_behavior": "always_invoice",
                "payment_behavior": "error_if_incomplete",
            },
        )
    kept = await mine.subscription(subscription.id)
    assert (kept.status, kept["items"].data[0].price.id) == ("active", "price_pro")
    assert len(await mine.invoices(subscription.id)) == 1


async def test_a_change_that_is_not_paid_is_past_due(client: stripe.StripeClient) -> None:
    mine, subscription = await _half_way(client)
    await mine.card("pm_card_chargeCustomerFail")
    (item,) = subscription["items"].data
    changed = await client.v1.subscriptions.update_async(
        subscription.id,
        {
            "items": [{"id": item.id, "price": "price_max"}],
            "proration_behavior": "always_invoice",
        },
    )
    assert changed.status == "past_due"
    assert changed["items"].data[0].price.id == "price_max"


async def test_an_end_now_credits_and_bills_what_was_asked(client: stripe.StripeClient) -> None:
    mine, subscription = await _half_way(client)
    ended = await client.v1.subscriptions.cancel_async(
        subscription.id, {"prorate": True, "invoice_now": True}
    )
    assert ended.status == "canceled"
    _, invoice = await mine.invoices(subscription.id)
    assert (invoice.total, invoice.status) == (-2450, "paid")
    assert (await client.v1.customers.retrieve_async(mine.customer)).balance == -2450


async def test_single_items_are_changed_by_calls_of_their_own(client: stripe.StripeClient) -> None:
    mine, subscription = await _half_way(client)
    items = client.v1.subscription_items
    added = await items.create_async(
        {"subscription": subscription.id, "price": "price_t", "quantity": 2}
    )
    assert (added.price.id, added.quantity) == ("price_t", 2)
    fewer = await items.update_async(
        added.id, {"quantity": 1, "proration_behavior": "none", "metadata": {"a": "b"}}
    )
    assert (fewer.quantity, fewer.metadata["a"]) == (1, "b")
    assert (await items.retrieve_async(added.id)).quantity == 1
    gone = await items.delete_async(added.id)
    assert gone.deleted is True
    listed = await items.list_async({"subscription": subscription.id})
    assert [at.price.id for at in listed.data] == ["price_pro"]
    assert [at.amount for at in await _pending(mine)] == [900, -450]
