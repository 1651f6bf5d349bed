"""Stripe's checkout sessions, invoices and subscriptions as views of ours. Pure.

Metadata keys that we write before an object is made: ``tollgate_operation``,
``tollgate_deployment`` and ``tollgate_account`` (rule 4).
"""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from services.chassis.money import Money
from services.payments.errors import ObjectUnreadable
from services.payments.providers.stripe.reading import Node
from services.payments.views import (
    IDENTITY_KEYS,
    CheckoutView,
    CustomerView,
    InvoiceView,
    Item,
    Marker,
    SubscriptionStatus,
    SubscriptionView,
)

OPERATION_KEY = "tollgate_operation"
DEPLOYMENT_KEY = "tollgate_deployment"
ACCOUNT_KEY = "tollgate_account"

_PAID = frozenset({"paid", "no_payment_required"})
_SELLING = frozenset({"payment", "subscription"})

_STATUSES: Mapping[str, SubscriptionStatus] = MappingProxyType(
    {status.value.lower(): status for status in SubscriptionStatus}
)


def to_checkout(session: Node) -> CheckoutView:
    """Read a session with ``customer``, ``line_items`` and ``subscription`` expanded.

    Neither status alone means money: an open session may say that no payment is required, and a
    completed one may still wait for its bank. A session in setup mode sells nothing.
    """
    currency = session.text("currency")
    details = session.node("customer_details")
    invoice = session.node("invoice")
    return CheckoutView(
        id=session.needed("id"),
        paid=session.text("status") == "complete"
        and session.text("payment_status") in _PAID
        and session.text("mode") in _SELLING,
        customer=customer_of(session, "" if details is None else details.text("email")),
        items=tuple(_bought(item) for item in session.nodes("line_items", needed=True)),
        subtotal=subtotal_of(session),
        total=session.money("amount_total", currency),
        subscription_id=session.id_of("subscription"),
        invoice_id=session.id_of("invoice"),
        pay_time=None if invoice is None else _paid_at(invoice),
        marker=marker_of(session.texts("metadata")),
    )


def subtotal_of(session: Node) -> Money | None:
    """Return what a session with ``line_items`` costs before tax, discount and trial.

    A session that begins a trial says 0, since that is due today; its items' prices say the rest.
    """
    subtotal = session.money("amount_subtotal", session.text("currency"))
    if session.text("mode") != "subscription" or subtotal is None or subtotal.minor_units:
        return subtotal
    listed = [_listed(item) for item in session.nodes("line_items")]
    return sum((cost for cost in listed if cost is not None), subtotal)


def _listed(item: Node) -> Money | None:
    price = item.node("price")
    unit = None if price is None else price.money("unit_amount", price.text("currency"))
    return None if unit is None else unit * max(item.number("quantity"), 1)


def to_invoice(invoice: Node) -> InvoiceView:
    """Read an invoice, with ``customer`` and the payments' intents expanded if possible."""
    currency = invoice.needed("currency")
    paid = invoice.money("amount_paid", currency)
    if paid is None:
        raise ObjectUnreadable(f"{invoice.path}.amount_paid is missing")
    periods = [
        period
        for line in invoice.nodes("lines")
        if _is_of_subscription(line) and (period := line.node("period")) is not None
    ]
    parent = _subscription_details(invoice)
    metadata = {} if parent is None else parent.texts("metadata")
    return InvoiceView(
        id=invoice.needed("id"),
        paid=invoice.text("status") == "paid",
        customer=customer_of(invoice, invoice.text("customer_email")),
        amount_paid=paid,
        billing_reason=invoice.text("billing_reason"),
        attempts=invoice.number("attempt_count"),
        subscription_id="" if parent is None else parent.id_of("subscription"),
        # Of a period with changes, lines for parts of it stand beside the line for the next one.
        period_start=_last(periods, "start"),
        period_end=_last(periods, "end"),
        pay_time=_paid_at(invoice),
        failure_code=_failure_code(invoice),
        marker=marker_of(metadata) or marker_of(invoice.texts("metadata")),
    )


def to_subscription(subscription: Node) -> SubscriptionView:
    """Read a subscription with ``customer`` expanded. Its periods are those of its items."""
    status = _STATUSES.get(subscription.needed("status"))
    if status is None:
        raise ObjectUnreadable(f"{subscription.path}.status is a word that is not known here")
    items = list(subscription.nodes("items", needed=True))
    starts = [time for item in items if (time := item.time("current_period_start"))]
    ends = [time for item in items if (time := item.time("current_period_end"))]
    return SubscriptionView(
        id=subscription.needed("id"),
        status=status,
        customer=customer_of(subscription, ""),
        items=tuple(_subscribed(item) for item in items),
        cancel_at_period_end=subscription.flag("cancel_at_period_end"),
        period_start=min(starts, default=None),
        period_end=max(ends, default=None),
        trial_end=subscription.time("trial_end"),
        cancel_time=subscription.time("canceled_at"),
        collection_paused=subscription.has("pause_collection"),
        marker=marker_of(subscription.texts("metadata")),
    )


def customer_of(owner: Node, email: str) -> CustomerView:
    """Read an object's customer, with the names in its metadata if it is expanded."""
    customer = owner.node("customer")
    if customer is None:
        return CustomerView(owner.text("customer"), email)
    metadata = customer.texts("metadata")
    identity = {key: metadata[key] for key in IDENTITY_KEYS if metadata.get(key)}
    return CustomerView(customer.needed("id"), email or customer.text("email"), identity)


def _bought(item: Node) -> Item:
    price = item.node("price")
    return Item(
        price_id="" if price is None else price.needed("id"),
        quantity=max(item.number("quantity"), 1),
        subtotal=item.money("amount_subtotal", item.text("currency")),
    )


def _subscribed(item: Node) -> Item:
    price = item.node("price")
    if price is None:
        raise ObjectUnreadable(f"{item.path}.price is missing")
    # Metered items have no quantity, tiered prices no unit amount: their cost is not known ahead.
    quantity = max(item.number("quantity"), 1)
    unit = price.money("unit_amount", price.text("currency"))
    return Item(price.needed("id"), quantity, None if unit is None else unit * quantity)


def marker_of(metadata: Mapping[str, str]) -> Marker | None:
    """Read what ``requests.marked`` wrote; None if no operation is named."""
    operation = metadata.get(OPERATION_KEY, "")
    if not operation:
        return None
    return Marker(operation, metadata.get(DEPLOYMENT_KEY, ""), metadata.get(ACCOUNT_KEY, ""))


def _paid_at(invoice: Node) -> datetime | None:
    transitions = invoice.node("status_transitions")
    return None if transitions is None else transitions.time("paid_at")


def _subscription_details(owner: Node) -> Node | None:
    parent = owner.node("parent")
    return None if parent is None else parent.node("subscription_details")


def _is_of_subscription(line: Node) -> bool:
    parent = line.node("parent")
    return parent is not None and parent.has("subscription_item_details")


def _last(periods: list[Node], name: str) -> datetime | None:
    return max((time for period in periods if (time := period.time(name))), default=None)


def _failure_code(invoice: Node) -> str:
    """Return the reason of the latest payment that failed, in Stripe's stable word."""
    for payment in invoice.nodes("payments"):
        inner = payment.node("payment")
        intent = None if inner is None else inner.node("payment_intent")
        error = None if intent is None else intent.node("last_payment_error")
        if error is not None:
            return error.text("decline_code") or error.text("code")
    return ""
