"""Subscription as the gateway's port, over real gRPC with a server that answers what is set."""

from typing import Any

import pytest
from google.protobuf.message import Message

from gateway.clients import GrpcSubscription
from gateway.ports import (
    AccountKind,
    AddonQuantity,
    Change,
    Interval,
    Purchase,
    Requirement,
    State,
)
from services.chassis.errors import Unavailable
from services.chassis.money import Money
from tests.unit.gateway.scripted import MARCH, Line, line, stamp, usd
from tollgate.pricing.v1 import pricing_pb2
from tollgate.subscription.v1 import subscription_pb2
from tollgate.subscription.v1 import subscription_service_pb2 as sub

__all__ = ["line"]


def proto_held(name: str = "tsub_1", state: int = subscription_pb2.STATE_ACTIVE) -> Any:
    held = subscription_pb2.Subscription(
        name=name,
        plan="kube-dc/pro-pool",
        plan_display_name="Pro Pool",
        catalog_version="v1",
        addons=[pricing_pb2.AddonQuantity(addon="kube-dc/turbo-x1", quantity=2)],
        provider_subscription_id="sub_1",
        provider_customer_id="cus_1",
        create_time=stamp(MARCH),
        begin_time=stamp(MARCH),
    )
    held.state = state  # type: ignore[assignment]  # also numbers that no version knows yet
    return held


async def test_every_page_of_a_list_is_read(line: Line) -> None:
    def answer(request: Any) -> Message:
        place = int(request.page_token or 0)
        token = str(place + 1) if place < 2 else ""
        held = [proto_held(f"tsub_{place}")]
        return sub.ListSubscriptionsResponse(subscriptions=held, next_page_token=token)

    line.script.answers["ListSubscriptions"] = answer
    found = await GrpcSubscription(line.channel).subscriptions("acc_1")
    assert [held.name for held in found] == ["tsub_0", "tsub_1", "tsub_2"]
    assert {request.account for request in line.script.asked} == {"acc_1"}


async def test_an_account_is_looked_for_until_it_is_found(line: Line) -> None:
    kinds = subscription_pb2.Account

    def answer(request: Any) -> Message:
        place = int(request.page_token or 0)
        kind = (kinds.KIND_USER, kinds.KIND_ORGANIZATION, kinds.KIND_USER)[place]
        account = kinds(name=f"acc_{place}", kind=kind, external_id="acme")
        token = str(place + 1) if place < 2 else ""
        return sub.ListAccountsResponse(accounts=[account], next_page_token=token)

    line.script.answers["ListAccounts"] = answer
    client = GrpcSubscription(line.channel)
    assert await client.find_account(AccountKind.ORGANIZATION, "acme") == "acc_1"
    assert len(line.script.asked) == 2
    asked = line.script.asked[0]
    assert (asked.kind, asked.external_id) == (kinds.KIND_ORGANIZATION, "acme")
    assert await client.find_account(AccountKind.ORGANIZATION, "nobody") == ""


async def test_a_subscription_is_read_with_what_is_set_of_it(line: Line) -> None:
    line.script.answers["ListSubscriptions"] = lambda _: sub.ListSubscriptionsResponse(
        subscriptions=[proto_held()]
    )
    (held,) = await GrpcSubscription(line.channel).subscriptions("acc_1")
    assert (held.state, held.begin_time, held.suspend_time) == (State.ACTIVE, MARCH, None)
    assert held.addons == (AddonQuantity("kube-dc/turbo-x1", 2),)
    assert (held.provider_subscription_id, held.provider_customer_id) == ("sub_1", "cus_1")


async def test_a_subscription_that_was_given_by_hand_is_read_as_such(line: Line) -> None:
    given = proto_held()
    given.assignment.actor = "root"
    line.script.answers["ListSubscriptions"] = lambda _: sub.ListSubscriptionsResponse(
        subscriptions=[proto_held(), given]
    )
    found = await GrpcSubscription(line.channel).subscriptions("acc_1")
    assert [held.assigned for held in found] == [False, True]


async def test_a_state_of_a_newer_version_is_not_guessed(line: Line) -> None:
    line.script.answers["ListSubscriptions"] = lambda _: sub.ListSubscriptionsResponse(
        subscriptions=[proto_held(state=99)]
    )
    with pytest.raises(Unavailable):
        await GrpcSubscription(line.channel).subscriptions("acc_1")


