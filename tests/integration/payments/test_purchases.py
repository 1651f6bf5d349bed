"""Pages, changes, ends and refunds through the real process, at the sandbox of the provider."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from services.chassis.errors import (
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    Refusal,
    is_transient,
)
from tests.integration.payments.stack import Stack
from tests.integration.postgres_fixture import Database
from tollgate.common.v1.money_pb2 import Money
from tollgate.payments.v1 import events_pb2
from tollgate.payments.v1 import payments_service_pb2 as pb
from tollgate.payments.v1.payments_pb2 import BilledItem, Checkout

if TYPE_CHECKING:
    from tollgate.payments.v1.payments_service_pb2_grpc import PaymentsServiceAsyncStub

ACCOUNT = "acc_acme"
MODES = pb.EndSubscriptionRequest


@pytest.fixture
async def seller(stack: Stack) -> "PaymentsServiceAsyncStub":
    process = await stack.launch()
    await process.logged("The provider's key is verified.")
    return stack.seller(process)


def ask(price: str, amount: int, **more: Any) -> pb.CreateCheckoutRequest:
    ends = Timestamp()
    ends.FromDatetime(datetime.now(UTC) + timedelta(hours=1))
    told: dict[str, Any] = {
        "account": ACCOUNT,
        "identity": {"organization": "acme"},
        "email": "ada@example.com",
        "items": [BilledItem(price_id=price, quantity=1)],
        "recurring": True,
        "quote": "quo_1",
        "subtotal": Money(currency="eur", minor_units=amount),
        "expire_time": ends,
        "success_url": "https://shop.example.com/done?id={CHECKOUT_SESSION_ID}",
        "cancel_url": "https://shop.example.com/",
    }
    return pb.CreateCheckoutRequest(**(told | more))


async def pay(stack: Stack, checkout: Checkout) -> None:
    await stack.pay({"url": checkout.url})


async def sessions(stack: Stack, status: str = "") -> list[dict[str, Any]]:
    found = await stack.get(
        "/v1/checkout/sessions", limit="100", **({"status": status} if status else {})
    )
    listed: list[dict[str, Any]] = found["data"]
    return listed


async def bought(
    stack: Stack, seller: "PaymentsServiceAsyncStub", price: str, **more: Any
) -> events_pb2.CheckoutPaid:
    """Buy at the hosted page; returns the fact."""
    page = (await seller.CreateCheckout(ask(price, 4900, **more))).checkout
    await pay(stack, page)
    await stack.consumer.wait_for(lambda _facts: bool(stack.consumer.of_type("CheckoutPaid")))
    (paid,) = stack.consumer.of_type("CheckoutPaid")
    assert isinstance(paid, events_pb2.CheckoutPaid)
    return paid


async def test_a_purchase_tells_its_account_operation_and_quote_in_every_fact(
    stack: Stack, seller: "PaymentsServiceAsyncStub"
) -> None:
    price = await stack.price(4900)
    page = (await seller.CreateCheckout(ask(price, 4900, request_id="r1"))).checkout
    assert (page.state, page.account, page.quote) == (Checkout.STATE_OPEN, ACCOUNT, "quo_1")
    assert (page.subtotal.currency, page.subtotal.minor_units) == ("eur", 4900)
    assert page.url
    await pay(stack, page)
    await stack.consumer.wait_for(
        lambda _facts: (
            bool(stack.consumer.of_type("CheckoutPaid"))
            and bool(stack.consumer.of_type("InvoicePaid"))
            and bool(stack.consumer.of_type("ProviderSubscription"))
        )
    )
    (paid,) = stack.consumer.of_type("CheckoutPaid")
    assert isinstance(paid, events_pb2.CheckoutPaid)
    assert (paid.operation_id, paid.quote) == (page.operation, "quo_1")
    assert paid.customer.identity == {"organization": "acme"}
    told = [
        message.customer.account_id
        for name in ("CheckoutPaid", "InvoicePaid", "ProviderSubscription")
        for message in stack.consumer.of_type(name)
        if hasattr(message, "customer")
    ]
    assert set(told) == {ACCOUNT}
    shown = await seller.GetCheckout(
        pb.GetCheckoutRequest(account=ACCOUNT, checkout_id=page.checkout_id)
    )
    assert (shown.checkout.state, shown.checkout.paid) == (Checkout.STATE_COMPLETE, True)
    assert shown.checkout.provider_subscription_id == paid.provider_subscription_id
    assert shown.checkout.url == ""


async def test_a_replay_is_the_same_page_and_other_content_under_its_key_is_refused(
    stack: Stack, seller: "PaymentsServiceAsyncStub", database: Database
) -> None:
    price = await stack.price(4900)
    request = ask(price, 4900, request_id="r1")
    first = (await seller.CreateCheckout(request)).checkout
    again = (await seller.CreateCheckout(request)).checkout
    assert again == first
    request.items[0].quantity = 2
    with pytest.raises(InvalidArgument) as refused:
        await seller.CreateCheckout(request)
    assert refused.value.reason == "IDEMPOTENCY_KEY_REUSED"
    assert len(await sessions(stack)) == 1
    connection = await asyncpg.connect((await database.service("payments")).owner)
    try:
        for table in ("operations", "checkouts", "idempotency", "audit"):
            rows = await connection.fetch(f"SELECT t::text AS row FROM {table} t")  # noqa: S608
            assert rows
            assert not any(first.url in row["row"] for row in rows)
    finally:
        await connection.close()


async def test_the_same_ask_is_given_the_open_page_and_another_replaces_it(
    stack: Stack, seller: "PaymentsServiceAsyncStub"
) -> None:
    small, large = await stack.price(4900), await stack.price(9900)
    request = ask(small, 4900)
    first = (await seller.CreateCheckout(request)).checkout
    same = (await seller.CreateCheckout(request)).checkout
    assert (same.checkout_id, same.operation) == (first.checkout_id, first.operation)
    other = (await seller.CreateCheckout(ask(large, 9900, quote="quo_2"))).checkout
    assert other.checkout_id != first.checkout_id
    assert other.customer_id == first.customer_id
    assert [one["id"] for one in await sessions(stack, "open")] == [other.checkout_id]


async def test_eight_at_once_make_one_customer_and_one_open_page(
    stack: Stack, seller: "PaymentsServiceAsyncStub"
) -> None:
    price = await stack.price(4900)
    request = ask(price, 4900)
    pages = await asyncio.gather(*(seller.CreateCheckout(request) for _ in range(8)))
    assert len({page.checkout.checkout_id for page in pages}) == 1
    assert len((await stack.get("/v1/customers"))["data"]) == 1
    assert len(await sessions(stack)) == 1


async def test_eight_different_asks_at_once_leave_one_customer_and_one_open_page(
    stack: Stack, seller: "PaymentsServiceAsyncStub"
) -> None:
    price = await stack.price(4900)
    asks = [ask(price, 4900, quote=f"quo_{number}") for number in range(8)]
    pages = await asyncio.gather(*(seller.CreateCheckout(one) for one in asks))
    assert len({page.checkout.checkout_id for page in pages}) == 8
    assert len((await stack.get("/v1/customers"))["data"]) == 1
    assert len(await sessions(stack, "open")) == 1


async def test_a_page_that_was_paid_a_moment_ago_is_not_replaced(
    stack: Stack, seller: "PaymentsServiceAsyncStub"
) -> None:
    small, large = await stack.price(4900), await stack.price(9900)
    await stack.sandbox("delivery", {"loss": 1.0})
    page = (await seller.CreateCheckout(ask(small, 4900))).checkout
    await pay(stack, page)
    for again in (ask(large, 9900, quote="quo_2"), ask(small, 4900)):
        with pytest.raises(FailedPrecondition) as refused:
            await seller.CreateCheckout(again)
        assert refused.value.reason == "CHECKOUT_COMPLETED"
    assert len(await sessions(stack)) == 1


async def test_a_price_that_is_not_what_was_quoted_is_refused_and_its_page_shut(
    stack: Stack, seller: "PaymentsServiceAsyncStub"
) -> None:
    price = await stack.price(4900)
    request = ask(price, 5900, request_id="r1")
    for number in range(2):
        with pytest.raises(FailedPrecondition) as refused:
            await seller.CreateCheckout(request)
        assert refused.value.reason == "QUOTE_MISMATCH", number
    assert [one["status"] for one in await sessions(stack)] == ["expired"]
    page = (await seller.CreateCheckout(ask(price, 4900))).checkout
    assert page.state == Checkout.STATE_OPEN


async def test_a_price_of_several_currencies_is_charged_in_the_quotes(
    stack: Stack, seller: "PaymentsServiceAsyncStub"
) -> None:
    price = await stack.price(
        5500, currency="usd", **{"currency_options[eur][unit_amount]": "4900"}
    )
    paid = await bought(stack, seller, price)
    assert (paid.subtotal.currency, paid.subtotal.minor_units) == ("eur", 4900)


async def test_a_trial_is_compared_by_its_list_price_and_so_told(
    stack: Stack, seller: "PaymentsServiceAsyncStub"
) -> None:
    price = await stack.price(4900)
    with pytest.raises(FailedPrecondition):
        await seller.CreateCheckout(ask(price, 100, trial_days=14))
    paid = await bought(stack, seller, price, trial_days=14)
    assert (paid.subtotal.minor_units, paid.total.minor_units) == (4900, 0)
    found = await stack.get(f"/v1/subscriptions/{paid.provider_subscription_id}")
    assert found["status"] == "trialing"


async def test_a_promotion_code_is_looked_up_and_lowers_what_is_charged(
    stack: Stack, seller: "PaymentsServiceAsyncStub"
) -> None:
    price = await stack.price(4900)
    coupon = await stack.call("/v1/coupons", percent_off="50", duration="once")
    form = {"promotion[type]": "coupon", "promotion[coupon]": coupon["id"], "code": "HALF"}
    await stack.call("/v1/promotion_codes", **form)
    with pytest.raises(InvalidArgument) as refused:
        await seller.CreateCheckout(ask(price, 4900, promotion_code="NONE"))
    assert refused.value.reason == "PROMOTION_CODE_INVALID"
    paid = await bought(stack, seller, price, promotion_code="HALF")
    assert (paid.subtotal.minor_units, paid.total.minor_units) == (4900, 2450)


async def test_what_the_provider_failed_after_doing_it_is_found_and_not_done_twice(
    stack: Stack, seller: "PaymentsServiceAsyncStub"
) -> None:
    price = await stack.price(4900)
    for path in ("/v1/customers", "/v1/checkout/sessions"):
        fault = {"status": 500, "count": 1, "method": "POST", "path": path, "applied": True}
        await stack.sandbox("faults", fault)
    page = (await seller.CreateCheckout(ask(price, 4900))).checkout
    assert page.url
    assert [one["id"] for one in await sessions(stack)] == [page.checkout_id]
    assert len((await stack.get("/v1/customers"))["data"]) == 1


async def test_what_the_provider_failed_before_doing_it_is_done_under_a_new_key(
    stack: Stack, seller: "PaymentsServiceAsyncStub"
) -> None:
    price = await stack.price(4900)
    fault = {"status": 500, "count": 1, "method": "POST", "path": "/v1/checkout/sessions"}
    await stack.sandbox("faults", fault)
    page = (await seller.CreateCheckout(ask(price, 4900))).checkout
    assert [one["id"] for one in await sessions(stack)] == [page.checkout_id]


async def test_an_operation_whose_process_was_killed_is_carried_out_by_the_next(
    stack: Stack,
) -> None:
    first = await stack.launch()
    await first.logged("The provider's key is verified.")
    price = await stack.price(4900)
    request = ask(price, 4900, request_id="r1")
    # The provider is away for the call, so the row stands and the call is not known to be made.
    fault = {"status": 503, "count": 1000, "method": "POST", "path": "/v1/checkout/sessions"}
    await stack.sandbox("faults", fault)
    with pytest.raises(Refusal) as failed:
        await stack.seller(first).CreateCheckout(request)
    assert is_transient(failed.value)
    await first.kill()
    await stack.http.delete(stack.stripe.url + "/sandbox/faults")
    second = await stack.launch()
    await second.logged("The provider's key is verified.")
    page = (await stack.seller(second).CreateCheckout(request, timeout=30)).checkout
    assert [one["id"] for one in await sessions(stack)] == [page.checkout_id]
    assert page.url


async def test_a_subscription_is_changed_in_place_ended_and_resumed(
    stack: Stack, seller: "PaymentsServiceAsyncStub"
) -> None:
    small, large, addon = [await stack.price(amount) for amount in (4900, 9900, 500)]
    paid = await bought(stack, seller, small)
    name = {"account": ACCOUNT, "provider_subscription_id": paid.provider_subscription_id}
    items = [BilledItem(price_id=large, quantity=1), BilledItem(price_id=addon, quantity=3)]
    request = pb.ChangeSubscriptionRequest(
        account=ACCOUNT,
        provider_subscription_id=paid.provider_subscription_id,
        items=items,
        request_id="c1",
    )
    for _ in range(2):
        changed = (await seller.ChangeSubscription(request)).subscription
        billed = [(item.price_id, item.quantity) for item in changed.items]
        assert sorted(billed) == sorted([(large, 1), (addon, 3)])
    ending = await seller.EndSubscription(MODES(**name, mode=MODES.MODE_AT_PERIOD_END))
    assert ending.subscription.cancel_at_period_end
    going_on = await seller.EndSubscription(MODES(**name, mode=MODES.MODE_RESUME))
    assert not going_on.subscription.cancel_at_period_end
    over = await seller.EndSubscription(MODES(**name, mode=MODES.MODE_NOW))
    assert over.subscription.status == events_pb2.ProviderSubscription.STATUS_CANCELED
    with pytest.raises(FailedPrecondition) as refused:
        await seller.EndSubscription(MODES(**name, mode=MODES.MODE_RESUME))
    assert refused.value.reason == "SUBSCRIPTION_OVER"
    name["account"] = "acc_other"
    with pytest.raises(NotFound) as unknown:
        await seller.EndSubscription(MODES(**name, mode=MODES.MODE_NOW))
    assert unknown.value.reason == "UNKNOWN_SUBSCRIPTION"


async def test_the_portal_opens_for_a_customer_and_for_nobody_else(
    stack: Stack, seller: "PaymentsServiceAsyncStub"
) -> None:
    request = pb.CreatePortalSessionRequest(account=ACCOUNT, return_url="https://shop.example.com/")
    with pytest.raises(FailedPrecondition) as refused:
        await seller.CreatePortalSession(request)
    assert refused.value.reason == "NO_CUSTOMER"
    await seller.CreateCheckout(ask(await stack.price(4900), 4900))
    assert (await seller.CreatePortalSession(request)).url.startswith(stack.stripe.url)


async def test_a_refund_ends_the_subscription_and_is_made_once(
    stack: Stack, seller: "PaymentsServiceAsyncStub"
) -> None:
    paid = await bought(stack, seller, await stack.price(4900))
    request = pb.RefundCheckoutRequest(
        checkout_id=paid.checkout_id, reason="QUOTE_MISMATCH", request_id="f1"
    )
    first = await seller.RefundCheckout(request)
    again = await seller.RefundCheckout(request)
    request.request_id = "f2"
    other = await seller.RefundCheckout(request)
    assert first.refund_id
    assert first == again == other
    assert (first.amount.currency, first.amount.minor_units) == ("eur", 4900)
    found = await stack.get(f"/v1/subscriptions/{paid.provider_subscription_id}")
    assert found["status"] == "canceled"
    assert len((await stack.get("/v1/refunds"))["data"]) == 1
    await stack.consumer.wait_for(lambda _facts: bool(stack.consumer.of_type("PaymentReversed")))
    (back,) = stack.consumer.of_type("PaymentReversed")
    assert isinstance(back, events_pb2.PaymentReversed)
    assert (back.kind, back.amount.minor_units) == (events_pb2.PaymentReversed.KIND_REFUND, 4900)
    assert (back.customer.account_id, back.reversal_id) == (ACCOUNT, first.refund_id)
    assert back.checkout_id == paid.checkout_id
    assert back.provider_subscription_id == paid.provider_subscription_id
    assert back.invoice_id == paid.invoice_id


async def reversals(stack: Stack, count: int) -> list[events_pb2.PaymentReversed]:
    """Wait until so many movements were told."""
    await stack.consumer.wait_for(
        lambda _facts: len(stack.consumer.of_type("PaymentReversed")) >= count
    )
    told = stack.consumer.of_type("PaymentReversed")
    return [one for one in told if isinstance(one, events_pb2.PaymentReversed)]


async def test_a_dispute_takes_the_money_and_one_that_is_won_gives_it_back(
    stack: Stack, seller: "PaymentsServiceAsyncStub"
) -> None:
    page = (await seller.CreateCheckout(ask(await stack.price(4900), 4900))).checkout
    await stack.pay({"url": page.url}, number="4000000000000259")
    (taken,) = await reversals(stack, 1)
    assert taken.kind == events_pb2.PaymentReversed.KIND_DISPUTE
    assert (taken.checkout_id, taken.customer.account_id) == (page.checkout_id, ACCOUNT)
    assert (taken.amount.minor_units, taken.paid.minor_units) == (4900, 4900)
    evidence = {"evidence[uncategorized_text]": "winning_evidence"}
    await stack.call(f"/v1/disputes/{taken.reversal_id}", **evidence)
    both = await reversals(stack, 2)
    won = {one.kind: one for one in both}[events_pb2.PaymentReversed.KIND_DISPUTE_WON]
    assert (won.reversal_id, won.amount.minor_units) == (taken.reversal_id, 4900)


async def test_a_page_that_nobody_paid_has_nothing_to_give_back(
    stack: Stack, seller: "PaymentsServiceAsyncStub"
) -> None:
    page = (await seller.CreateCheckout(ask(await stack.price(4900), 4900))).checkout
    request = pb.RefundCheckoutRequest(
        checkout_id=page.checkout_id, reason="QUOTE_MISMATCH", request_id="f1"
    )
    with pytest.raises(FailedPrecondition) as refused:
        await seller.RefundCheckout(request)
    assert refused.value.reason == "NOTHING_TO_REFUND"
    request.checkout_id = "cs_unknown"
    with pytest.raises(NotFound) as unknown:
        await seller.RefundCheckout(request)
    assert unknown.value.reason == "UNKNOWN_CHECKOUT"
