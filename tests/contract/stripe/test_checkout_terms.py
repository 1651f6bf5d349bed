"""What a checkout session may agree on: trial, coupon, code, quantities, currency, an end."""

from typing import cast

import httpx
import pytest
import stripe

from deploy.sandbox.stripe import SandboxStripe
from tests.contract.stripe.pay_support import page, told, wait
from tests.contract.stripe.support import AUTHENTICATES, DECLINED, pay
from tests.contract.stripe.time_support import DAY, moment, timeline


async def session_for(client: stripe.StripeClient, **more: object) -> stripe.checkout.Session:
    params = {
        "mode": "subscription",
        "line_items": [{"price": "price_pro", "quantity": 1}],
        "success_url": "https://shop.example/ok",
        "cancel_url": "https://shop.example/back",
    }
    return await client.v1.checkout.sessions.create_async(
        cast("stripe.params.checkout.SessionCreateParams", {**params, **more})
    )


async def bought(client: stripe.StripeClient, session: stripe.checkout.Session) -> stripe.Invoice:
    """The first invoice of a paid session, its subscription expanded."""
    done = await client.v1.checkout.sessions.retrieve_async(session.id, {"expand": ["invoice"]})
    assert isinstance(done.invoice, stripe.Invoice)
    return done.invoice


async def subscription_of(
    client: stripe.StripeClient, session: stripe.checkout.Session
) -> stripe.Subscription:
    done = await client.v1.checkout.sessions.retrieve_async(
        session.id, {"expand": ["subscription"]}
    )
    assert isinstance(done.subscription, stripe.Subscription)
    return done.subscription


async def test_a_trial_asks_for_a_card_and_for_no_money_yet(client: stripe.StripeClient) -> None:
    mine = await timeline(client, "2027-01-10")
    session = await session_for(
        client, customer=mine.customer, subscription_data={"trial_period_days": 14}
    )
    assert session.amount_total == 0
    assert (await pay(session.url, DECLINED, email="")).status_code == 402
    assert (await pay(session.url, email="")).status_code == 303
    done = await client.v1.checkout.sessions.retrieve_async(session.id)
    assert (done.payment_status, done.payment_intent) == ("no_payment_required", None)
    subscription = await subscription_of(client, session)
    assert subscription.status == "trialing"
    assert subscription.trial_end == moment("2027-01-24")
    assert isinstance(subscription.default_payment_method, str)
    assert (await bought(client, session)).total == 0
    await mine.to(moment("2027-01-24T02:00"))
    begun = await mine.subscription(subscription.id)
    assert begun.status == "active"
    first, second = await mine.invoices(subscription.id)
    assert (first.amount_paid, second.amount_paid, second.status) == (0, 4900, "paid")


async def test_a_trial_without_a_card_needs_none_where_it_is_not_asked_for(
    client: stripe.StripeClient,
) -> None:
    session = await session_for(
        client,
        payment_method_collection="if_required",
        subscription_data={
            "trial_period_days": 7,
            "trial_settings": {"end_behavior": {"missing_payment_method": "cancel"}},
        },
    )
    async with httpx.AsyncClient() as browser:
        answer = await browser.post(str(session.url), data={"email": "a@example.com"})
    assert answer.status_code == 303
    subscription = await subscription_of(client, session)
    assert (subscription.status, subscription.default_payment_method) == ("trialing", None)
    assert subscription.trial_settings is not None
    assert subscription.trial_settings.end_behavior.missing_payment_method == "cancel"


async def test_a_trial_s_card_may_ask_its_owner(client: stripe.StripeClient) -> None:
    session = await session_for(client, subscription_data={"trial_period_days": 7})
    assert (await pay(session.url, AUTHENTICATES)).status_code == 200
    async with httpx.AsyncClient() as browser:
        url = f"{session.url}/authenticate"
        assert (await browser.post(url, data={"outcome": "complete"})).status_code == 303
    assert (await subscription_of(client, session)).status == "trialing"


async def test_a_coupon_is_taken_off_session_and_invoice_alike(client: stripe.StripeClient) -> None:
    coupon = await client.v1.coupons.create_async({"percent_off": 33.3, "duration": "forever"})
    session = await session_for(
        client,
        line_items=[{"price": "price_pro", "quantity": 3}, {"price": "price_max", "quantity": 1}],
        discounts=[{"coupon": coupon.id}],
    )
    assert session.amount_subtotal == 3 * 4900 + 9950
    assert session.total_details is not None
    off = session.total_details.amount_discount
    assert off == round(14700 * 0.333) + round(9950 * 0.333)
    assert session.amount_total == session.amount_subtotal - off
    assert session.discounts is not None
    assert session.discounts[0].coupon == coupon.id
    assert (await pay(session.url)).status_code == 303
    invoice = await bought(client, session)
    assert (invoice.total, invoice.amount_paid) == (session.amount_total, session.amount_total)
    subscription = await subscription_of(client, session)
    assert [at.quantity for at in subscription["items"].data] == [3, 1]
    assert len(subscription.discounts) == 1
    used = await client.v1.coupons.retrieve_async(coupon.id)
    assert used.times_redeemed == 1


