"""A whole purchase over gRPC: quote, page, payment, order, change, end, and money given back."""

import asyncio
from dataclasses import replace

import pytest

from services.chassis.errors import FailedPrecondition, PermissionDenied
from services.chassis.identity import Principal, acting
from tests.fakes.subscription_world import ADMIN
from tests.integration.subscription.stack import NOW, Stack, fact
from tests.unit.chassis.rpc.starting import program
from tollgate.payments.v1 import events_pb2 as payments_pb
from tollgate.payments.v1 import payments_pb2
from tollgate.pricing.v1 import pricing_pb2
from tollgate.subscription.v1 import subscription_pb2
from tollgate.subscription.v1 import subscription_service_pb2 as pb

BOSS = Principal(
    "boss", "user", issuer="http://idp/realms/acme", organization="acme", groups=("org-admin",)
)
WORKER = replace(BOSS, subject="worker", groups=("user",))


async def bought(stack: Stack, plan: str, key: str = "r1") -> subscription_pb2.Purchasing:
    """Begin a purchase for the organization, as its admin."""
    stub = await stack.stub()
    with acting(BOSS):
        kind = subscription_pb2.Account.KIND_ORGANIZATION
        made = await stub.CreateAccount(pb.CreateAccountRequest(kind=kind, external_id="acme"))
        request = pb.CreateSubscriptionRequest(
            account=made.account.name,
            plan=plan,
            success_url="https://shop.example/done",
            cancel_url="https://shop.example/",
            request_id=key,
        )
        return (await stub.CreateSubscription(request)).purchasing


async def pay(stack: Stack, page: subscription_pb2.Purchasing, price: str, cents: int) -> str:
    """Let the page be paid, and payments tell of it; return the account."""
    made = stack.payments.pages[page.checkout_id]
    made.state, made.paid = payments_pb2.Checkout.STATE_COMPLETE, True
    made.provider_subscription_id = f"sub_{page.checkout_id}"
    message = payments_pb.CheckoutPaid(
        checkout_id=page.checkout_id,
        provider_subscription_id=made.provider_subscription_id,
        operation_id=made.operation,
        quote=made.quote,
    )
    message.customer.provider, message.customer.provider_account = "stripe", "acct_1"
    message.customer.customer_id, message.customer.account_id = "cus_1", made.account
    message.items.add(price_id=price, quantity=1)
    message.subtotal.currency, message.subtotal.minor_units = "usd", cents
    message.pay_time.FromDatetime(NOW)
    answers = await (await stack.sink("payments")).deliver([fact(message)])
    assert [answer.reason for answer in answers] == [""]
    return made.account


async def test_a_purchase_becomes_an_order_that_tells_of_its_subscription(stack: Stack) -> None:
    page = await bought(stack, "pools/large")
    again = await bought(stack, "pools/large")
    assert (again.checkout_id, again.url, again.quote) == (page.checkout_id, page.url, page.quote)
    request = stack.payments.requests[page.checkout_id]
    assert dict(request.identity) == {"organization": "acme"}
    assert [(item.price_id, item.quantity) for item in request.items] == [("price_large", 1)]
    assert (request.subtotal.minor_units, request.recurring) == (4900, True)
    account = await pay(stack, page, "price_large", 4900)
    [order] = await stack.provisioner.orders(1)
    assert (order.account, order.organization) == (account, "acme")
    told = order.subscription
    assert (told.plan_display_name, told.provider, told.provider_customer_id) == (
        "Large",
        "stripe",
        "cus_1",
    )
    assert told.state == subscription_pb2.STATE_ACTIVE
    stub = await stack.stub()
    with acting(WORKER):
        asked = pb.VerifyCheckoutRequest(account=account, checkout_id=page.checkout_id)
        found = await stub.VerifyCheckout(asked)
    assert (found.verified, found.state, found.plan) == (
        True,
        subscription_pb2.STATE_ACTIVE,
        "pools/large",
    )
    with acting(WORKER), pytest.raises(PermissionDenied) as caught:
        await stub.CreatePortalSession(
            pb.CreatePortalSessionRequest(account=account, return_url="https://shop.example/")
        )
    assert caught.value.reason == "ROLE_NOT_ALLOWED"
    with acting(BOSS):
        portal = await stub.CreatePortalSession(
            pb.CreatePortalSessionRequest(account=account, return_url="https://shop.example/")
        )
        with pytest.raises(FailedPrecondition) as refused:
            await bought(stack, "pools/small", "r2")
    assert portal.url == "https://portal.example/cus_1"
    assert refused.value.reason == "ACCOUNT_HAS_SUBSCRIPTION"


