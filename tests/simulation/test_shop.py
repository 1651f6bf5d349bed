"""The simulated provider keeps the promises of real ones: it passes the suites of both its ports.

What only it can be asked (months, webhooks, truth) is asked here besides.
"""

import asyncio
import random
from datetime import datetime, timedelta

import pytest

from services.chassis.clock import Clock, SystemClock
from services.chassis.money import Money
from services.payments.commerce import Page, PageState
from services.payments.domain import ObjectRef, RootKind
from services.payments.errors import ProviderFailed, ProviderUnreachable
from services.payments.events import RawRequest, VerifiedEvent
from services.payments.views import Marker, ReversalKind, SubscriptionStatus
from tests.contract.providers.sellers import Seller
from tests.contract.providers.subjects import Subject
from tests.contract.providers.test_commerce import (
    test_a_customer_is_made_once_for_a_key_and_found_by_its_marker,
    test_a_further_refund_of_an_operation_is_found_by_its_marker_too,
    test_a_key_that_was_used_for_something_else_is_never_answered,
    test_a_page_is_made_once_shown_found_and_shut,
    test_a_page_that_is_not_there_is_out_of_reach,
    test_a_page_that_nobody_paid_was_settled_by_nothing,
    test_a_page_that_was_completed_is_not_shut,
    test_a_payment_is_given_back_once_and_found_by_its_marker,
    test_a_promotion_code_that_nobody_knows_is_invalid,
    test_a_subscription_carries_our_marker_and_is_changed_in_place,
    test_a_subscription_ends_later_goes_on_and_ends_now,
    test_the_portal_leads_somewhere,
    test_what_a_bank_took_back_is_said_of_the_payment_and_left_to_nobody,
    test_what_was_collected_for_a_subscription_is_shown_since_a_time,
)
from tests.contract.providers.test_provider import (
    test_a_paid_checkout_is_shown_with_what_was_bought,
    test_a_purchase_proves_nothing_beyond_its_object,
    test_a_signed_request_is_believed_and_leads_to_its_object,
    test_a_type_that_nobody_handles_has_no_object_and_proves_nothing,
    test_an_object_that_is_not_there_is_out_of_reach_and_never_empty,
    test_an_open_checkout_is_not_paid,
    test_closing_twice_is_harmless,
    test_it_has_a_name_and_takes_webhooks_only_if_it_says_so,
    test_it_knows_its_account_or_has_none,
    test_nothing_unsigned_is_believed_and_nothing_breaks_on_it,
)
from tests.simulation.shop import Shop
from tests.simulation.shop_counter import Wanted
from tests.simulation.shop_post import PATH, PROVIDER, SIGNATURE
from tests.simulation.shop_prices import read_catalogs
from tests.simulation.shop_rows import RefundState
from tests.simulation.shop_street import MARKER, MONTH, PRICES, Street, street

__all__ = [
    "street",
    "test_a_customer_is_made_once_for_a_key_and_found_by_its_marker",
    "test_a_further_refund_of_an_operation_is_found_by_its_marker_too",
    "test_a_key_that_was_used_for_something_else_is_never_answered",
    "test_a_page_is_made_once_shown_found_and_shut",
    "test_a_page_that_is_not_there_is_out_of_reach",
    "test_a_page_that_nobody_paid_was_settled_by_nothing",
    "test_a_page_that_was_completed_is_not_shut",
    "test_a_paid_checkout_is_shown_with_what_was_bought",
    "test_a_payment_is_given_back_once_and_found_by_its_marker",
    "test_a_promotion_code_that_nobody_knows_is_invalid",
    "test_a_purchase_proves_nothing_beyond_its_object",
    "test_a_signed_request_is_believed_and_leads_to_its_object",
    "test_a_subscription_carries_our_marker_and_is_changed_in_place",
    "test_a_subscription_ends_later_goes_on_and_ends_now",
    "test_a_type_that_nobody_handles_has_no_object_and_proves_nothing",
    "test_an_object_that_is_not_there_is_out_of_reach_and_never_empty",
    "test_an_open_checkout_is_not_paid",
    "test_closing_twice_is_harmless",
    "test_it_has_a_name_and_takes_webhooks_only_if_it_says_so",
    "test_it_knows_its_account_or_has_none",
    "test_nothing_unsigned_is_believed_and_nothing_breaks_on_it",
    "test_the_portal_leads_somewhere",
    "test_what_a_bank_took_back_is_said_of_the_payment_and_left_to_nobody",
    "test_what_was_collected_for_a_subscription_is_shown_since_a_time",
]


