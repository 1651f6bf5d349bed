"""The billing portal: configurations, links, and what a customer does on the page."""

from typing import cast

import pytest
import stripe

from deploy.sandbox.stripe import SandboxStripe
from tests.contract.stripe.pay_support import page, post, told, wait
from tests.contract.stripe.support import AUTHENTICATES, DECLINED, card, paid_subscription

RETURN = "https://shop.example/account"


async def opened(
    client: stripe.StripeClient, customer: str, **more: object
) -> stripe.billing_portal.Session:
    wanted = {"customer": customer, "return_url": RETURN, **more}
    return await client.v1.billing_portal.sessions.create_async(
        cast("stripe.params.billing_portal.SessionCreateParams", wanted)
    )


async def subscribed(client: stripe.StripeClient) -> tuple[stripe.Subscription, str]:
    subscription = await paid_subscription(client, "price_pro")
    assert isinstance(subscription.customer, str)
    return subscription, subscription.customer


async def test_a_customer_cancels_and_thinks_again(client: stripe.StripeClient) -> None:
    subscription, customer = await subscribed(client)
    session = await opened(client, customer)
    shown = await page(session.url)
    assert shown.status_code == 200
    assert RETURN in shown.text
    assert "Cancel subscription" in shown.text
    done = await post(session.url, action="cancel", subscription=subscription.id)
    assert (done.status_code, done.headers["Location"]) == (303, session.url)
    ending = await client.v1.subscriptions.retrieve_async(subscription.id)
    assert (ending.status, ending.cancel_at_period_end) == ("active", True)
    assert "Keep subscription" in (await page(session.url)).text
    await post(session.url, action="keep", subscription=subscription.id)
    kept = await client.v1.subscriptions.retrieve_async(subscription.id)
    assert (kept.cancel_at_period_end, kept.cancel_at) == (False, None)
    assert (await told(client, about="customer.subscription.*"))[-2:] == [
        "customer.subscription.updated",
        "customer.subscription.updated",
    ]


async def test_a_configuration_may_cancel_at_once_and_ask_why(client: stripe.StripeClient) -> None:
    configuration = await client.v1.billing_portal.configurations.create_async(
        {
            "features": {
                "subscription_cancel": {
                    "enabled": True,
                    "mode": "immediately",
                    "cancellation_reason": {"enabled": True, "options": ["unused", "other"]},
                }
            }
        }
    )
    subscription, customer = await subscribed(client)
    session = await opened(client, customer, configuration=configuration.id)
    assert "Use this card" not in (await page(session.url)).text
    wrong = await post(
        session.url, action="cancel", subscription=subscription.id, feedback="low_quality"
    )
    assert wrong.status_code == 400
    await post(session.url, action="cancel", subscription=subscription.id, feedback="unused")
    ended = await client.v1.subscriptions.retrieve_async(subscription.id)
    assert ended.status == "canceled"
    assert ended.cancellation_details is not None
    assert ended.cancellation_details.feedback == "unused"


async def test_a_new_card_is_the_one_that_is_charged(client: stripe.StripeClient) -> None:
    subscription, customer = await subscribed(client)
    session = await opened(client, customer)
    refused = await post(session.url, action="card", **card(DECLINED))
    assert (refused.status_code, "card_declined" in refused.text) == (400, True)
    changed = await post(session.url, action="card", **card("5555555555554444"))
    assert changed.status_code == 303
    found = await client.v1.subscriptions.retrieve_async(
        subscription.id, {"expand": ["default_payment_method", "customer"]}
    )
    method = found.default_payment_method
    assert isinstance(method, stripe.PaymentMethod)
    assert method.card is not None
    assert method.card.last4 == "4444"
    assert isinstance(found.customer, stripe.Customer)
    assert found.customer.invoice_settings is not None
    assert found.customer.invoice_settings.default_payment_method == method.id
    assert "4444" in (await page(session.url)).text


async def test_a_card_s_owner_is_asked_before_it_is_used(client: stripe.StripeClient) -> None:
    subscription, customer = await subscribed(client)
    session = await opened(client, customer)
    asked = await post(session.url, action="card", **card(AUTHENTICATES))
    assert asked.status_code == 303
    before = await client.v1.subscriptions.retrieve_async(subscription.id)
    assert before.default_payment_method == subscription.default_payment_method
    back = await post(asked.headers["Location"], outcome="complete")
    assert back.headers["Location"].startswith(session.url)
    await page(back.headers["Location"])
    after = await client.v1.subscriptions.retrieve_async(subscription.id)
    assert after.default_payment_method != subscription.default_payment_method


