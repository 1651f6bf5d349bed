"""How the simulated provider bills: subscriptions that renew by the clock, invoices that fail.

A renewal's invoice is a draft for an hour. One that cannot be collected is tried again for two
weeks; then the subscription is canceled, or left unpaid.
"""

from datetime import timedelta

from services.chassis.clock import Clock
from services.chassis.money import Money
from services.payments.views import SubscriptionStatus
from tests.simulation.shop_books import Books
from tests.simulation.shop_post import Post, Spawn
from tests.simulation.shop_rows import (
    InvoiceRow,
    InvoiceState,
    ItemRow,
    SessionRow,
    SubscriptionRow,
)

DRAFT = timedelta(hours=1)
TRIES = (timedelta(days=3), timedelta(days=5), timedelta(days=6))
"""How long after a try that failed the next one is made."""


class Billing:
    """Begins, renews and ends subscriptions; tells of all of it."""

    def __init__(self, books: Books, post: Post, clock: Clock, spawn: Spawn) -> None:
        self._books = books
        self._post = post
        self._clock = clock
        self._spawn = spawn
        self.renews = True
        """Whether periods end at all; a world that only drains stops them."""

    def begin(self, session: SessionRow) -> SubscriptionRow:
        """Make the subscription of a page that is being completed, and its first invoice."""
        books, now = self._books, self._clock.now()
        lasts = self._lasts(session.items)
        trial = timedelta(days=session.trial_days)
        ends = now + (trial or lasts)
        status = SubscriptionStatus.TRIALING if trial else SubscriptionStatus.ACTIVE
        sub = SubscriptionRow(
            id=books.name("sub"),
            customer=session.customer,
            marker=session.marker,
            items=[ItemRow(books.name("si"), *item) for item in session.items],
            period_start=now,
            period_end=ends,
            status=status,
            trial_end=ends if trial else None,
            session=session.id,
        )
        books.subscriptions[sub.id] = sub
        books.by_customer[sub.customer].append(sub.id)
        invoice = self._invoice(sub, "subscription_create", session.total)
        invoice.attempts = 1
        session.subscription, session.invoice = sub.id, invoice.id
        self._alive(sub)
        self._post.send("customer.subscription.created", sub.id)
        self._paid(sub, invoice)
        session.payment = invoice.payment
        self._spawn(self._run(sub))
        return sub

    def changed(self, sub: SubscriptionRow) -> None:
        """Tell that a subscription is another now."""
        self._alive(sub)
        self._post.send("customer.subscription.updated", sub.id)

    def end(self, sub: SubscriptionRow) -> None:
        """End a subscription now; what it owes is forgotten."""
        if sub.over:
            return
        sub.status = SubscriptionStatus.CANCELED
        sub.over_at = self._clock.now()
        sub.cancel_time = sub.cancel_time or sub.over_at
        for invoice in self._owed(sub):
            invoice.state = InvoiceState.VOID
        self._alive(sub)
        self._post.send("customer.subscription.deleted", sub.id)

    def pay_up(self, sub: SubscriptionRow) -> bool:
        """Pay what is owed, with another card; tells whether anything was owed."""
        self._books.customers[sub.customer].declines = False
        owed = self._owed(sub)
        for invoice in owed:
            self._paid(sub, invoice)
        if owed and not sub.over:
            sub.status = SubscriptionStatus.ACTIVE
            self.changed(sub)
        return bool(owed)

    def _owed(self, sub: SubscriptionRow) -> list[InvoiceRow]:
        invoice = self._books.invoices.get(sub.latest_invoice)
        return [invoice] if invoice and invoice.state is InvoiceState.OPEN else []

    async def _run(self, sub: SubscriptionRow) -> None:
        while not sub.over:
            left = (sub.period_end - self._clock.now()).total_seconds()
            if left > 0:
                await self._clock.sleep(left)
                continue
            if not self.renews:
                return
            if sub.cancel_at_period_end:
                self.end(sub)
                return
            await self._renew(sub)

    async def _renew(self, sub: SubscriptionRow) -> None:
        items = tuple((item.price_id, item.quantity) for item in sub.items)
        sub.period_start, sub.period_end = sub.period_end, sub.period_end + self._lasts(items)
        if sub.status is SubscriptionStatus.TRIALING:
            sub.status = SubscriptionStatus.ACTIVE
        unpaid = sub.status is SubscriptionStatus.UNPAID
        invoice = self._invoice(sub, "subscription_cycle", self._books.cost(items))
        self.changed(sub)
        if sub.paused or unpaid:
            invoice.state = InvoiceState.VOID
            return
        await self._clock.sleep(DRAFT.total_seconds())
        if invoice.state is not InvoiceState.DRAFT or sub.over or sub.paused:
            invoice.state = InvoiceState.VOID
            return
        invoice.state = InvoiceState.OPEN
        await self._collect(sub, invoice)

    async def _collect(self, sub: SubscriptionRow, invoice: InvoiceRow) -> None:
        for wait in (*TRIES, None):
            if invoice.state is not InvoiceState.OPEN or sub.over:
                return
            if not self._books.customers[sub.customer].declines:
                invoice.attempts += 1
                self._paid(sub, invoice)
                if sub.status is not SubscriptionStatus.ACTIVE:
                    sub.status = SubscriptionStatus.ACTIVE
                    self.changed(sub)
                return
            self._failed(sub, invoice)
            if wait is not None:
                await self._clock.sleep(wait.total_seconds())
        if sub.cancels_unpaid:
            self.end(sub)
        else:
            sub.status = SubscriptionStatus.UNPAID
            self.changed(sub)

    def _failed(self, sub: SubscriptionRow, invoice: InvoiceRow) -> None:
        invoice.attempts += 1
        invoice.failure = "card_declined"
        self._post.send("invoice.payment_failed", invoice.id, attempt_count=invoice.attempts)
        if sub.status is not SubscriptionStatus.PAST_DUE:
            sub.status = SubscriptionStatus.PAST_DUE
            self.changed(sub)

    def _invoice(self, sub: SubscriptionRow, reason: str, amount: Money) -> InvoiceRow:
        invoice = InvoiceRow(
            id=self._books.name("in"),
            subscription=sub.id,
            customer=sub.customer,
            reason=reason,
            amount=amount,
            period_start=sub.period_start,
            period_end=sub.period_end,
        )
        self._books.invoices[invoice.id] = invoice
        sub.latest_invoice = invoice.id
        return invoice

    def _paid(self, sub: SubscriptionRow, invoice: InvoiceRow) -> None:
        now = self._clock.now()
        invoice.state, invoice.pay_time, invoice.failure = InvoiceState.PAID, now, ""
        if self._books.took(now, invoice, invoice.amount) is not None:
            sub.paid_periods.append(invoice.period_start)
        self._post.send("invoice.paid", invoice.id)
        if int(invoice.id.removeprefix("in_")) % 3 == 0:
            # Some endpoints are sent both; they are one fact.
            self._post.send("invoice.payment_succeeded", invoice.id)

    def _alive(self, sub: SubscriptionRow) -> None:
        was = bool(sub.lives) and sub.lives[-1][1]
        if sub.live != was:
            sub.lives.append((self._clock.now(), sub.live))

    def _lasts(self, items: tuple[tuple[str, int], ...]) -> timedelta:
        lasts = self._books.price(items[0][0]).lasts
        assert lasts is not None, f"{items[0][0]} does not renew"
        return lasts
