"""The simulated provider's rows as what an adapter of payments reads out of them. Pure."""

from datetime import datetime

from services.chassis.money import Money
from services.payments.commerce import Page, PageState, Refund, Standing, StandingItem
from services.payments.domain import ObjectRef, RootKind
from services.payments.views import (
    CheckoutView,
    CustomerView,
    InvoiceView,
    Item,
    Projection,
    ReversalKind,
    ReversalView,
    SubscriptionView,
)
from tests.simulation.shop_books import Books, found
from tests.simulation.shop_rows import (
    DisputeRow,
    DisputeState,
    InvoiceRow,
    InvoiceState,
    PaymentRow,
    RefundRow,
    RefundState,
    SessionRow,
    SubscriptionRow,
)

_REFUNDS: dict[RefundState, tuple[ReversalKind, ...]] = {
    RefundState.PENDING: (),
    RefundState.SUCCEEDED: (ReversalKind.REFUND,),
    RefundState.FAILED: (ReversalKind.REFUND_FAILED,),
}
_DISPUTES: dict[DisputeState, tuple[ReversalKind, ...]] = {
    DisputeState.OPEN: (ReversalKind.DISPUTE,),
    DisputeState.LOST: (ReversalKind.DISPUTE,),
    DisputeState.WON: (ReversalKind.DISPUTE, ReversalKind.DISPUTE_WON),
}


def fetched(books: Books, root: ObjectRef) -> Projection:
    """Return what a fetch of a root object shows. Raises ObjectOutOfReach."""
    match root.kind:
        case RootKind.CHECKOUT:
            session = books.session(root.id)
            sub = books.subscriptions.get(session.subscription)
            checkout = checkout_of(books, session)
            return Projection(root, checkout, *_with_invoice(books, sub))
        case RootKind.SUBSCRIPTION:
            return Projection(root, None, *_with_invoice(books, books.subscription(root.id)))
        case RootKind.INVOICE:
            return Projection(root, invoices=(invoice_of(books, found(books.invoices, root.id)),))
        case RootKind.REFUND:
            refund = found(books.refunds, root.id)
            return Projection(root, reversal=_refund(books, root, refund))
        case RootKind.DISPUTE:
            dispute = found(books.disputes, root.id)
            return Projection(root, reversal=_dispute(books, root, dispute))


def page_of(books: Books, session: SessionRow) -> Page:
    """Return a page as selling sees it."""
    opened = session.state is PageState.OPEN
    return Page(
        id=session.id,
        state=session.state,
        paid=session.paid,
        url=f"https://pay.example.com/{session.id}" if opened else "",
        expire_time=session.expires,
        customer_id=session.customer,
        subscription_id=session.subscription,
        subtotal=session.subtotal,
    )


def standing_of(books: Books, sub: SubscriptionRow) -> Standing:
    """Return a subscription with what is needed to change it."""
    items = tuple(StandingItem(item.id, item.price_id, item.quantity) for item in sub.items)
    return Standing(subscription_of(books, sub), items)


def refund_of(refund: RefundRow) -> Refund:
    """Return a refund as selling sees it."""
    return Refund(refund.id, refund.amount, failed=refund.state is RefundState.FAILED)


def checkout_of(books: Books, session: SessionRow) -> CheckoutView:
    """Return a page as folding sees it."""
    invoice = books.invoices.get(session.invoice)
    return CheckoutView(
        id=session.id,
        paid=session.paid,
        customer=_customer(books, session.customer),
        items=tuple(_item(books, *item) for item in session.items),
        subtotal=session.subtotal,
        total=session.total,
        subscription_id=session.subscription,
        invoice_id=session.invoice,
        pay_time=None if invoice is None else _second(invoice),
        marker=session.marker,
    )


def invoice_of(books: Books, invoice: InvoiceRow) -> InvoiceView:
    """Return an invoice as folding sees it."""
    paid = invoice.state is InvoiceState.PAID
    return InvoiceView(
        id=invoice.id,
        paid=paid,
        customer=_customer(books, invoice.customer),
        amount_paid=invoice.amount if paid else Money.zero(invoice.amount.currency),
        billing_reason=invoice.reason,
        attempts=invoice.attempts,
        subscription_id=invoice.subscription,
        period_start=invoice.period_start.replace(microsecond=0),
        period_end=invoice.period_end.replace(microsecond=0),
        pay_time=_second(invoice),
        failure_code=invoice.failure,
        marker=books.subscriptions[invoice.subscription].marker,
    )


def subscription_of(books: Books, sub: SubscriptionRow) -> SubscriptionView:
    """Return a subscription as folding sees it."""
    return SubscriptionView(
        id=sub.id,
        status=sub.status,
        customer=_customer(books, sub.customer),
        items=tuple(_item(books, item.price_id, item.quantity) for item in sub.items),
        cancel_at_period_end=sub.cancel_at_period_end,
        period_start=sub.period_start.replace(microsecond=0),
        period_end=sub.period_end.replace(microsecond=0),
        trial_end=sub.trial_end and sub.trial_end.replace(microsecond=0),
        cancel_time=sub.cancel_time and sub.cancel_time.replace(microsecond=0),
        collection_paused=sub.paused,
        marker=sub.marker,
    )


def _with_invoice(
    books: Books, sub: SubscriptionRow | None
) -> tuple[tuple[InvoiceView, ...], SubscriptionView | None]:
    if sub is None:
        return (), None
    invoice = books.invoices[sub.latest_invoice]
    return (invoice_of(books, invoice),), subscription_of(books, sub)


def _refund(books: Books, root: ObjectRef, row: RefundRow) -> ReversalView:
    payment = books.payments[row.payment]
    return _reversal(books, root, row, payment, _REFUNDS[row.state])


def _dispute(books: Books, root: ObjectRef, row: DisputeRow) -> ReversalView:
    payment = books.payments[row.payment]
    return _reversal(books, root, row, payment, _DISPUTES[row.state])


def _reversal(
    books: Books,
    root: ObjectRef,
    row: RefundRow | DisputeRow,
    payment: PaymentRow,
    movements: tuple[ReversalKind, ...],
) -> ReversalView:
    invoice = books.invoices.get(payment.invoice)
    sub = None if invoice is None else books.subscriptions[invoice.subscription]
    first = invoice is not None and invoice.reason == "subscription_create"
    began = sub.session if sub is not None and first else payment.session
    own = row.marker if isinstance(row, RefundRow) else None
    written = None if sub is None else sub.marker
    return ReversalView(
        kind=root.kind,
        id=row.id,
        movements=movements,
        amount=row.amount,
        paid=payment.amount,
        customer=_customer(books, payment.customer),
        time=row.made.replace(microsecond=0),
        invoice_id=payment.invoice,
        subscription_id="" if sub is None else sub.id,
        checkout_id=began,
        marker=own or written,
    )


def _customer(books: Books, customer_id: str) -> CustomerView:
    row = books.customers.get(customer_id)
    if row is None:
        return CustomerView(customer_id)
    return CustomerView(row.id, row.email, row.identity)


def _item(books: Books, price_id: str, quantity: int) -> Item:
    return Item(price_id, quantity, books.price(price_id).amount * quantity)


def _second(invoice: InvoiceRow) -> datetime | None:
    return invoice.pay_time and invoice.pay_time.replace(microsecond=0)
