"""What can be done at the simulated provider, by us through its API or by people at its pages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.chassis.clock import Clock
from services.chassis.money import Money
from services.payments.commerce import PageState
from services.payments.views import Marker
from tests.simulation.shop_amounts import after_coupon
from tests.simulation.shop_billing import Billing
from tests.simulation.shop_books import Books
from tests.simulation.shop_post import Post, Spawn
from tests.simulation.shop_rows import (
    Coupon,
    CustomerRow,
    DisputeRow,
    DisputeState,
    ItemRow,
    RefundRow,
    RefundState,
    SessionRow,
    SubscriptionRow,
)

PAGE_LASTS = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A page to be made."""

    items: tuple[tuple[str, int], ...]
    recurring: bool = True
    customer: str = ""
    expires: datetime | None = None
    trial_days: int = 0
    coupon: Coupon | None = None
    marker: Marker | None = None


class Counter:
    """Writes the books; every change is told by the post."""

    def __init__(self, books: Books, post: Post, clock: Clock, spawn: Spawn) -> None:
        self.books = books
        self._post = post
        self._clock = clock
        self.billing = Billing(books, post, clock, spawn)

    def customer(
        self, email: str, identity: Mapping[str, str], marker: Marker | None = None
    ) -> CustomerRow:
        """Make a customer."""
        name = self.books.name("cus")
        row = CustomerRow(name, email, dict(identity), marker, self._clock.now())
        self.books.customers[name] = row
        if marker is not None:
            self.books.marked.setdefault(("cus", marker), name)
        return row

    def page(self, wanted: Wanted) -> SessionRow:
        """Make a page."""
        now = self._clock.now()
        subtotal = self.books.cost(wanted.items)
        due = after_coupon(subtotal, wanted.coupon)
        row = SessionRow(
            id=self.books.name("cs"),
            items=wanted.items,
            recurring=wanted.recurring,
            customer=wanted.customer,
            marker=wanted.marker,
            made=now,
            expires=wanted.expires or now + PAGE_LASTS,
            subtotal=subtotal,
            total=Money.zero(subtotal.currency) if wanted.trial_days else due,
            trial_days=wanted.trial_days,
            coupon=wanted.coupon,
        )
        self.books.sessions[row.id] = row
        if wanted.marker is not None:
            self.books.marked.setdefault(("cs", wanted.marker), row.id)
        return row

    def session(self, session_id: str) -> SessionRow:
        """Return a page as it is now. Raises ObjectOutOfReach."""
        row = self.books.session(session_id)
        if row.state is PageState.OPEN and self._clock.now() >= row.expires:
            row.state = PageState.EXPIRED
        return row

    def shut(self, session_id: str) -> None:
        """Shut a page if it is open."""
        row = self.session(session_id)
        if row.state is PageState.OPEN:
            row.state = PageState.EXPIRED

    def pay(
        self, session_id: str, email: str = "", identity: Mapping[str, str] | None = None
    ) -> bool:
        """Pay a page, as the person does; tells whether it was still open and the card good."""
        row = self._entered(session_id, email, identity)
        if row is None or self.books.customers[row.customer].declines:
            return False
        row.state, row.paid, row.paid_at = PageState.COMPLETE, True, self._clock.now()
        if row.recurring:
            self.billing.begin(row)
        else:
            self.books.took(row.paid_at, row, row.total)
        self._tell("checkout.session.completed", row)
        return True

    def debit(
        self, session_id: str, email: str = "", identity: Mapping[str, str] | None = None
    ) -> bool:
        """Let a bank be asked for the money of a page that renews; tells whether it was open.

        The page is complete then, and its money arrives or does not (``debited``).
        """
        row = self._entered(session_id, email, identity)
        if row is None:
            return False
        row.state = PageState.COMPLETE
        self.billing.begin(row, arrived=False)
        self._tell("checkout.session.completed", row)
        return True

    def debited(self, session_id: str, *, arrives: bool) -> bool:
        """Let the bank answer; tells whether anybody still waited for it."""
        row = self.session(session_id)
        if not (self.billing.arrives(row) if arrives else self.billing.bounces(row)):
            return False
        if arrives:
            row.paid, row.paid_at = True, self._clock.now()
        word = "succeeded" if arrives else "failed"
        self._tell(f"checkout.session.async_payment_{word}", row)
        return True

    def _entered(
        self, session_id: str, email: str, identity: Mapping[str, str] | None
    ) -> SessionRow | None:
        row = self.session(session_id)
        if row.state is not PageState.OPEN:
            return None
        if not row.customer:
            row.customer = self.customer(email, identity or {}).id
        return row

    def _tell(self, kind: str, row: SessionRow) -> None:
        self._post.send(kind, row.id, subscription=row.subscription, invoice=row.invoice)

    def rebill(
        self,
        subscription_id: str,
        changes: Sequence[tuple[str, str, int]],
        *,
        at_once: bool = False,
    ) -> bool:
        """Bill for other items: id, price and quantity of each; no id adds, no quantity removes.

        Tells whether that is so now; see ``Billing.rebill``.
        """
        sub = self.books.subscription(subscription_id)
        if sub.over:
            return False
        items = {item.id: replace(item) for item in sub.items}
        for item_id, price_id, quantity in changes:
            known = items.get(item_id)
            if known is None:
                name = self.books.name("si")
                items[name] = ItemRow(name, price_id, quantity)
            elif not quantity:
                del items[item_id]
            else:
                known.price_id = price_id or known.price_id
                known.quantity = quantity
        return self.billing.rebill(sub, [*items.values()], at_once=at_once)

    def end_later(self, subscription_id: str, *, ends: bool) -> None:
        """End with the period, or go on after all."""
        sub = self.books.subscription(subscription_id)
        if sub.over or sub.cancel_at_period_end == ends:
            return
        sub.cancel_at_period_end = ends
        sub.cancel_time = self._clock.now() if ends else None
        self.billing.changed(sub)

    def end(self, subscription_id: str, by: str = "") -> None:
        """End now, ``by`` a call of ours or by somebody."""
        self.billing.end(self.books.subscription(subscription_id), by)

    def pause(self, subscription_id: str, *, paused: bool) -> None:
        """Stop collecting, or go on."""
        sub = self.books.subscription(subscription_id)
        if not sub.over and sub.paused != paused:
            sub.paused = paused
            self.billing.changed(sub)

    def refund(
        self,
        payment_id: str,
        amount: Money | None = None,
        marker: Marker | None = None,
        *,
        state: RefundState = RefundState.SUCCEEDED,
    ) -> RefundRow:
        """Give a payment back, all that is left of it unless told otherwise."""
        payment = self.books.payments[payment_id]
        charge = self.books.charge(payment)
        row = RefundRow(
            id=self.books.name("re"),
            payment=payment_id,
            amount=amount or charge.paid - charge.refunded,
            made=self._clock.now(),
            marker=marker,
            state=state,
        )
        self.books.refunds[row.id] = row
        payment.refunds.append(row.id)
        self._post.send("refund.created", row.id)
        return row

    def refund_becomes(self, refund_id: str, state: RefundState) -> None:
        """Let a refund succeed, or fail."""
        self.books.refunds[refund_id].state = state
        failed = state is RefundState.FAILED
        self._post.send("refund.failed" if failed else "refund.updated", refund_id)

    def dispute(self, payment_id: str) -> DisputeRow:
        """Let the payer ask the bank for the money."""
        payment = self.books.payments[payment_id]
        row = DisputeRow(self.books.name("dp"), payment_id, payment.amount, self._clock.now())
        self.books.disputes[row.id] = row
        payment.disputes.append(row.id)
        self._post.send("charge.dispute.created", row.id)
        return row

    def settle_dispute(self, dispute_id: str, *, won: bool) -> None:
        """Let the bank decide."""
        self.books.disputes[dispute_id].state = DisputeState.WON if won else DisputeState.LOST
        self._post.send("charge.dispute.closed", dispute_id)

    def subscriptions_of(self, customer_id: str) -> list[SubscriptionRow]:
        """Return a customer's subscriptions, oldest first."""
        return [self.books.subscriptions[name] for name in self.books.by_customer[customer_id]]
