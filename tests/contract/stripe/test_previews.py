"""Invoice previews: what would be billed, without a trace."""

import pytest
import stripe

from tests.contract.stripe.time_support import Timeline, funded, moment, shown, timeline


async def _half_way(client: stripe.StripeClient) -> tuple[Timeline, stripe.Subscription]:
    mine = await funded(client, "2027-04-01")
    subscription = await mine.subscribe()
    await mine.to(moment("2027-04-16"))
    return mine, subscription


async def test_the_next_renewal_is_shown(client: stripe.StripeClient) -> None:
    mine, subscription = await _half_way(client)
    seen = await client.v1.invoices.create_preview_async({"subscription": subscription.id})
    assert (seen.status, seen.billing_reason, seen.amount_due) == ("draft", "upcoming", 4900)
    assert seen.id is not None
    assert seen.id.startswith("upcoming_in_")
    (line,) = seen.lines.data
    assert (shown(line.period.start), shown(line.period.end)) == ("2027-05-01", "2027-06-01")
    assert seen.created == moment("2027-05-01")
    await mine.to(moment("2027-05-02"))
    _, renewal = await mine.invoices(subscription.id)
    assert renewal.total == seen.total


async def test_a_preview_leaves_no_trace(client: stripe.StripeClient) -> None:
    mine, subscription = await _half_way(client)
    (item,) = subscription["items"].data
    before = await mine.events()
    await client.v1.invoices.create_preview_async(
        {
            "subscription": subscription.id,
            "subscription_details": {
                "items": [{"id": item.id, "price": "price_max"}],
                "proration_behavior": "always_invoice",
            },
        }
    )
    await client.v1.invoices.create_preview_async(
        {"customer": mine.customer, "subscription_details": {"items": [{"price": "price_t"}]}}
    )
    assert await mine.events() == before
    kept = await mine.subscription(subscription.id)
    assert kept.to_dict() == (await mine.subscription(subscription.id)).to_dict()
    assert kept["items"].data[0].price.id == "price_pro"
    assert len(await mine.invoices(subscription.id)) == 1
    assert (await client.v1.invoice_items.list_async({"customer": mine.customer})).data == []


@pytest.mark.parametrize(
    ("behavior", "amounts"),
    [
        ("always_invoice", [-2450, 4975]),
        ("create_prorations", [-2450, 4975, 9950]),
        ("none", [9950]),
    ],
)
async def test_a_change_costs_what_its_preview_said(
    client: stripe.StripeClient, behavior: str, amounts: list[int]
) -> None:
    mine, subscription = await _half_way(client)
    (item,) = subscription["items"].data
    details: stripe.params.InvoiceCreatePreviewParamsSubscriptionDetails = {
        "items": [{"id": item.id, "price": "price_max"}],
        "proration_behavior": behavior,
    }
    seen = await client.v1.invoices.create_preview_async(
        {"subscription": subscription.id, "subscription_details": details}
    )
    assert [line.amount for line in seen.lines.data] == amounts
    await client.v1.subscriptions.update_async(
        subscription.id,
        {"items": [{"id": item.id, "price": "price_max"}], "proration_behavior": behavior},
    )
    await mine.to(moment("2027-05-02"))
    billed = [at.total for at in await mine.invoices(subscription.id)]
    assert seen.total in billed[1:]


async def test_a_preview_at_another_time_is_prorated_to_it(client: stripe.StripeClient) -> None:
    _, subscription = await _half_way(client)
    (item,) = subscription["items"].data
    seen = await client.v1.invoices.create_preview_async(
        {
            "subscription": subscription.id,
            "subscription_details": {
                "items": [{"id": item.id, "quantity": 2}],
                "proration_behavior": "always_invoice",
                "proration_date": moment("2027-04-11"),
            },
        }
    )
    assert [line.amount for line in seen.lines.data] == [-3267, 6533]


async def test_a_recurring_preview_leaves_prorations_out(client: stripe.StripeClient) -> None:
    _, subscription = await _half_way(client)
    (item,) = subscription["items"].data
    await client.v1.subscriptions.update_async(
        subscription.id, {"items": [{"id": item.id, "quantity": 2}]}
    )
    wanted: stripe.params.InvoiceCreatePreviewParams = {"subscription": subscription.id}
    following = await client.v1.invoices.create_preview_async(wanted)
    assert following.total == -2450 + 4900 + 9800
    seen = await client.v1.invoices.create_preview_async({**wanted, "preview_mode": "recurring"})
    assert seen.total == 9800


async def test_an_end_now_is_shown_as_a_credit(client: stripe.StripeClient) -> None:
    _, subscription = await _half_way(client)
    seen = await client.v1.invoices.create_preview_async(
        {"subscription": subscription.id, "subscription_details": {"cancel_now": True}}
    )
    assert (seen.total, seen.amount_due) == (-2450, 0)


async def test_a_subscription_that_is_not_there_yet_is_shown(client: stripe.StripeClient) -> None:
    mine = await timeline(client, "2027-04-01")
    coupon = await client.v1.coupons.create_async({"percent_off": 10, "duration": "once"})
    seen = await client.v1.invoices.create_preview_async(
        {
            "customer": mine.customer,
            "discounts": [{"coupon": coupon.id}],
            "subscription_details": {"items": [{"price": "price_pro"}, {"price": "price_t"}]},
        }
    )
    assert (seen.subtotal, seen.total) == (5800, 5220)
    assert seen.parent is not None
    assert (await client.v1.coupons.retrieve_async(coupon.id)).times_redeemed == 0
    found = await client.v1.subscriptions.list_async({"customer": mine.customer, "status": "all"})
    assert found.data == []


async def test_a_preview_takes_amounts_along(client: stripe.StripeClient) -> None:
    _, subscription = await _half_way(client)
    seen = await client.v1.invoices.create_preview_async(
        {
            "subscription": subscription.id,
            "invoice_items": [{"amount": 300, "currency": "usd", "description": "Set-up"}],
        }
    )
    assert [line.amount for line in seen.lines.data] == [300, 4900]


async def test_where_nothing_comes_there_is_no_preview(client: stripe.StripeClient) -> None:
    mine, subscription = await _half_way(client)
    await client.v1.subscriptions.update_async(subscription.id, {"cancel_at_period_end": True})
    with pytest.raises(stripe.InvalidRequestError, match="No upcoming invoices") as refused:
        await client.v1.invoices.create_preview_async({"subscription": subscription.id})
    assert (refused.value.code, refused.value.http_status) == ("invoice_upcoming_none", 404)
    with pytest.raises(stripe.InvalidRequestError, match="No upcoming invoices"):
        await client.v1.invoices.create_preview_async({"customer": mine.customer})