class JumpingClock(SystemClock):
    """The machine's clock, ahead by as much as it was made to jump; who sleeps wakes by it."""

    def __init__(self) -> None:
        self._ahead = timedelta()
        self._jumped = asyncio.Event()

    def now(self) -> datetime:
        return super().now() + self._ahead

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)
        until = self.now() + timedelta(seconds=seconds)
        while (left := (until - self.now()).total_seconds()) > 0:
            waiting = asyncio.ensure_future(self._jumped.wait())
            await asyncio.wait({waiting}, timeout=left)
            waiting.cancel()

    async def jump(self, span: timedelta) -> None:
        """Go on by so much at once, and let those who waited for it do their work."""
        self._ahead += span
        self._jumped.set()
        self._jumped = asyncio.Event()
        for _ in range(20):
            await asyncio.sleep(0)


def _calm(street: Street, clock: Clock) -> Shop:
    """Return the shop with a clock that goes, for suites that wait for nothing."""
    shop = Shop(clock, random.Random(1), street._deliver, street._spawn, PRICES)
    shop.line.faults.quickest = shop.line.faults.slowest = 0.0
    return shop


@pytest.fixture
async def seller(street: Street) -> Seller:
    clock = JumpingClock()
    shop = _calm(street, clock)

    async def pay(page: Page) -> None:
        assert shop.counter.pay(page.id, "ada@example.com")
        await clock.jump(timedelta())

    async def pay_and_dispute(page: Page) -> None:
        await pay(page)
        shop.counter.dispute(shop.books.sessions[page.id].payment)

    async def pass_month() -> None:
        # What renews is a draft for an hour.
        for days in (31, 1):
            await clock.jump(timedelta(days=days))

    return Seller(shop.commerce, "price_1", "price_2", pay, pay_and_dispute, pass_month)


@pytest.fixture
async def subject(street: Street) -> Subject:
    shop = _calm(street, SystemClock())
    paid, unpaid = (shop.counter.page(Wanted((("price_1", 1),))) for _ in range(2))
    assert shop.counter.pay(paid.id, "ada@example.com")
    event = next(
        event for event in shop.post.events.values() if event.type == "checkout.session.completed"
    )
    return Subject(
        shop.provider,
        event.raw,
        ObjectRef(RootKind.CHECKOUT, paid.id),
        ObjectRef(RootKind.CHECKOUT, unpaid.id),
    )


async def test_a_purchase_is_told_and_makes_a_subscription_in_force(street: Street) -> None:
    name = street.bought()
    await street.pass_time(timedelta(minutes=1))
    assert sorted(set(street.told())) == [
        "checkout.session.completed",
        "customer.subscription.created",
        "invoice.paid",
    ]
    (paid,) = street.shop.truth()
    assert (paid.row.id, paid.live, paid.plan.name) == (name, True, "shop/price_1")


async def test_a_subscription_renews_by_the_clock_after_a_draft_of_an_hour(street: Street) -> None:
    name = street.bought()
    row = street.shop.books.subscriptions[name]
    await street.pass_time(MONTH + timedelta(minutes=30))
    assert row.period_end - row.period_start == MONTH
    assert len(row.paid_periods) == 1
    await street.pass_time(timedelta(hours=2))
    assert len(row.paid_periods) == 2
    assert street.shop.payments == 2


async def test_a_renewal_that_cannot_be_collected_ends_after_its_tries(street: Street) -> None:
    name = street.bought()
    row = street.shop.books.subscriptions[name]
    street.shop.books.customers[row.customer].declines = True
    await street.pass_time(MONTH)
    await street.pass_time(timedelta(hours=3))
    assert row.status is SubscriptionStatus.PAST_DUE
    assert row.live
    await street.pass_time(timedelta(days=15))
    assert row.over
    assert street.told().count("invoice.payment_failed") == 4
    (paid,) = street.shop.truth()
    assert not paid.live
    assert paid.live_at(paid.paid_at)


async def test_who_pays_up_goes_on(street: Street) -> None:
    name = street.bought()
    row = street.shop.books.subscriptions[name]
    row.cancels_unpaid = False
    street.shop.books.customers[row.customer].declines = True
    await street.pass_time(MONTH + timedelta(days=15))
    assert row.status == "UNPAID"
    assert street.shop.counter.billing.pay_up(row)
    assert row.status == "ACTIVE"
    assert row.live