async def test_a_code_may_be_entered_on_the_page(client: stripe.StripeClient) -> None:
    coupon = await client.v1.coupons.create_async(
        {"amount_off": 1900, "currency": "usd", "duration": "once"}
    )
    code = await client.v1.promotion_codes.create_async(
        {"promotion": {"type": "coupon", "coupon": coupon.id}, "code": "SPRING"}
    )
    session = await session_for(client, allow_promotion_codes=True)
    assert "promotion_code" in (await page(session.url)).text
    wrong = await pay(session.url, promotion_code="AUTUMN")
    assert (wrong.status_code, "code is invalid" in wrong.text) == (400, True)
    assert (await pay(session.url, promotion_code="spring")).status_code == 303
    invoice = await bought(client, session)
    assert (invoice.subtotal, invoice.total) == (4900, 3000)
    done = await client.v1.checkout.sessions.retrieve_async(session.id)
    assert done.discounts is not None
    assert (done.amount_total, done.discounts[0].promotion_code) == (3000, code.id)


async def test_a_code_is_not_taken_where_the_session_does_not_allow_it(
    client: stripe.StripeClient,
) -> None:
    coupon = await client.v1.coupons.create_async({"percent_off": 50, "duration": "once"})
    await client.v1.promotion_codes.create_async(
        {"promotion": {"type": "coupon", "coupon": coupon.id}, "code": "HALF"}
    )
    session = await session_for(client)
    await pay(session.url, promotion_code="HALF")
    assert (await bought(client, session)).total == 4900


async def test_all_of_it_may_be_free(client: stripe.StripeClient) -> None:
    coupon = await client.v1.coupons.create_async({"percent_off": 100, "duration": "once"})
    session = await session_for(client, discounts=[{"coupon": coupon.id}])
    assert session.amount_total == 0
    assert (await pay(session.url)).status_code == 303
    done = await client.v1.checkout.sessions.retrieve_async(session.id)
    assert done.payment_status == "no_payment_required"
    assert (await bought(client, session)).status == "paid"
    assert (await client.v1.charges.list_async()).data == []


async def test_the_payer_may_change_an_adjustable_quantity(client: stripe.StripeClient) -> None:
    adjustable = {"enabled": True, "minimum": 1, "maximum": 5}
    item = {"price": "price_pro", "quantity": 2, "adjustable_quantity": adjustable}
    session = await session_for(client, line_items=[item])
    too_many = await pay(session.url, quantity_0="6")
    assert too_many.status_code == 400
    assert (await pay(session.url, quantity_0="4")).status_code == 303
    assert (await bought(client, session)).amount_paid == 4 * 4900
    fixed = await session_for(client)
    await pay(fixed.url, quantity_0="4")
    assert (await bought(client, fixed)).amount_paid == 4900


async def test_a_price_is_sold_in_the_session_s_currency(client: stripe.StripeClient) -> None:
    price = await client.v1.prices.create_async(
        {
            "currency": "usd",
            "unit_amount": 1000,
            "recurring": {"interval": "month"},
            "product_data": {"name": "Everywhere"},
            "currency_options": {"eur": {"unit_amount": 900}},
        }
    )
    session = await session_for(
        client, line_items=[{"price": price.id, "quantity": 2}], currency="eur"
    )
    assert (session.currency, session.amount_total) == ("eur", 1800)
    await pay(session.url)
    invoice = await bought(client, session)
    assert (invoice.currency, invoice.amount_paid) == ("eur", 1800)
    with pytest.raises(stripe.InvalidRequestError, match="not available"):
        await session_for(client, currency="gbp")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"subscription_data": {"trial_period_days": 3, "trial_end": 1}}, "only specify one"),
        ({"subscription_data": {"trial_end": 1}}, "at least 2 days"),
        ({"discounts": [{"coupon": "none_such"}]}, "No such coupon"),
        ({"discounts": [{"coupon": "a"}, {"coupon": "b"}]}, "one discount"),
        ({"discounts": [{"coupon": "a"}], "allow_promotion_codes": True}, "only specify one"),
        ({"payment_intent_data": {"description": "x"}}, "payment_intent_data"),
        ({"customer_creation": "always"}, "customer_creation"),
    ],
)
async def test_terms_that_do_not_go_together_are_refused(
    client: stripe.StripeClient, more: dict[str, object], words: str
) -> None:
    with pytest.raises(stripe.InvalidRequestError, match=words):
        await session_for(client, **more)


async def test_a_session_ends_at_its_time_and_its_intent_with_it(
    sandbox: SandboxStripe, client: stripe.StripeClient
) -> None:
    session = await client.v1.checkout.sessions.create_async(
        {
            "mode": "payment",
            "line_items": [
                {
                    "price_data": {
                        "currency": "usd",
                        "unit_amount": 900,
                        "product_data": {"name": "Mug"},
                    },
                    "quantity": 1,
                }
            ],
        }
    )
    assert (await pay(session.url, DECLINED)).status_code == 402
    await wait(sandbox, DAY)
    ended = await client.v1.checkout.sessions.retrieve_async(
        session.id, {"expand": ["payment_intent"]}
    )
    assert ended.status == "expired"
    assert isinstance(ended.payment_intent, stripe.PaymentIntent)
    assert ended.payment_intent.status == "canceled"
    assert (await told(client))[-2:] == ["payment_intent.canceled", "checkout.session.expired"]


async def test_a_session_on_a_test_clock_ends_by_that_clock(client: stripe.StripeClient) -> None:
    mine = await timeline(client, "2027-01-10")
    session = await session_for(client, customer=mine.customer)
    assert session.expires_at == moment("2027-01-11")
    await mine.to(moment("2027-01-11T00:01"))
    assert (await client.v1.checkout.sessions.retrieve_async(session.id)).status == "expired"
    assert (await pay(session.url, email="")).status_code == 410