async def test_a_purchase_is_asked_for_as_it_was_wished(line: Line) -> None:
    line.script.answers["CreateSubscription"] = lambda _: sub.CreateSubscriptionResponse(
        purchasing=subscription_pb2.Purchasing(
            quote="quo_1", checkout_id="cs_1", url="https://pay", expire_time=stamp(MARCH)
        )
    )
    addons = [AddonQuantity("kube-dc/turbo-x1", 2)]
    purchase = Purchase(
        "acc_1", "kube-dc/pro-pool", addons, "eur", Interval.YEAR, "P", True, "s", "c", "k"
    )
    page = await GrpcSubscription(line.channel).buy(purchase)
    assert (page.quote, page.checkout_id, page.url) == ("quo_1", "cs_1", "https://pay")
    assert page.expire_time == MARCH
    (asked,) = line.script.asked
    assert (asked.plan, asked.interval) == ("kube-dc/pro-pool", pricing_pb2.INTERVAL_YEAR)
    assert (asked.promotion_code, asked.trial, asked.request_id) == ("P", True, "k")
    assert (asked.success_url, asked.cancel_url, asked.addons[0].quantity) == ("s", "c", 2)


async def test_a_change_keeps_the_addons_unless_it_names_some(line: Line) -> None:
    line.script.answers["UpdateSubscription"] = lambda _: sub.UpdateSubscriptionResponse(
        subscription=proto_held()
    )
    client = GrpcSubscription(line.channel)
    await client.change(Change("tsub_1", plan="kube-dc/dev-pool", request_id="k"))
    await client.change(Change("tsub_1", addons=(), validate_only=True))
    kept, emptied = line.script.asked
    assert (kept.plan, kept.replace_addons, kept.validate_only) == (
        "kube-dc/dev-pool",
        False,
        False,
    )
    assert (emptied.plan, emptied.replace_addons, emptied.validate_only) == ("", True, True)


async def test_an_end_is_at_the_period_unless_it_is_now(line: Line) -> None:
    line.script.answers["CancelSubscription"] = lambda _: sub.CancelSubscriptionResponse(
        subscription=proto_held(state=subscription_pb2.STATE_CANCELING)
    )
    client = GrpcSubscription(line.channel)
    held = await client.cancel("tsub_1", now=False, request_id="k")
    await client.cancel("tsub_1", now=True, request_id="")
    modes = sub.CancelSubscriptionRequest
    assert held.state is State.CANCELING
    assert [one.mode for one in line.script.asked] == [modes.MODE_AT_PERIOD_END, modes.MODE_NOW]


async def test_an_account_a_checkout_and_a_portal_are_asked_for_by_name(line: Line) -> None:
    line.script.answers |= {
        "CreateAccount": lambda _: sub.CreateAccountResponse(
            account=subscription_pb2.Account(name="acc_1")
        ),
        "VerifyCheckout": lambda _: sub.VerifyCheckoutResponse(
            verified=True, state=subscription_pb2.STATE_INCOMPLETE
        ),
        "CreatePortalSession": lambda _: sub.CreatePortalSessionResponse(url="https://p"),
    }
    client = GrpcSubscription(line.channel)
    account = await client.ensure_account(AccountKind.ORGANIZATION, "acme", "a@b.example")
    verified = await client.verify(account, "cs_1")
    assert (account, verified.verified, verified.state) == ("acc_1", True, State.INCOMPLETE)
    assert await client.portal(account, "https://back") == "https://p"
    made, asked, opened = line.script.asked
    assert made.kind == subscription_pb2.Account.KIND_ORGANIZATION
    assert (made.external_id, made.email) == ("acme", "a@b.example")
    assert (asked.account, asked.checkout_id) == ("acc_1", "cs_1")
    assert (opened.account, opened.return_url) == ("acc_1", "https://back")


async def test_an_entitlement_is_read_with_what_would_satisfy(line: Line) -> None:
    upgrade = subscription_pb2.Upgrade(
        plan="scaffolder/premium",
        display_name="Premium",
        tier="premium",
        price=pricing_pb2.Price(amount=usd(2900), interval=pricing_pb2.INTERVAL_MONTH),
    )
    line.script.answers["ValidateSubscription"] = lambda _: sub.ValidateSubscriptionResponse(
        valid=False,
        entitlement=subscription_pb2.Entitlement(tier="basic", features=["a"]),
        reason="TIER_TOO_LOW",
        message="more",
        missing_features=["b"],
        upgrade=upgrade,
    )
    client = GrpcSubscription(line.channel)
    held = await client.entitlement(Requirement("", "premium", ["a", "b"], "scaffolder"))
    assert (held.valid, held.tier, held.state, held.next_billing_time) == (
        False,
        "basic",
        None,
        None,
    )
    assert held.upgrade is not None
    assert held.upgrade.price is not None
    assert (held.upgrade.price.amount, held.upgrade.price.interval) == (
        Money("usd", 2900),
        Interval.MONTH,
    )
    (asked,) = line.script.asked
    assert (asked.required_tier, list(asked.required_features)) == ("premium", ["a", "b"])
    assert asked.catalog == "scaffolder"
