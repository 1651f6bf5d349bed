"""Stripe's objects as views: what counts as paid, and what is not guessed."""

from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pytest

from services.chassis.money import Money
from services.payments.errors import ObjectUnreadable
from services.payments.events import VerifiedEvent
from services.payments.providers.stripe.events import HANDLED
from services.payments.providers.stripe.objects import to_checkout, to_invoice, to_subscription
from services.payments.providers.stripe.provider import StripeProvider
from services.payments.providers.stripe.reading import Node, to_money
from services.payments.providers.stripe.settings import API_VERSION, StripeSettings, is_live
from services.payments.views import Marker, Proof, SubscriptionStatus
from tests.fakes.chassis import ManualClock

CUSTOMER: dict[str, Any] = {
    "id": "cus_1",
    "object": "customer",
    "email": "on-file@example.com",
    "metadata": {"user_id": "u1", "hold_did": "did:plc:1", "note": "private", "organization": ""},
}
SESSION: dict[str, Any] = {
    "id": "cs_1",
    "status": "complete",
    "payment_status": "paid",
    "mode": "subscription",
    "currency": "eur",
    "amount_subtotal": 4900,
    "amount_total": 5831,
    "customer": CUSTOMER,
    "customer_details": {"email": "typed@example.com"},
    "line_items": {
        "data": [
            {"price": {"id": "price_1"}, "quantity": 2, "amount_subtotal": 4900, "currency": "eur"}
        ],
        "has_more": False,
    },
    "invoice": {"id": "in_1", "status_transitions": {"paid_at": 1_767_225_600}},
    "subscription": {"id": "sub_1"},
    "metadata": {},
}
INVOICE: dict[str, Any] = {
    "id": "in_1",
    "status": "paid",
    "currency": "eur",
    "amount_paid": 5831,
    "attempt_count": 1,
    "billing_reason": "subscription_cycle",
    "customer": "cus_1",
    "customer_email": "typed@example.com",
    "lines": {
        "data": [
            {
                "parent": {"subscription_item_details": {"subscription": "sub_1"}},
                "period": {"start": 1_767_225_600, "end": 1_769_904_000},
            },
            {"parent": {"invoice_item_details": {}}, "period": {"start": 1, "end": 2_000_000_000}},
        ]
    },
    "parent": {"subscription_details": {"subscription": "sub_1", "metadata": {}}},
    "status_transitions": {"paid_at": 1_767_225_600},
    "metadata": {},
}
SUBSCRIPTION: dict[str, Any] = {
    "id": "sub_1",
    "status": "active",
    "customer": CUSTOMER,
    "cancel_at_period_end": True,
    "pause_collection": None,
    "items": {
        "data": [
            {
                "price": {"id": "price_1", "currency": "eur", "unit_amount": 2450},
                "quantity": 2,
                "current_period_start": 1_767_225_600,
                "current_period_end": 1_769_904_000,
            },
            {
                "price": {"id": "price_2", "currency": "eur", "unit_amount": None},
                "current_period_start": 1_767_225_700,
                "current_period_end": 1_769_904_100,
            },
        ]
    },
    "metadata": {},
}


def node(value: dict[str, Any], **changes: object) -> Node:
    return Node({**deepcopy(value), **changes}, str(value["id"]))


def test_a_complete_session_that_is_paid_counts() -> None:
    view = to_checkout(node(SESSION))
    assert view.paid
    assert (view.subtotal, view.total) == (Money("eur", 4900), Money("eur", 5831))
    assert (view.subscription_id, view.invoice_id) == ("sub_1", "in_1")
    assert view.pay_time == datetime(2026, 1, 1, tzinfo=UTC)
    (item,) = view.items
    assert (item.price_id, item.quantity, item.subtotal) == ("price_1", 2, Money("eur", 4900))


def test_the_customer_is_named_by_the_keys_that_name_somebody_and_no_others() -> None:
    customer = to_checkout(node(SESSION)).customer
    assert customer.id == "cus_1"
    assert customer.email == "typed@example.com"
    assert customer.identity == {"user_id": "u1", "hold_did": "did:plc:1"}


@pytest.mark.parametrize(
    "changes",
    [
        {"payment_status": "unpaid"},
        {"status": "open"},
        {"status": "open", "payment_status": "no_payment_required"},
        {"status": "expired"},
        {"mode": "setup", "payment_status": "no_payment_required"},
    ],
)
def test_a_status_alone_is_no_money(changes: dict[str, str]) -> None:
    assert not to_checkout(node(SESSION, **changes)).paid


def test_a_completed_session_that_asks_for_nothing_counts() -> None:
    assert to_checkout(node(SESSION, payment_status="no_payment_required")).paid


def test_a_guest_has_an_email_and_no_id() -> None:
    customer = to_checkout(node(SESSION, customer=None)).customer
    assert (customer.id, customer.email, customer.identity) == ("", "typed@example.com", {})


def test_a_deleted_customer_names_nobody() -> None:
    deleted = {"id": "cus_1", "object": "customer", "deleted": True}
    customer = to_subscription(node(SUBSCRIPTION, customer=deleted)).customer
    assert (customer.id, customer.email, customer.identity) == ("cus_1", "", {})


def test_an_invoice_pays_for_the_period_of_its_subscription_lines() -> None:
    view = to_invoice(node(INVOICE))
    assert view.paid
    assert view.subscription_id == "sub_1"
    assert view.period_start == datetime(2026, 1, 1, tzinfo=UTC)
    assert view.period_end == datetime(2026, 2, 1, tzinfo=UTC)