async def test_an_end_with_the_period_comes_with_the_period(street: Street) -> None:
    name = street.bought()
    row = street.shop.books.subscriptions[name]
    street.shop.counter.end_later(name, ends=True)
    await street.pass_time(MONTH - timedelta(hours=1))
    assert row.live
    await street.pass_time(timedelta(hours=2))
    assert row.over
    assert street.shop.payments == 1


async def test_a_webhook_is_sent_until_it_is_taken(street: Street) -> None:
    refused = 0

    def takes(_raw: RawRequest) -> bool:
        nonlocal refused
        refused += 1
        return refused > 5

    street.takes = takes
    street.bought()
    await street.pass_time(timedelta(hours=2))
    assert not street.shop.post.open
    assert len(street.shop.post.taken) == len(street.shop.post.events)
    assert len(street.came) == len(street.shop.post.events) + 5


async def test_a_failure_is_replayed_for_a_day_and_its_effect_is_found(street: Street) -> None:
    shop = _calm(street, SystemClock())
    shop.line.faults.failed = 1.0
    failures = 0
    for number in range(8):
        key, marker = f"k{number}", Marker(f"op_{number}", "tollgate", "acc_1")
        parameters = {"email": "", "identity": {}, "marker": [f"op_{number}", "tollgate", "acc_1"]}
        with pytest.raises(ProviderFailed) as first:
            await shop.commerce.create_customer(key, parameters)
        with pytest.raises(ProviderFailed) as again:
            await shop.commerce.create_customer(key, parameters)
        assert (first.value.replayed, again.value.replayed) == (False, True)
        found = await shop.commerce.find_customer(marker, shop.clock.now())
        failures += found is None
    assert 0 < failures < 8
    assert len(shop.books.customers) == 8 - failures


async def test_an_answer_that_is_lost_leaves_what_was_done(street: Street) -> None:
    shop = _calm(street, SystemClock())
    shop.line.faults.unreachable = 1.0
    parameters = {"email": "", "identity": {}, "marker": ["op_1", "tollgate", "acc_1"]}
    lost = 0
    for _ in range(20):
        try:
            assert await shop.commerce.create_customer("k", parameters) == "cus_1"
        except ProviderUnreachable:
            lost += 1
    assert lost > 10
    assert list(shop.books.customers) == ["cus_1"]
    assert shop.books.marked["cus", MARKER] == "cus_1"


async def test_a_refund_that_fails_is_told_with_what_it_was_of(street: Street) -> None:
    name = street.bought()
    shop = street.shop
    (payment,) = shop.books.payments.values()
    refund = shop.counter.refund(payment.id, state=RefundState.PENDING)
    shop.counter.refund_becomes(refund.id, RefundState.FAILED)
    folding = asyncio.ensure_future(shop.provider.fold(ObjectRef(RootKind.REFUND, refund.id)))
    await street.pass_time(timedelta(seconds=10))
    view = folding.result().reversal
    assert view is not None
    assert view.movements == (ReversalKind.REFUND_FAILED,)
    assert (view.subscription_id, view.paid) == (name, Money("eur", 4900))
    assert view.checkout_id == shop.books.subscriptions[name].session


async def test_a_page_is_shut_when_its_time_is_over(street: Street) -> None:
    counter = street.shop.counter
    page = counter.page(Wanted((("price_1", 1),)))
    street.clock.advance(25 * 3600)
    assert not counter.pay(page.id)
    assert counter.session(page.id).state is PageState.EXPIRED


def test_the_catalogs_of_the_product_are_what_is_sold() -> None:
    sold = read_catalogs()
    professional = sold["price_sessions_professional"]
    assert (professional.name, professional.credits) == ("sessions/professional", 5000)
    assert professional.price.amount == Money("usd", 4900)
    assert (professional.on_end, professional.retention) == ("delete", timedelta(days=30))
    assert sold["price_kube_dc_turbo_x1"].kind == ""


def test_only_the_signature_makes_a_request_believed(subject: Subject) -> None:
    body = b'{"id": "evt_1"}'
    for headers in ({}, {"signature": "another"}):
        refused = subject.provider.verify(RawRequest(PROVIDER, PATH, headers, body))
        assert not isinstance(refused, VerifiedEvent)
    assert SIGNATURE
