"""From a checkout session over the hosted page to what a payment makes."""

import asyncio
import time
from pathlib import Path

import httpx
import pytest
import stripe

from deploy.sandbox.stripe import SandboxStripe
from tests.contract.stripe.support import (
    AUTHENTICATES,
    DECLINED,
    VISA,
    Receiver,
    official,
    paid_subscription,
    pay,
    subscribe,
)


class HandClock:
    """A clock that stands until it is moved."""

    def __init__(self, now: float) -> None:
        self.now = now

    def time(self) -> float:
        return self.now


MONTH = (28 * 86400, 31 * 86400)


async def test_a_paid_subscription_makes_everything_that_belongs_to_it(
    client: stripe.StripeClient,
) -> None:
    session = await subscribe(client, "price_pro")
    assert (session.status, session.payment_status) == ("open", "unpaid")
    assert (session.amount_total, session.currency) == (4900, "usd")
    paid = await pay(session.url)
    assert paid.status_code == 303
    assert paid.headers["Location"] == f"https://shop.example/ok?session={session.id}"
    done = await client.v1.checkout.sessions.retrieve_async(
        session.id,
        {"expand": ["line_items", "customer", "invoice", "subscription.latest_invoice.payments"]},
    )
    assert (done.status, done.payment_status, done.url) == ("complete", "paid", None)
    assert done.client_reference_id == "ref-1"
    assert done.line_items is not None
    assert done.line_items.data[0].price is not None
    assert done.line_items.data[0].price.id == "price_pro"
    assert isinstance(done.customer, stripe.Customer)
    assert done.customer.email == "payer@example.com"
    subscription = done.subscription
    assert isinstance(subscription, stripe.Subscription)
    assert subscription.status == "active"
    assert subscription.metadata.to_dict() == {"operation": "op-1"}
    (item,) = subscription["items"].data
    assert MONTH[0] <= item.current_period_end - item.current_period_start <= MONTH[1]
    invoice = subscription.latest_invoice
    assert isinstance(invoice, stripe.Invoice)
    assert (invoice.status, invoice.amount_paid) == ("paid", 4900)
    assert invoice.billing_reason == "subscription_create"
    assert invoice.parent is not None
    assert invoice.parent.subscription_details is not None
    assert invoice.parent.subscription_details.subscription == subscription.id
    assert invoice.payments is not None
    intent_id = invoice.payments.data[0].payment.payment_intent
    assert isinstance(intent_id, str)
    intent = await client.v1.payment_intents.retrieve_async(intent_id)
    assert (intent.status, intent.customer) == ("succeeded", done.customer.id)
    payments = await client.v1.invoice_payments.list_async({"invoice": invoice.id})
    assert [payment.status for payment in payments.data] == ["paid"]


async def test_a_paid_subscription_tells_its_events_once(
    sandbox: SandboxStripe, client: stripe.StripeClient, receiver: Receiver
) -> None:
    await paid_subscription(client, "price_pro")
    await sandbox.delivered()
    assert sorted(receiver.types()) == sorted(
        [
            "charge.succeeded",
            "checkout.session.completed",
            "customer.created",
            "customer.subscription.created",
            "customer.updated",
            "invoice.created",
            "invoice.finalized",
            "invoice.paid",
            "invoice.payment_succeeded",
            "invoice.updated",
            "invoice_payment.paid",
            "payment_intent.created",
            "payment_intent.succeeded",
            "payment_method.attached",
        ]
    )
    by_type = {received.event().type: received.event() for received in receiver.got}
    statuses = {
        kind: by_type[kind].data.object["status"]
        for kind in ("invoice.created", "invoice.finalized", "invoice.paid")
    }
    assert list(statuses.values()) == ["draft", "open", "paid"]
    assert by_type["customer.subscription.created"].data.object["status"] == "active"
    completed = by_type["checkout.session.completed"]
    assert "line_items" not in completed.data.object
    assert (completed.livemode, completed.api_version) == (False, "2026-10-28.endive")


