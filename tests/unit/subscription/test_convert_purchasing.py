"""What buying, changing and entitlement read from the wire and write to it."""

from datetime import UTC, datetime

import pytest

from services.chassis.errors import InvalidArgument
from services.chassis.facts import FactRecord
from services.chassis.money import Money
from services.subscription import convert
from services.subscription.domain import (
    CapacityOrdered,
    Order,
    OrderedSubscription,
    Phase,
    PurchaseStatus,
    State,
)
from services.subscription.entitlement import Entitlement, Grant, Lack, Upgrade, Validation
from services.subscription.incoming import CheckoutPaid
from services.subscription.offers import AddonQuantity, CapacityKind, Terms
from services.subscription.ports import EndMode, Interval, Plan, Price
from services.subscription.purchasing import Verified
from tests.fakes.subscription_world import namespace
from tollgate.payments.v1 import events_pb2 as payments_pb
from tollgate.pricing.v1 import pricing_pb2
from tollgate.subscription.v1 import events_pb2, subscription_pb2
from tollgate.subscription.v1 import subscription_service_pb2 as pb

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_an_order_tells_of_its_subscription_on_the_wire() -> None:
    told = OrderedSubscription(
        subscription="tsub_1",
        state=State.CANCELING,
        plan_display_name="Basic",
        addons=(AddonQuantity("shop/more", 2),),
        provider="stripe",
        provider_subscription_id="sub_1",
        provider_customer_id="cus_1",
        begin_time=NOW,
    )
    order = Order("acc_1", 1, 1, 7, Phase.RUNNING, "shop/basic", namespace(3), holding=told)
    fact = convert.to_record(CapacityOrdered(order, NOW), "")
    message = events_pb2.CapacityOrdered.FromString(fact.payload).subscription
    assert (message.subscription, message.state) == ("tsub_1", subscription_pb2.STATE_CANCELING)
    assert [(one.addon, one.quantity) for one in message.addons] == [("shop/more", 2)]
    assert message.begin_time.ToDatetime(tzinfo=UTC) == NOW
    assert not message.HasField("suspend_time")


def test_the_quote_of_a_checkout_is_read() -> None:
    message = payments_pb.CheckoutPaid(checkout_id="cs_1", quote="quo_1", operation_id="op_1")
    message.customer.provider, message.customer.provider_account = "stripe", "acct_1"
    message.pay_time.FromDatetime(NOW)
    name = message.DESCRIPTOR.full_name
    fact = convert.from_record(FactRecord("f", "k", 0, name, message.SerializeToString()))
    assert isinstance(fact, CheckoutPaid)
    assert (fact.quote, fact.operation_id) == ("quo_1", "op_1")


def test_a_purchase_is_monthly_unless_it_says_otherwise_and_its_key_is_not_in_its_digest() -> None:
    first = convert.from_buy_request(pb.CreateSubscriptionRequest(plan="a/b", request_id="r1"))
    second = convert.from_buy_request(pb.CreateSubscriptionRequest(plan="a/b", request_id="r2"))
    year = pb.CreateSubscriptionRequest(plan="a/b", interval=pricing_pb2.INTERVAL_YEAR)
    other = convert.from_buy_request(year)
    assert (first.interval, other.interval) == (Interval.MONTH, Interval.YEAR)
    assert first.request_hash == second.request_hash != other.request_hash
    unknown = pb.CreateSubscriptionRequest()
    unknown.MergeFromString(b"\x28\x63")
    with pytest.raises(InvalidArgument):
        convert.from_buy_request(unknown)


def test_add_ons_count_only_where_they_replace_what_is_held() -> None:
    more = pricing_pb2.AddonQuantity(addon="a/more", quantity=2)
    replaced = pb.UpdateSubscriptionRequest(name="tsub_1", replace_addons=True, addons=[more])
    assert convert.from_update_request(replaced).addons == (AddonQuantity("a/more", 2),)
    none_left = pb.UpdateSubscriptionRequest(name="tsub_1", replace_addons=True)
    assert convert.from_update_request(none_left).addons == ()
    assert convert.from_update_request(pb.UpdateSubscriptionRequest(name="tsub_1")).addons is None
    with pytest.raises(InvalidArgument) as caught:
        convert.from_update_request(pb.UpdateSubscriptionRequest(addons=[more]))
    assert [bad.field for bad in caught.value.fields] == ["addons"]


@pytest.mark.parametrize(
    ("mode", "read"),
    [
        (pb.CancelSubscriptionRequest.MODE_UNSPECIFIED, EndMode.AT_PERIOD_END),
        (pb.CancelSubscriptionRequest.MODE_AT_PERIOD_END, EndMode.AT_PERIOD_END),
        (pb.CancelSubscriptionRequest.MODE_NOW, EndMode.NOW),
        (pb.CancelSubscriptionRequest.MODE_RESUME, EndMode.RESUME),
    ],
)
def test_every_way_to_end_is_read(
    mode: pb.CancelSubscriptionRequest.Mode.ValueType, read: EndMode
) -> None:
    request = pb.CancelSubscriptionRequest(name="tsub_1", mode=mode)
    assert convert.from_cancel_request(request).mode is read


def test_what_was_given_back_has_a_status_of_its_own() -> None:
    given_back = subscription_pb2.Purchase.STATUS_REFUNDED
    assert convert.from_purchase_status(given_back) is PurchaseStatus.REFUNDED


def test_a_page_that_nothing_is_known_of_here_waits() -> None:
    message = convert.to_proto_verified(Verified(verified=True))
    assert (message.verified, message.state, message.plan) == (
        True,
        subscription_pb2.STATE_INCOMPLETE,
        "",
    )


def test_an_entitlement_of_nobody_is_written_with_what_would_be_enough() -> None:
    free = Grant("shop/free", Terms("Free", "basic", ("site",)))
    price = Price(Money("usd", 2900), Interval.MONTH, {"stripe": "price_1"})
    plan = Plan("shop/top", "v1", Terms("Top", "premium"), CapacityKind.NOTHING, [price])
    message = convert.to_proto_validation(
        Validation(
            Entitlement(None, free, ("site",)),
            Lack.SUBSCRIPTION_REQUIRED,
            "This needs more.",
            ("mail",),
            Upgrade(plan, price),
        )
    )
    held = message.entitlement
    assert (message.valid, message.reason) == (False, "SUBSCRIPTION_REQUIRED")
    assert (held.account, held.plan, held.tier, held.state) == ("", "shop/free", "basic", 0)
    assert not held.HasField("next_billing_time")
    assert (message.upgrade.display_name, message.upgrade.price.amount.minor_units) == ("Top", 2900)
    assert list(message.missing_features) == ["mail"]
    met = convert.to_proto_validation(Validation(Entitlement(None, free, ())))
    assert (met.valid, met.reason, met.HasField("upgrade")) == (True, "", False)