async def test_a_customer_changes_plan_among_those_offered(client: stripe.StripeClient) -> None:
    configuration = await client.v1.billing_portal.configurations.create_async(
        {
            "features": {
                "subscription_update": {
                    "enabled": True,
                    "default_allowed_updates": ["price"],
                    "proration_behavior": "create_prorations",
                    "products": [{"product": "prod_shop_max", "prices": ["price_max"]}],
                }
            }
        }
    )
    subscription, customer = await subscribed(client)
    session = await opened(client, customer, configuration=configuration.id)
    named = {"subscription": subscription.id}
    other = await post(session.url, action="change", price="price_t", **named)
    assert other.status_code == 400
    assert (await post(session.url, action="change", price="price_max", **named)).status_code == 303
    found = await client.v1.subscriptions.retrieve_async(subscription.id)
    assert [item.price.id for item in found["items"].data] == ["price_max"]


async def test_a_link_may_be_for_one_thing_and_lead_on(client: stripe.StripeClient) -> None:
    subscription, customer = await subscribed(client)
    session = await opened(
        client,
        customer,
        flow_data={
            "type": "subscription_cancel",
            "subscription_cancel": {"subscription": subscription.id},
            "after_completion": {"type": "redirect", "redirect": {"return_url": f"{RETURN}/bye"}},
        },
    )
    shown = (await page(session.url)).text
    assert ("Cancel subscription" in shown, "Use this card" in shown) == (True, False)
    done = await post(session.url, action="cancel", subscription=subscription.id)
    assert done.headers["Location"] == f"{RETURN}/bye"


async def test_a_customer_sees_invoices_and_corrects_the_address(
    client: stripe.StripeClient,
) -> None:
    _, customer = await subscribed(client)
    session = await opened(client, customer)
    assert "49.00 USD, paid" in (await page(session.url)).text
    await post(session.url, action="details", email="new@example.com", name="Ann")
    found = await client.v1.customers.retrieve_async(customer)
    assert (found.email, found.name) == ("new@example.com", "Ann")
    assert (await post(session.url, action="details", email="nobody")).status_code == 400


async def test_nobody_changes_what_is_another_s(client: stripe.StripeClient) -> None:
    mine, _ = await subscribed(client)
    _, other = await subscribed(client)
    session = await opened(client, other)
    answer = await post(session.url, action="cancel", subscription=mine.id)
    assert answer.status_code == 400
    still = await client.v1.subscriptions.retrieve_async(mine.id)
    assert still.cancel_at_period_end is False
    with pytest.raises(stripe.InvalidRequestError, match="cannot be changed"):
        await opened(
            client,
            other,
            flow_data={
                "type": "subscription_cancel",
                "subscription_cancel": {"subscription": mine.id},
            },
        )


async def test_a_link_runs_out(sandbox: SandboxStripe, client: stripe.StripeClient) -> None:
    _, customer = await subscribed(client)
    session = await opened(client, customer)
    await wait(sandbox, 3600)
    assert (await page(session.url)).status_code == 410
    assert (await post(session.url, action="cancel")).status_code == 410


async def test_configurations_are_kept_and_changed(client: stripe.StripeClient) -> None:
    _, customer = await subscribed(client)
    first = await opened(client, customer)
    second = await opened(client, customer)
    assert first.configuration == second.configuration
    (default,) = (
        await client.v1.billing_portal.configurations.list_async({"is_default": True})
    ).data
    assert default.id == first.configuration
    with pytest.raises(stripe.InvalidRequestError, match="default configuration"):
        await client.v1.billing_portal.configurations.update_async(default.id, {"active": False})
    changed = await client.v1.billing_portal.configurations.update_async(
        default.id,
        {"features": {"subscription_cancel": {"enabled": False}}, "name": "Ours"},
    )
    assert (changed.features.subscription_cancel.enabled, changed.name) == (False, "Ours")
    assert "Cancel subscription" not in (await page(first.url)).text
    assert await told(client, about="billing_portal.*") == [
        "billing_portal.configuration.created",
        "billing_portal.session.created",
        "billing_portal.session.created",
        "billing_portal.configuration.updated",
    ]