async def test_a_payment_in_payment_mode_makes_no_customer_unless_asked(
    client: stripe.StripeClient,
) -> None:
    session = await client.v1.checkout.sessions.create_async(
        {
            "mode": "payment",
            "line_items": [
                {
                    "price_data": {
                        "currency": "eur",
                        "unit_amount": 1250,
                        "product_data": {"name": "Mug"},
                    },
                    "quantity": 2,
                }
            ],
            "payment_intent_data": {"metadata": {"quote": "q1"}},
            "customer_email": "known@example.com",
        }
    )
    page = await pay(session.url, email="")
    assert page.status_code == 200
    assert "Payment succeeded" in page.text
    done = await client.v1.checkout.sessions.retrieve_async(
        session.id, {"expand": ["payment_intent", "customer"]}
    )
    assert (done.customer, done.subscription) == (None, None)
    assert done.customer_details is not None
    assert done.customer_details.email == "known@example.com"
    assert isinstance(done.payment_intent, stripe.PaymentIntent)
    assert done.payment_intent.amount == 2500
    assert done.payment_intent.metadata.to_dict() == {"quote": "q1"}


async def test_the_session_keeps_its_customer(client: stripe.StripeClient) -> None:
    customer = await client.v1.customers.create_async({"email": "ann@example.com"})
    session = await subscribe(client, "price_pro", customer=customer.id)
    await pay(session.url, email="")
    assert len((await client.v1.customers.list_async()).data) == 1
    found = await client.v1.subscriptions.list_async({"customer": customer.id})
    assert [item.customer for item in found.data] == [customer.id]
    invoices = await client.v1.invoices.list_async({"subscription": found.data[0].id})
    assert [item.id for item in invoices.data] == [found.data[0].latest_invoice]


@pytest.mark.parametrize(
    ("number", "words", "code"),
    [
        (DECLINED, "Your card was declined.", "card_declined"),
        ("4000000000009995", "insufficient funds", "insufficient_funds"),
        ("4000000000000069", "has expired", "expired_card"),
        ("4000000000000127", "security code is incorrect", "incorrect_cvc"),
        ("4000000000000119", "error occurred while processing", "processing_error"),
    ],
)
async def test_a_declined_card_leaves_the_session_open(
    sandbox: SandboxStripe,
    client: stripe.StripeClient,
    receiver: Receiver,
    number: str,
    words: str,
    code: str,
) -> None:
    session = await subscribe(client, "price_pro")
    page = await pay(session.url, number)
    assert page.status_code == 402
    assert words in page.text.replace("&#x27;", "'")
    assert code in page.text
    still = await client.v1.checkout.sessions.retrieve_async(session.id)
    assert (still.status, still.payment_status, still.subscription) == ("open", "unpaid", None)
    await sandbox.delivered()
    assert receiver.types() == [
        "payment_intent.created",
        "charge.failed",
        "payment_intent.payment_failed",
    ]
    assert (await pay(session.url)).status_code == 303


async def test_paying_twice_takes_the_money_once(client: stripe.StripeClient) -> None:
    session = await subscribe(client, "price_pro")
    await pay(session.url)
    again = await pay(session.url)
    assert again.status_code == 409
    assert "already paid" in again.text
    assert len((await client.v1.charges.list_async()).data) == 1


@pytest.mark.parametrize(("outcome", "status"), [("complete", 303), ("fail", 402)])
async def test_three_d_secure_asks_the_owner(
    client: stripe.StripeClient, outcome: str, status: int
) -> None:
    session = await subscribe(client, "price_pro")
    assert session.url is not None
    asked = await pay(session.url, AUTHENTICATES)
    assert asked.status_code == 200
    assert "Complete authentication" in asked.text
    assert (await client.v1.charges.list_async()).data == []
    async with httpx.AsyncClient() as browser:
        url = f"{session.url}/authenticate"
        answer = await browser.post(url, data={"outcome": outcome})
        again = await browser.post(url, data={"outcome": outcome})
    assert (answer.status_code, again.status_code) == (status, 409)
    found = await client.v1.checkout.sessions.retrieve_async(session.id)
    assert found.status == ("complete" if outcome == "complete" else "open")


