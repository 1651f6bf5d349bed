"""What the simulated provider asks for: trials, coupons, changes of a plan, and debits of banks."""

from datetime import timedelta
from typing import Any

import pytest

from services.chassis.money import Money
from services.payments.commerce import PageState
from services.payments.domain import ObjectRef, RootKind
from services.payments.events import VerifiedEvent
from tests.simulation.shop_counter import Wanted
from tests.simulation.shop_rows import Coupon, SessionRow
from tests.simulation.shop_street import MONTH, Street, street

__all__ = ["street"]


def _page(street: Street, **more: Any) -> SessionRow:
    counter = street.shop.counter
    customer = counter.customer("ada@example.com", {"user_id": "ada"}).id
    return counter.page(Wanted((("price_1", 1),), customer=customer, **more))


def _invoices(street: Street) -> list[tuple[str, int, str]]:
    rows = street.shop.books.invoices.values()
    return [(row.reason, row.amount.minor_units, row.state.value) for row in rows]


async def test_a_trial_asks_for_nothing_is_told_of_and_becomes_paid(street: Street) -> None:
    page = _page(street, trial_days=7)
    assert street.shop.counter.pay(page.id)
    row = street.shop.books.subscriptions[page.subscription]
    assert (row.status, row.live, page.paid, page.total.minor_units) == ("TRIALING", True, True, 0)
    await street.pass_time(timedelta(days=3.9))
    assert "customer.subscription.trial_will_end" not in street.told()
    await street.pass_time(timedelta(days=0.2))
    assert street.told().count("customer.subscription.trial_will_end") == 1
    await street.pass_time(timedelta(days=3))
    assert row.status == "ACTIVE"
    assert _invoices(street) == [
        ("subscription_create", 0, "PAID"),
        ("subscription_cycle", 4900, "PAID"),
    ]
    assert row.paid_periods == [row.period_start]


async def test_who_ends_within_a_trial_is_never_charged(street: Street) -> None:
    page = _page(street, trial_days=7)
    street.shop.counter.pay(page.id)
    street.shop.counter.end_later(page.subscription, ends=True)
    await street.pass_time(timedelta(days=8))
    assert street.shop.books.subscriptions[page.subscription].over
    assert street.shop.payments == 0


@pytest.mark.parametrize(
    ("coupon", "amounts"),
    [
        (Coupon(50), [2450, 4900]),
        (Coupon(100), [0, 4900]),
        (Coupon(20, lasts=True), [3920, 3920]),
        (Coupon(100, lasts=True), [0, 0]),
    ],
)
async def test_a_coupon_takes_its_part_off_the_first_invoice_or_off_all(
    street: Street, coupon: Coupon, amounts: list[int]
) -> None:
    page = _page(street, coupon=coupon)
    street.shop.counter.pay(page.id)
    await street.pass_time(MONTH + timedelta(hours=12))
    assert [amount for _, amount, _ in _invoices(street)] == amounts
    assert page.subtotal == Money("eur", 4900)
    assert street.shop.payments == sum(amount > 0 for amount in amounts)


async def test_a_coupon_for_one_invoice_waits_for_the_one_after_the_trial(street: Street) -> None:
    page = _page(street, trial_days=7, coupon=Coupon(50))
    street.shop.counter.pay(page.id)
    await street.pass_time(timedelta(days=8))
    assert [amount for _, amount, _ in _invoices(street)] == [0, 2450]


@pytest.mark.parametrize(
    ("at_once", "amounts"), [(True, [4900, 2500, 9900]), (False, [4900, 12400])]
)
async def test_a_larger_plan_is_charged_for_the_rest_of_its_period(
    street: Street, at_once: bool, amounts: list[int]
) -> None:
    name = street.bought()
    row = street.shop.books.subscriptions[name]
    street.clock.advance(MONTH.total_seconds() / 2)
    change = (row.items[0].id, "price_2", 1)
    assert street.shop.counter.rebill(name, [change], at_once=at_once)
    await street.pass_time(MONTH / 2 + timedelta(hours=12))
    assert [amount for _, amount, _ in _invoices(street)] == amounts
    assert len(row.paid_periods) == 2


async def test_what_a_smaller_plan_leaves_over_is_used_up_by_the_next_invoice(
    street: Street,
) -> None:
    counter = street.shop.counter
    customer = counter.customer("ada@example.com", {}).id
    page = counter.page(Wanted((("price_2", 1),), customer=customer))
    counter.pay(page.id)
    row = street.shop.books.subscriptions[page.subscription]
    street.clock.advance(MONTH.total_seconds() / 2)
    assert counter.rebill(row.id, [(row.items[0].id, "price_1", 1)], at_once=True)
    assert street.shop.books.customers[customer].balance == 2500
    await street.pass_time(MONTH / 2 + timedelta(hours=12))
    assert [amount for _, amount, _ in _invoices(street)] == [9900, 0, 2400]
    assert street.shop.books.customers[customer].balance == 0


async def test_a_change_that_a_card_does_not_pay_at_once_is_none(street: Street) -> None:
    name = street.bought()
    row = street.shop.books.subscriptions[name]
    street.shop.books.customers[row.customer].declines = True
    assert not street.shop.counter.rebill(name, [(row.items[0].id, "price_2", 1)], at_once=True)
    assert [item.price_id for item in row.items] == ["price_1"]


async def test_a_debit_completes_the_page_and_pays_it_when_it_arrives(street: Street) -> None:
    page = _page(street)
    assert street.shop.counter.debit(page.id)
    assert (page.state, page.paid) == (PageState.COMPLETE, False)
    row = street.shop.books.subscriptions[page.subscription]
    assert (row.status, row.live, street.shop.truth()) == ("ACTIVE", False, [])
    await street.pass_time(timedelta(days=4))
    assert street.shop.counter.debited(page.id, arrives=True)
    await street.pass_time(timedelta(minutes=1))
    assert (page.paid, row.live, row.paid_periods) == (True, True, [row.made])
    assert {"invoice.paid", "checkout.session.async_payment_succeeded"} <= set(street.told())
    assert not street.shop.counter.debited(page.id, arrives=False)


async def test_a_debit_that_bounces_ends_what_it_was_for(street: Street) -> None:
    page = _page(street)
    street.shop.counter.debit(page.id)
    assert street.shop.counter.debited(page.id, arrives=False)
    await street.pass_time(timedelta(minutes=1))
    row = street.shop.books.subscriptions[page.subscription]
    assert (page.paid, row.over, street.shop.payments, street.shop.truth()) == (False, True, 0, [])
    told = {"invoice.payment_failed", "checkout.session.async_payment_failed"}
    assert told <= set(street.told())


async def test_a_page_tells_what_it_began_so_that_one_fetch_answers_for_all(
    street: Street,
) -> None:
    name = street.bought()
    await street.pass_time(timedelta(minutes=1))
    told = [street.shop.provider.verify(raw) for raw in street.came]
    events = {event.type: event for event in told if isinstance(event, VerifiedEvent)}
    page = events["checkout.session.completed"]
    (invoice,) = street.shop.books.invoices
    began = {ObjectRef(RootKind.SUBSCRIPTION, name), ObjectRef(RootKind.INVOICE, invoice)}
    assert set(page.shows) == began
    follow = {event.type for event in events.values() if event.follows}
    assert {"customer.subscription.created", "invoice.paid"} <= follow