def test_what_a_customers_balance_covers_of_an_invoice_was_not_paid_with_it() -> None:
    covered = {"total": 5831, "amount_due": 0, "amount_paid": 0, "starting_balance": -5831}
    view = to_invoice(node(INVOICE, **covered))
    assert (view.paid, view.amount_paid) == (True, Money("eur", 0))


@pytest.mark.parametrize("status", ["draft", "open", "void", "uncollectible"])
def test_an_invoice_is_paid_only_if_it_says_so(status: str) -> None:
    assert not to_invoice(node(INVOICE, status=status)).paid


def test_a_failed_payment_gives_its_stable_reason() -> None:
    payments = {
        "data": [
            {
                "payment": {
                    "payment_intent": {
                        "last_payment_error": {
                            "code": "card_declined",
                            "decline_code": "insufficient_funds",
                        }
                    }
                }
            }
        ]
    }
    assert to_invoice(node(INVOICE, payments=payments)).failure_code == "insufficient_funds"


def test_a_subscription_spans_the_periods_of_all_its_items() -> None:
    view = to_subscription(node(SUBSCRIPTION))
    assert view.status is SubscriptionStatus.ACTIVE
    assert view.cancel_at_period_end
    assert view.period_start == datetime(2026, 1, 1, tzinfo=UTC)
    assert view.period_end == datetime(2026, 2, 1, 0, 1, 40, tzinfo=UTC)
    assert [item.subtotal for item in view.items] == [Money("eur", 4900), None]


def test_paused_collection_is_seen_although_the_status_is_active() -> None:
    paused = node(SUBSCRIPTION, pause_collection={"behavior": "void"})
    assert to_subscription(paused).collection_paused
    assert not to_subscription(node(SUBSCRIPTION)).collection_paused


@pytest.mark.parametrize("status", list(SubscriptionStatus))
def test_every_status_of_stripes_is_known(status: SubscriptionStatus) -> None:
    view = to_subscription(node(SUBSCRIPTION, status=status.value.lower()))
    assert view.status is status


def test_our_marker_is_read_from_the_subscription_that_an_invoice_is_for() -> None:
    ours = {
        "tollgate_operation": "op_1",
        "tollgate_deployment": "tollgate",
        "tollgate_account": "acc_1",
    }
    parent = {"subscription_details": {"subscription": "sub_1", "metadata": ours}}
    assert to_invoice(node(INVOICE, parent=parent)).marker == Marker("op_1", "tollgate", "acc_1")
    assert to_checkout(node(SESSION, client_reference_id="op_1")).marker is None


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "dormant"},
        {"status": None},
        {"items": None},
        {"items": {"data": [{"price": None}]}},
        {"items": {"data": ["si_1"]}},
        {"trial_end": "soon"},
        {"trial_end": 10**18},
        {"id": "sub\0"},
        {"cancel_at_period_end": "yes"},
    ],
)
def test_an_unknown_shape_is_said_and_not_guessed(changes: dict[str, object]) -> None:
    with pytest.raises(ObjectUnreadable):
        to_subscription(node(SUBSCRIPTION, **changes))


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        (4900, "eur", 4900),
        (500, "jpy", 500),
        (1234, "kwd", 1234),
        (500, "isk", 5),
        (1000, "ugx", 10),
        (15, "mga", 1500),
    ],
)
def test_amounts_become_minor_units_of_the_currency(
    amount: int, currency: str, expected: int
) -> None:
    assert to_money(amount, currency) == Money(currency, expected)


@pytest.mark.parametrize(("amount", "currency"), [(1, "xxx"), (501, "isk")])
def test_an_amount_that_does_not_convert_is_refused(amount: int, currency: str) -> None:
    with pytest.raises(ValueError, match=r"currency|convert"):
        to_money(amount, currency)


def event(version: str) -> VerifiedEvent:
    created = datetime(2026, 1, 1, tzinfo=UTC)
    return VerifiedEvent(
        "evt_1", "invoice.payment_failed", "in_1", "", False, version, created, None
    )


def test_the_attempt_is_read_from_a_payload_in_the_pinned_version_only() -> None:
    provider = StripeProvider(StripeSettings("sk_test_x", {}), ManualClock())
    body = b'{"data": {"object": {"id": "in_1", "attempt_count": 3}}}'
    assert provider.proof(event(API_VERSION), body) == Proof(payment_failed=True, attempt=3)
    assert provider.proof(event("2020-01-01"), body) == Proof(payment_failed=True)
    assert provider.proof(event(API_VERSION), None) == Proof(payment_failed=True)
    with pytest.raises(ObjectUnreadable):
        provider.proof(event(API_VERSION), b'{"data": {"object": {"attempt_count": "3"}}}')
    with pytest.raises(ObjectUnreadable):
        provider.proof(event(API_VERSION), b'{"data": 1}')


def test_each_event_type_has_a_module_of_its_own_in_the_map() -> None:
    assert all(name == kind.type for name, kind in HANDLED.items())


@pytest.mark.parametrize(
    ("key", "live"),
    [("sk_live_x", True), ("rk_live_x", True), ("sk_test_x", False), ("rk_test_x_y", False)],
)
def test_a_key_tells_its_mode(key: str, live: bool) -> None:
    assert is_live(key) is live


@pytest.mark.parametrize("key", ["", "pk_live_x", "sk_live", "sk_prod_x", "whsec_x", "sk_test_"])
def test_what_is_no_secret_key_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="secret key"):
        is_live(key)
