"""Each effect outside takes place once: customers, pages, refunds."""

from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, cast

from services.payments.binding import OperationKind, OperationState
from services.payments.commerce import PageState, decode
from tests.simulation.invariants import reading
from tests.simulation.invariants.invariant import AllTheTime, AtTheEnd
from tests.simulation.invariants.paying import by_account, refused_at, rival
from tests.simulation.shop_rows import PaymentRow, RefundRow, RefundState, SubscriptionRow
from tests.simulation.shop_truth import Paid

if TYPE_CHECKING:
    from tests.simulation.world import World

_SECOND = timedelta(seconds=1)
"""The provider tells times in whole ones."""


class OnePageToPay(AllTheTime):
    """An account has one page at most that can be paid."""

    name = "one page that can be paid"

    def check(self, world: "World") -> list[str]:
        """Count open pages of ours."""
        now = world.clock.now()
        opened = Counter(
            page.marker.account_id
            for page in world.shop.books.sessions.values()
            if page.marker is not None and page.state is PageState.OPEN and now < page.expires
        )
        return [
            f"{account} can pay {count} pages" for account, count in opened.items() if count > 1
        ]


class MadeOnce(AtTheEnd):
    """One customer for an account, one object for an operation."""

    name = "made once"

    def final(self, world: "World") -> list[str]:
        """Count what carries our markers."""
        books = world.shop.books
        customers = Counter(
            row.marker.account_id for row in books.customers.values() if row.marker is not None
        )
        pages = Counter(
            row.marker.operation_id for row in books.sessions.values() if row.marker is not None
        )
        return [
            *(f"{one} has {count} customers" for one, count in customers.items() if count > 1),
            *(f"{one} made {count} pages" for one, count in pages.items() if count > 1),
        ]


class RefundedOnceAndForCause(AtTheEnd):
    """No payment goes back twice, and we give nothing back and end nothing that had a place.

    Of what was refused nothing is kept, whenever it was collected, nor of what gave way what was
    collected once it had ended.
    """

    name = "refunded once and for cause"

    def final(self, world: "World") -> list[str]:
        """Look at every refund, and at all that had to give way."""
        books = world.shop.books
        refused_ones = _given_back_as_refused(world)
        gave_way = _ended_for_others(world)
        wrong = [*_kept_of(world, refused_ones), *_kept_after(world, gave_way)]
        for payment in books.payments.values():
            counted = [one for one in _given(world, payment) if one.state is not RefundState.FAILED]
            back = sum(one.amount.minor_units for one in counted)
            if back > payment.amount.minor_units:
                wrong.append(f"{payment.id} of {payment.amount} was given back {back}")
            if len([one for one in counted if one.part_of is not None]) > 1:
                wrong.append(f"{payment.id} was given back by us more than once")
        renewals = _renewals_given_back(world)
        for account, bought in by_account(world).items():
            for paid in bought:
                refused = refused_at(world, paid)
                if refused is not None and not _had_a_rival(paid, bought, refused):
                    wrong.append(f"{paid.row.id} of {account} was given back without a cause")
                made = renewals.get(paid.row.id, [])
                if paid.row.id in gave_way or (made and paid.row.id not in refused_ones):
                    wrong += _gave_way_without_a_cause(account, paid, bought, made)
        return wrong


def _given_back_as_refused(world: "World") -> set[str]:
    """Return the subscriptions whose checkouts were given back."""
    sessions = world.shop.books.sessions
    asked = [
        cast("dict[str, str]", decode(one.ask))["checkout"]
        for one in reading.operations(world).values()
        if one.kind is OperationKind.REFUND and one.state is not OperationState.STARTED
    ]
    return {sessions[name].subscription for name in asked} - {""}


def _kept_of(world: "World", refused: set[str]) -> list[str]:
    """Return what was collected for subscriptions that were refused, and given back in no way."""
    return [
        f"{payment.id} of {payment.amount} was kept, and {sub.id} was refused"
        for payment, sub in _kept(world)
        if sub.id in refused
    ]


def _kept_after(world: "World", gave_way: set[str]) -> list[str]:
    """Return what was collected for subscriptions that had given way, and given back in no way."""
    return [
        f"{payment.id} of {payment.amount} was kept, and {sub.id} had given way"
        for payment, sub in _kept(world)
        if sub.id in gave_way and sub.ended_by and sub.over_at and payment.at >= sub.over_at
    ]


def _kept(world: "World") -> list[tuple[PaymentRow, SubscriptionRow]]:
    books = world.shop.books
    return [
        (payment, books.subscriptions[books.invoices[payment.invoice].subscription])
        for payment in books.payments.values()
        if payment.invoice and not payment.refunds and not payment.disputes
    ]


def _had_a_rival(refused: Paid, bought: list[Paid], until: datetime) -> bool:
    """Tell whether another was in force at some time between the payment and the refund.

    The provider tells times in whole seconds.
    """
    since = refused.paid_at - _SECOND
    return any(
        _live_between(other, since, until)
        for other in bought
        if other is not refused and rival(other, refused)
    )


def _gave_way_without_a_cause(
    account: str, paid: Paid, bought: list[Paid], given_back: list[PaymentRow]
) -> list[str]:
    """Return what was ended, or given back of renewals, though nothing had taken its place."""
    later = _later_rivals(paid, bought)
    if not later:
        return [f"{paid.row.id} of {account} was ended and had its place"]
    since = min(one.paid_at for one in later) - _SECOND
    return [
        f"{payment.id} of {account} was given back, and was paid before another was bought"
        for payment in given_back
        if payment.at < since
    ]


def _later_rivals(paid: Paid, bought: list[Paid]) -> list[Paid]:
    """Return rivals that were bought later and in force at a time when this one was.

    Of two that were paid in one second the provider does not say which was the later.
    """
    return [
        other
        for other in bought
        if other is not paid and other.paid_at > paid.paid_at - _SECOND
        if rival(other, paid) and _both_live(paid, other)
    ]


def _both_live(one: Paid, other: Paid) -> bool:
    moments = [at for at, _ in (*one.row.lives, *other.row.lives)]
    return any(one.live_at(at) and other.live_at(at) for at in moments)


def _live_between(paid: Paid, since: datetime, until: datetime) -> bool:
    begun = any(live and since <= at <= until for at, live in paid.row.lives)
    return begun or paid.live_at(since)


def _renewals_given_back(world: "World") -> dict[str, list[PaymentRow]]:
    """Return payments that are not a subscription's first and that we gave back, by subscription.

    A purchase's first payment is given back with its checkout, and the renewals of one that was
    refused as well.
    """
    books = world.shop.books
    found: dict[str, list[PaymentRow]] = {}
    for payment in books.payments.values():
        if any(one.part_of is not None for one in _given(world, payment)) and payment.invoice:
            sub = books.subscriptions[books.invoices[payment.invoice].subscription]
            if books.sessions[sub.session].payment != payment.id:
                found.setdefault(sub.id, []).append(payment)
    return found


def _given(world: "World", payment: PaymentRow) -> list[RefundRow]:
    return [world.shop.books.refunds[name] for name in payment.refunds]


def _ended_for_others(world: "World") -> set[str]:
    """Return the provider's subscriptions that were decided to give way."""
    decided = {one.object for one in reading.audit(world) if one.action == "subscription.give_way"}
    return {
        key.provider_subscription_id
        for key in reading.snapshots(world)
        if key.subscription_name in decided
    }
