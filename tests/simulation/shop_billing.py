"""How the simulated provider bills: subscriptions that renew by the clock, invoices that fail.

A renewal's invoice is a draft for an hour. One that cannot be collected is tried again for two
weeks; then the subscription is canceled, or left unpaid. A trial begins with an invoice of nothing
and ends with the first that asks for something. A bank's debit is collected days after the page.
"""

from datetime import timedelta

from services.chassis.clock import Clock
from services.chassis.money import Money
from services.payments.views import SubscriptionStatus
from tests.simulation.shop_amounts import Bought, bought, difference, due, period_cost, unused
from tests.simulation.shop_books import Books
from tests.simulation.shop_post import Post, Spawn
from tests.simulation.shop_rows import (
    Coupon,
    InvoiceRow,
    InvoiceState,
    ItemRow,
    SessionRow,
    SubscriptionRow,
)

DRAFT = timedelta(hours=1)
TRIES = (timedelta(days=3), timedelta(days=5), timedelta(days=6))
"""How long after a try that failed the next one is made."""
WARNING = timedelta(days=3)
"""How long before its end a trial's end is told of."""
_FIRST, _CYCLE, _CHANGE = "subscription_create", "subscription_cycle", "subscription_update"


class Billing:
    """Begins, renews and ends subscriptions; tells of all of it."""

    def __init__(self, books: Books, post: Post, clock: Clock, spawn: Spawn) -> None:
        self._books = books
        self._post = post
        self._clock = clock
        self._spawn = spawn
        self.renews = True
        """Whether periods end at all; a world that only drains stops them."""

    def begin(self, session: SessionRow, *, arrived: bool = True) -> SubscriptionRow:
        """Make the subscription of a page that is being completed, and its first invoice.

        Its money has ``arrived``, or is on its way through a bank.
        """
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
            made=now,
            billed=[(now, session.items)],
            period_start=now,
            period_end=ends,
            status=status,
            trial_end=ends if trial else None,
            session=session.id,
            coupon=session.coupon if trial else _lasting(session.coupon),
            awaits=not arrived,
        )
        books.subscriptions[sub.id] = sub
        books.by_customer[sub.customer].append(sub.id)
        invoice = self._invoice(sub, _FIRST, session.total)
        invoice.attempts = 1
        session.subscription, session.invoice = sub.id, invoice.id
        self._alive(sub)
        self._post.send("customer.subscription.created", sub.id, latest_invoice=invoice.id)
        if arrived:
            self._paid(sub, invoice)
            session.payment = invoice.payment
        else:
            invoice.state, sub.owed = InvoiceState.OPEN, invoice.id
        if trial:
            self._spawn(self._warn(sub))
        self._spawn(self._run(sub))
        return sub

    def arrives(self, session: SessionRow) -> bool:
        """Let a bank's money for a page arrive; tells whether it was still awaited."""
        sub, invoice = self._awaited(session)
        if invoice.state is not InvoiceState.OPEN:
            return False
        sub.awaits = False
        self._alive(sub)
        self._paid(sub, invoice)
        session.payment = invoice.payment
        return True

    def bounces(self, session: SessionRow) -> bool:
        """Let a bank refuse the money for a page: what it began ends. As ``arrives``."""
        sub, invoice = self._awaited(session)
        if invoice.state is not InvoiceState.OPEN:
            return False
        invoice.failure = "insufficient_funds"
        self._post.send("invoice.payment_failed", invoice.id, attempt_count=invoice.attempts)
        self.end(sub)
        return True

    def rebill(self, sub: SubscriptionRow, items: list[ItemRow], *, at_once: bool) -> bool:
        """Bill for other items; tells whether that is so now.

        What they cost more or less for the rest of the period goes onto the next invoice, or is
        asked for ``at_once``, as everything is of which the interval changes. A card that is
        refused then leaves everything as it was.
        """
        now, wanted = self._clock.now(), bought(items)
        lasts, was = self._lasts(wanted), self._lasts(bought(sub.items))
        anew = lasts != was and sub.status is not SubscriptionStatus.TRIALING
        if anew:
            total = period_cost(self._books, sub, wanted).minor_units
            total += sub.waits - unused(self._books, sub, now)
        else:
            total = sub.waits + difference(self._books, sub, wanted, now)
        charged = anew or at_once
        if charged and total > 0 and self._books.customers[sub.customer].declines:
            return False
        sub.items, sub.waits = items, 0 if charged else total
        sub.billed.append((now, wanted))
        if anew:
            sub.period_start, sub.period_end = now, now + lasts
        if charged:
            invoice = self._invoice(sub, _CHANGE, self._collected(sub, total))
            invoice.attempts = 1
            self._paid(sub, invoice)
        self.changed(sub)
        return True

    def changed(self, sub: SubscriptionRow) -> None:
        """Tell that a subscription is another now."""
        self._alive(sub)
        self._post.send("customer.subscription.updated", sub.id)

    def end(self, sub: SubscriptionRow, by: str = "") -> None:
        """End a subscription now, ``by`` a call of ours or none; what it owes is forgotten."""
        if sub.over:
            return
        sub.ended_by = by
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

    def pay_late(self, sub: SubscriptionRow) -> None:
        """Pay an invoice of a subscription that has ended: it was open then, and still can be.

        A provider tells nobody of an invoice before it is paid, so it is made only now.
        """
        reason = _CHANGE if sub.period_start == sub.made else _CYCLE
        self._paid(sub, self._invoice(sub, reason, self._books.cost(bought(sub.items))))

    def _owed(self, sub: SubscriptionRow) -> list[InvoiceRow]:
        invoice = self._books.invoices.get(sub.owed)
        return [invoice] if invoice and invoice.state is InvoiceState.OPEN else []

    def _awaited(self, session: SessionRow) -> tuple[SubscriptionRow, InvoiceRow]:
        books = self._books
        return books.subscriptions[session.subscription], books.invoices[session.invoice]

    async def _warn(self, sub: SubscriptionRow) -> None:
        left = sub.period_end - self._clock.now() - WARNING
        await self._clock.sleep(max(left.total_seconds(), 0.0))
        if sub.status is SubscriptionStatus.TRIALING:
            self._post.send("customer.subscription.trial_will_end", sub.id)

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
        items = bought(sub.items)
        sub.period_start, sub.period_end = sub.period_end, sub.period_end + self._lasts(items)
        if sub.status is SubscriptionStatus.TRIALING:
            sub.status = SubscriptionStatus.ACTIVE
        unpaid = sub.status is SubscriptionStatus.UNPAID
        cost = period_cost(self._books, sub, items)
        total, sub.waits = cost.minor_units + sub.waits, 0
        sub.coupon = _lasting(sub.coupon)
        invoice = self._invoice(sub, _CYCLE, cost)
        self.changed(sub)
        if sub.paused or unpaid:
            invoice.state = InvoiceState.VOID
            return
        await self._clock.sleep(DRAFT.total_seconds())
        if invoice.state is not InvoiceState.DRAFT or sub.over or sub.paused:
            invoice.state = InvoiceState.VOID
            return
        invoice.state, sub.owed = InvoiceState.OPEN, invoice.id
        invoice.amount = self._collected(sub, total)
        await self._collect(sub, invoice)

    async def _collect(self, sub: SubscriptionRow, invoice: InvoiceRow) -> None:
        for wait in (*TRIES, None):
            if invoice.state is not InvoiceState.OPEN or sub.over:
                return
            free = not invoice.amount.minor_units
            if free or not self._books.customers[sub.customer].declines:
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
        taken = self._books.took(now, invoice, invoice.amount) is not None
        if taken and invoice.reason != _CHANGE:
            sub.paid_periods.append(invoice.period_start)
        self._post.send("invoice.paid", invoice.id, billing_reason=invoice.reason)
        if self._post.habits.both or int(invoice.id.removeprefix("in_")) % 3 == 0:
            # Some endpoints are sent both; they are one fact.
            told = "invoice.payment_succeeded"
            self._post.send(told, invoice.id, billing_reason=invoice.reason)

    def _collected(self, sub: SubscriptionRow, total: int) -> Money:
        currency = self._books.cost(bought(sub.items)).currency
        return Money(currency, due(total, self._books.customers[sub.customer]))

    def _alive(self, sub: SubscriptionRow) -> None:
        was = bool(sub.lives) and sub.lives[-1][1]
        if sub.live != was:
            sub.lives.append((self._clock.now(), sub.live))

    def _lasts(self, items: Bought) -> timedelta:
        lasts = self._books.price(items[0][0]).lasts
        assert lasts is not None, f"{items[0][0]} does not renew"
        return lasts


def _lasting(coupon: Coupon | None) -> Coupon | None:
    return coupon if coupon is not None and coupon.lasts else None
