"""What can be done at the simulated provider, by us through its API or by people at its pages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.chassis.clock import Clock
from services.chassis.money import Money
from services.payments.commerce import PageState
from services.payments.views import Marker
from tests.simulation.shop_billing import Billing
from tests.simulation.shop_books import Books
from tests.simulation.shop_post import Post, Spawn
from tests.simulation.shop_rows import (
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
    """A page to be made; ``promotion`` takes half off the first payment."""

    items: tuple[tuple[str, int], ...]
    recurring: bool = True
    customer: str = ""
    expires: datetime | None = None
    trial_days: int = 0
    promotion: bool = False
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
        half = Money(subtotal.currency, subtotal.minor_units // 2)
        due = half if wanted.promotion else subtotal
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
        row = self.session(session_id)
        if row.state is not PageState.OPEN:
            return False
        if not row.customer:
            row.customer = self.customer(email, identity or {}).id
        if self.books.customers[row.customer].declines:
            return False
        row.state, row.paid, row.paid_at = PageState.COMPLETE, True, self._clock.now()
        if row.recurring:
            self.billing.begin(row)
        else:
            self.books.took(row.paid_at, row, row.total)
        self._post.send("checkout.session.completed", row.id)
        return True

    def rebill(self, subscription_id: str, changes: Sequence[tuple[str, str, int]]) -> None:
        """Bill for other items: id, price and quantity of each; no id adds, no quantity removes."""
        sub = self.books.subscription(subscription_id)
        if sub.over:
            return
        for item_id, price_id, quantity in changes:
            known = next((item for item in sub.items if item.id == item_id), None)
            if known is None:
                sub.items.append(ItemRow(self.books.name("si"), price_id, quantity))
            elif not quantity:
                sub.items.remove(known)
            else:
                known.price_id = price_id or known.price_id
                known.quantity = quantity
        self.billing.changed(sub)

    def end_later(self, subscription_id: str, *, ends: bool) -> None:
        """End with the period, or go on after all."""
        sub = self.books.subscription(subscription_id)
        if sub.over or sub.cancel_at_period_end == ends:
            return
        sub.cancel_at_period_end = ends
        sub.cancel_time = self._clock.now() if ends else None
        self.billing.changed(sub)

    def end(self, subscription_id: str) -> None:
        """End now."""
        self.billing.end(self.books.subscription(subscription_id))

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
