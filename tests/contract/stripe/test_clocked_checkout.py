"""Checkouts of customers on a test clock: what was agreed there is what time then bills."""

from typing import cast

import pytest
import stripe

from tests.contract.stripe.support import pay
from tests.contract.stripe.time_support import HOUR, Timeline, moment, shown, timeline

ATTACHES_AND_FAILS = "4000000000000341"
WANTS_ITS_OWNER = "4000002760003184"


async def _bought(
    mine: Timeline, *, number: str = "4242424242424242", **more: object
) -> stripe.Subscription:
    """A subscription that the customer bought on the hosted page."""
    session = await mine.client.v1.checkout.sessions.create_async(
        cast(
            "stripe.params.checkout.SessionCreateParams",
            {
                "mode": "subscription",
                "customer": mine.customer,
                "line_items": [{"price": "price_pro", "quantity": 2}],
                "success_url": "https://shop.example/ok",
                **more,
            },
        )
    )
    answer = await pay(session.url, number)
    assert answer.status_code == 303, answer.text
    done = await mine.client.v1.checkout.sessions.retrieve_async(session.id)
    assert isinstance(done.subscription, str)
    return await mine.subscription(done.subscription)


async def test_a_bought_subscription_renews_with_the_card_of_its_checkout(
    client: stripe.StripeClient,
) -> None:
    mine = await timeline(client, "2027-01-31")
    subscription = await _bought(mine)
    assert subscription.created == moment("2027-01-31")
    assert subscription.test_clock == mine.clock
    await mine.to(moment("2027-02-28") + HOUR)
    assert [at.amount_paid for at in await mine.invoices(subscription.id)] == [9800, 9800]
    renewed = await mine.subscription(subscription.id)
    assert shown(renewed["items"].data[0].current_period_end) == "2027-03-31"


async def test_a_coupon_and_a_trial_of_a_checkout_go_on_with_its_subscription(
    client: stripe.StripeClient,
) -> None:
    coupon = await client.v1.coupons.create_async(
        {"percent_off": 25, "duration": "repeating", "duration_in_months": 2}
    )
    mine = await timeline(client, "2027-01-01")
    subscription = await _bought(
        mine,
        discounts=[{"coupon": coupon.id}],
        subscription_data={"trial_period_days": 14, "metadata": {"operation": "op-1"}},
    )
    assert subscription.status == "trialing"
    assert subscription.metadata["operation"] == "op-1"
    await mine.to(moment("2027-01-16"))
    await mine.to(moment("2027-03-16"))
    paid = [at.amount_paid for at in await mine.invoices(subscription.id)]
    assert paid == [0, 7350, 7350, 9800]


@pytest.mark.parametrize("number", [ATTACHES_AND_FAILS, WANTS_ITS_OWNER])
async def test_a_card_that_fails_after_the_trial_leaves_it_past_due(
    client: stripe.StripeClient, number: str
) -> None:
    mine = await timeline(client, "2027-01-01")
    trial = {"trial_period_days": 14}
    session = await client.v1.checkout.sessions.create_async(
        {
            "mode": "subscription",
            "customer": mine.customer,
            "line_items": [{"price": "price_pro", "quantity": 1}],
            "success_url": "https://shop.example/ok",
            "subscription_data": {"trial_period_days": trial["trial_period_days"]},
        }
    )
    answer = await pay(session.url, number)
    if answer.status_code == 200:  # the bank asks first
        answer = await pay(f"{session.url}/authenticate", outcome="complete")
    assert answer.status_code == 303
    (subscription,) = (await client.v1.subscriptions.list_async({"customer": mine.customer})).data
    await mine.to(moment("2027-01-16"))
    assert (await mine.subscription(subscription.id)).status == "past_due"


async def test_a_credit_and_what_waits_stay_out_of_an_agreed_purchase(
    client: stripe.StripeClient,
) -> None:
    mine = await timeline(client, "2027-04-01")
    first = await _bought(mine)
    await mine.to(moment("2027-04-16"))
    cancel: stripe.params.SubscriptionCancelParams = {"prorate": True, "invoice_now": True}
    await client.v1.subscriptions.cancel_async(first.id, cancel)
    await client.v1.invoice_items.create_async(
        {"customer": mine.customer, "amount": 300, "currency": "usd"}
    )
    assert (await client.v1.customers.retrieve_async(mine.customer)).balance == -4900
    second = await _bought(mine)
    (invoice,) = await mine.invoices(second.id)
    assert (invoice.total, invoice.amount_paid, invoice.starting_balance) == (9800, 9800, 0)
    await mine.to(moment("2027-05-17"))
    _, renewal = await mine.invoices(second.id)
    assert (renewal.total, renewal.amount_paid) == (10100, 5200)


async def _set_up_fee(client: stripe.StripeClient) -> str:
    price = await client.v1.prices.create_async(
        {"currency": "usd", "unit_amount": 1500, "product_data": {"name": "Set-up"}}
    )
    return price.id


@pytest.mark.parametrize(
    ("trial", "paid"), [({}, [6400, 4900]), ({"trial_period_days": 31}, [1500, 4900])]
)
async def test_a_one_time_price_is_paid_with_the_first_invoice_only(
    client: stripe.StripeClient, trial: dict[str, int], paid: list[int]
) -> None:
    mine = await timeline(client, "2027-01-01")
    wanted = ["price_pro", await _set_up_fee(client)]
    subscription = await _bought(
        mine,
        line_items=[{"price": price, "quantity": 1} for price in wanted],
        subscription_data=trial,
    )
    assert [item.price.id for item in subscription["items"].data] == ["price_pro"]
    await mine.to(moment("2027-02-01") + HOUR)
    assert [at.amount_paid for at in await mine.invoices(subscription.id)] == paid


async def test_a_one_time_price_comes_with_a_subscription_made_by_a_call(
    client: stripe.StripeClient,
) -> None:
    mine = await timeline(client, "2027-01-01")
    await mine.card()
    fee = await _set_up_fee(client)
    subscription = await mine.subscribe(add_invoice_items=[{"price": fee, "quantity": 2}])
    update: stripe.params.SubscriptionUpdateParams = {"add_invoice_items": [{"price": fee}]}
    await client.v1.subscriptions.update_async(subscription.id, update)
    with pytest.raises(stripe.InvalidRequestError, match="one-time"):
        await mine.subscribe("price_max", add_invoice_items=[{"price": "price_t"}])
    await mine.to(moment("2027-02-01") + HOUR)
    paid = [at.amount_paid for at in await mine.invoices(subscription.id)]
    assert paid == [4900 + 3000, 1500 + 4900]
