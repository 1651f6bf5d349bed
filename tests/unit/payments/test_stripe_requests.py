"""What is sent to Stripe: whole, marked, and the same for the same wish."""

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from services.chassis.money import Money
from services.payments.checkouts import from_content
from services.payments.commerce import (
    BilledItem,
    Charge,
    EndMode,
    NewCheckout,
    NewCustomer,
    Standing,
    StandingItem,
    decode,
    encode,
    item_changes,
)
from services.payments.providers.stripe import requests
from services.payments.views import CustomerView, Marker, SubscriptionStatus, SubscriptionView

MARKER = Marker("op_1", "tollgate", "acc_1")
MARKED = {
    "tollgate_operation": "op_1",
    "tollgate_deployment": "tollgate",
    "tollgate_account": "acc_1",
}
WANTED = NewCheckout(
    items=(BilledItem("price_plan", 1), BilledItem("price_addon", 3)),
    recurring=True,
    quote="quo_1",
    subtotal=Money("eur", 4900),
    expire_time=datetime(2026, 1, 1, 12, tzinfo=UTC),
    success_url="https://shop.example.com/done",
    cancel_url="",
    customer=NewCustomer("ada@example.com", {"organization": "acme"}),
)
VIEW = SubscriptionView("sub_1", SubscriptionStatus.ACTIVE, CustomerView("cus_1"), ())


def test_a_subscriptions_page_passes_our_marker_on_to_what_it_begins() -> None:
    assert requests.checkout(WANTED, "cus_1", "", MARKER) == {
        "mode": "subscription",
        "customer": "cus_1",
        "currency": "eur",
        "line_items": [
            {"price": "price_plan", "quantity": 1},
            {"price": "price_addon", "quantity": 3},
        ],
        "success_url": "https://shop.example.com/done",
        "expires_at": 1767268800,
        "metadata": MARKED,
        "subscription_data": {"metadata": MARKED},
        "expand": ["line_items"],
    }


def test_a_single_payment_passes_our_marker_on_to_its_intent() -> None:
    params = requests.checkout(replace(WANTED, recurring=False), "cus_1", "", MARKER)
    assert params["mode"] == "payment"
    assert params["payment_intent_data"] == {"metadata": MARKED}
    assert "subscription_data" not in params


def test_a_trial_and_a_promotion_are_asked_for() -> None:
    wanted = replace(WANTED, trial_days=14, cancel_url="https://shop.example.com/")
    params = requests.checkout(wanted, "cus_1", "promo_1", MARKER)
    assert params["subscription_data"] == {"metadata": MARKED, "trial_period_days": 14}
    assert params["discounts"] == [{"promotion_code": "promo_1"}]
    assert params["cancel_url"] == "https://shop.example.com/"


def test_a_customer_carries_whose_it_is_and_no_key_that_names_nobody() -> None:
    wanted = NewCustomer("", {"organization": "acme", "user_id": "", "tollgate_account": "acc_2"})
    assert requests.customer(wanted, MARKER) == {"metadata": {"organization": "acme", **MARKED}}


def test_a_refund_is_of_what_is_left_counted_as_the_provider_counts() -> None:
    charge = Charge("pi_1", Money("isk", 500), Money("isk", 200), "re_0")
    assert requests.refund(charge, MARKER, "QUOTE_MISMATCH", further=False) == {
        "payment_intent": "pi_1",
        "amount": 30000,
        "metadata": {**MARKED, "tollgate_reason": "QUOTE_MISMATCH"},
    }
    further = requests.refund(charge, MARKER, "WHY", further=True)["metadata"]
    assert further == {"tollgate_refund_of": MARKER.operation_id, "tollgate_reason": "WHY"}


def test_a_refund_gives_back_nothing_that_a_bank_took() -> None:
    charge = Charge("pi_1", Money("eur", 500), Money("eur", 200), disputed=Money("eur", 250))
    refund = requests.refund(charge, MARKER, "WHY", further=False)
    assert refund["amount"] == 50
    assert replace(charge, disputed=Money("eur", 999)).left == Money("eur", 0)


def test_an_end_is_asked_for_and_taken_back() -> None:
    assert requests.end(EndMode.AT_PERIOD_END) == {"cancel_at_period_end": True}
    assert requests.end(EndMode.RESUME) == {"cancel_at_period_end": False}


def test_a_plan_swaps_its_price_in_place_and_addons_come_and_go() -> None:
    standing = Standing(
        VIEW,
        (
            StandingItem("si_1", "price_small", 1),
            StandingItem("si_2", "price_addon", 2),
            StandingItem("si_3", "price_gone", 1),
        ),
    )
    wanted = (BilledItem("price_large", 1), BilledItem("price_addon", 5))
    assert requests.change(standing, wanted) == {
        "items": [
            {"id": "si_2", "quantity": 5},
            {"id": "si_1", "price": "price_large", "quantity": 1},
            {"id": "si_3", "deleted": True},
        ],
        "payment_behavior": "error_if_incomplete",
        "proration_behavior": "create_prorations",
    }
    more = (*wanted, BilledItem("price_gone", 1), BilledItem("price_new", 2))
    assert requests.change(standing, more) == {
        "items": [
            {"id": "si_2", "quantity": 5},
            {"id": "si_1", "price": "price_large", "quantity": 1},
            {"quantity": 2, "price": "price_new"},
        ],
        "payment_behavior": "error_if_incomplete",
        "proration_behavior": "create_prorations",
    }


def test_what_is_billed_already_is_no_change() -> None:
    standing = Standing(VIEW, (StandingItem("si_1", "a", 1), StandingItem("si_2", "b", 2)))
    assert requests.change(standing, (BilledItem("b", 2), BilledItem("a", 1))) is None


billed = st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 9), min_size=1)


@given(billed, billed)
def test_changes_lead_from_any_bill_to_any_other(
    before: dict[str, int], after: dict[str, int]
) -> None:
    standing = tuple(
        StandingItem(f"si_{price}", price, quantity) for price, quantity in before.items()
    )
    wanted = tuple(BilledItem(price, quantity) for price, quantity in after.items())
    bill = {item.id: (item.price_id, item.quantity) for item in standing}
    for number, change in enumerate(item_changes(standing, wanted)):
        if not change.quantity:
            del bill[change.item_id]
            continue
        known = bill.get(change.item_id, (change.price_id, 0))
        name = change.item_id or f"new_{number}"
        bill[name] = (change.price_id or known[0], change.quantity)
    assert sorted(bill.values()) == sorted(after.items())
    kept = sum(item.id in bill for item in standing)
    assert kept >= min(len(before), len(after))


def test_what_was_asked_for_is_read_back_from_its_row() -> None:
    assert from_content(decode(encode(WANTED.content))) == WANTED