async def test_a_plan_is_changed_unless_it_is_too_small_and_then_ended(stack: Stack) -> None:
    account = await pay(stack, await bought(stack, "pools/large"), "price_large", 4900)
    stub = await stack.stub()
    stack.quotas.used["acme"] = {"cpu": "6", "memory": "4Gi"}
    with acting(BOSS):
        listed = await stub.ListSubscriptions(pb.ListSubscriptionsRequest(account=account))
        [sub] = listed.subscriptions
        smaller = pb.UpdateSubscriptionRequest(name=sub.name, plan="pools/small", request_id="u1")
        with pytest.raises(FailedPrecondition) as caught:
            await stub.UpdateSubscription(smaller)
        assert caught.value.metadata == {"cpu": "6 > 4"}
        smaller.replace_addons = True
        smaller.addons.append(pricing_pb2.AddonQuantity(addon="pools/turbo", quantity=1))
        smaller.request_id = "u2"
        changed = (await stub.UpdateSubscription(smaller)).subscription
        ended = await stub.CancelSubscription(pb.CancelSubscriptionRequest(name=sub.name))
    [change] = stack.payments.changes
    assert [(item.price_id, item.quantity) for item in change.items] == [
        ("price_small", 1),
        ("price_turbo", 1),
    ]
    assert (changed.plan, changed.plan_display_name) == ("pools/small", "Small")
    assert ended.subscription.state == subscription_pb2.STATE_CANCELING
    assert [end.account for end in stack.payments.ends] == [account]


async def test_a_payment_of_another_amount_is_given_back_and_nothing_is_ordered(
    stack: Stack,
) -> None:
    page = await bought(stack, "pools/large")
    await pay(stack, page, "price_large", 4800)
    stub = await stack.stub()
    with acting(ADMIN):
        async with asyncio.timeout(15):
            while True:
                [purchase] = (await stub.ListPurchases(pb.ListPurchasesRequest())).purchases
                if purchase.status == subscription_pb2.Purchase.STATUS_REFUNDED:
                    break
                await asyncio.sleep(0.05)
    assert purchase.reason == "QUOTE_MISMATCH"
    [refund] = stack.payments.refunds
    assert (refund.checkout_id, refund.reason) == (page.checkout_id, "QUOTE_MISMATCH")
    assert stack.provisioner.facts == []
    arguments = ("sweep-refunds", "--limit", "9", "--reason", "nothing more")
    async with program("services.subscription", *arguments, **stack.settings) as command:
        out, _ = await command.process.communicate()
    assert out == b"0 refunds are decided; the service gives them.\n"


async def test_an_entitlement_is_told_with_what_would_be_enough(stack: Stack) -> None:
    stub = await stack.stub()
    request = pb.ValidateSubscriptionRequest(
        required_tier="premium", required_features=["custom-resources"], catalog="sessions"
    )
    with acting(BOSS):
        lacking = await stub.ValidateSubscription(request)
    assert (lacking.valid, lacking.reason) == (False, "SUBSCRIPTION_REQUIRED")
    assert (lacking.entitlement.tier, lacking.entitlement.plan) == ("basic", "sessions/starter")
    assert (lacking.upgrade.plan, lacking.upgrade.price.amount.minor_units) == (
        "sessions/professional",
        4900,
    )
    assert list(lacking.missing_features) == ["custom-resources"]
    await pay(stack, await bought(stack, "sessions/professional"), "price_pro", 4900)
    with acting(WORKER):
        held = await stub.ValidateSubscription(request)
    assert (held.valid, held.entitlement.tier) == (True, "premium")
    assert held.entitlement.state == subscription_pb2.STATE_ACTIVE