async def test_an_expired_session_takes_no_money(client: stripe.StripeClient) -> None:
    session = await subscribe(client, "price_pro")
    await client.v1.checkout.sessions.expire_async(session.id)
    page = await pay(session.url)
    assert page.status_code == 410
    assert "expired" in page.text
    found = await client.v1.checkout.sessions.retrieve_async(session.id)
    assert (found.status, found.url) == ("expired", None)
    events = await client.v1.events.list_async({"type": "checkout.session.expired"})
    assert len(events.data) == 1


async def test_a_session_expires_by_itself(catalog_file: Path) -> None:
    clock = HandClock(time.time())
    async with (
        SandboxStripe(catalogs=[catalog_file], clock=clock) as sandbox,
        official(sandbox.url, sandbox.secret_key) as client,
    ):
        session = await subscribe(client, "price_pro")
        assert session.expires_at == int(clock.now) + 86400
        clock.now += 86400
        assert (await pay(session.url)).status_code == 410
        found = await client.v1.checkout.sessions.retrieve_async(session.id)
        assert found.status == "expired"
        assert (await client.v1.charges.list_async()).data == []


async def test_many_who_pay_at_once_pay_once(client: stripe.StripeClient) -> None:
    session = await subscribe(client, "price_pro")
    answers = await asyncio.gather(*(pay(session.url) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [303] + [409] * 7
    assert len((await client.v1.subscriptions.list_async()).data) == 1


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"number": "4242424242424241"}, "card number is incorrect"),
        ({"exp_year": "20"}, "expiry year"),
        ({"exp_month": "13"}, "expiry month"),
        ({"cvc": "1"}, "security code"),
        ({"email": "nobody"}, "e-mail"),
    ],
)
async def test_a_form_that_cannot_be_used_says_why(
    client: stripe.StripeClient, changed: dict[str, str], words: str
) -> None:
    session = await subscribe(client, "price_pro")
    number = changed.pop("number", VISA)
    page = await pay(session.url, number, **changed)
    assert page.status_code == 400
    assert words in page.text
    assert (await client.v1.payment_intents.list_async()).data == []


async def test_sessions_that_make_no_sense_are_refused(client: stripe.StripeClient) -> None:
    create = client.v1.checkout.sessions.create_async
    with pytest.raises(stripe.InvalidRequestError, match="recurring price"):
        await create({"mode": "payment", "line_items": [{"price": "price_pro", "quantity": 1}]})
    with pytest.raises(stripe.InvalidRequestError) as missing:
        await create({"mode": "subscription", "line_items": [{"price": "price_x", "quantity": 1}]})
    assert missing.value.param == "line_items[0][price]"
    assert (missing.value.code, missing.value.http_status) == ("resource_missing", 400)
    with pytest.raises(stripe.InvalidRequestError, match="at least 30 minutes"):
        await create(
            {
                "mode": "subscription",
                "line_items": [{"price": "price_pro", "quantity": 1}],
                "expires_at": int(time.time()) + 60,
            }
        )
    assert (await client.v1.checkout.sessions.list_async()).data == []


async def test_sessions_are_listed_and_show_their_items(client: stripe.StripeClient) -> None:
    one = await subscribe(client, "price_pro")
    two = await subscribe(client, "price_max")
    await pay(two.url)
    still_open = await client.v1.checkout.sessions.list_async({"status": "open"})
    assert [item.id for item in still_open.data] == [one.id]
    items = await client.v1.checkout.sessions.line_items.list_async(two.id)
    assert [(item.amount_total, item.description) for item in items.data] == [(9950, "Max")]
    mine = await client.v1.checkout.sessions.list_async(
        {"customer_details": {"email": "payer@example.com"}}
    )
    assert [item.id for item in mine.data] == [two.id]
