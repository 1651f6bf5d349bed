"""Stripe's objects as what selling works with. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from services.chassis.money import Money
from services.payments.commerce import Page, PageState, Refund, Standing, StandingItem
from services.payments.errors import ObjectUnreadable
from services.payments.providers.stripe.objects import subtotal_of, to_subscription
from services.payments.providers.stripe.reading import Node

_STATES: Mapping[str, PageState] = MappingProxyType(
    {state.value.lower(): state for state in PageState}
)
_PAID = frozenset({"paid", "no_payment_required"})
_LOST = frozenset({"failed", "canceled"})


def to_page(session: Node) -> Page:
    """Read a session with ``line_items`` expanded."""
    state = _STATES.get(session.text("status"))
    if state is None:
        raise ObjectUnreadable(f"{session.path}.status is a word that is not known here")
    return Page(
        id=session.needed("id"),
        state=state,
        paid=state is PageState.COMPLETE and session.text("payment_status") in _PAID,
        url=session.text("url") if state is PageState.OPEN else "",
        expire_time=session.time("expires_at"),
        customer_id=session.id_of("customer"),
        subscription_id=session.id_of("subscription"),
        subtotal=subtotal_of(session),
    )


def to_standing(subscription: Node) -> Standing:
    """Read a subscription with ``customer`` expanded."""
    view = to_subscription(subscription)
    items = [
        StandingItem(item.needed("id"), price.needed("id"), max(item.number("quantity"), 1))
        for item in subscription.nodes("items", needed=True)
        if (price := item.node("price")) is not None
    ]
    return Standing(view, tuple(items))


def to_refund(refund: Node) -> Refund:
    """Read a refund."""
    amount = refund.money("amount", refund.needed("currency"))
    if amount is None:
        raise ObjectUnreadable(f"{refund.path}.amount is missing")
    return Refund(refund.needed("id"), amount, failed=refund.text("status") in _LOST)


def disputed_of(dispute: Node, paid: Money) -> Money:
    """Return what a dispute takes of a payment: all, if the bank counts in another currency."""
    amount = dispute.money("amount", dispute.needed("currency"))
    if amount is None:
        raise ObjectUnreadable(f"{dispute.path}.amount is missing")
    return amount if amount.currency == paid.currency else paid


@dataclass(frozen=True, slots=True)
class Collected:
    """A payment intent that an invoice was paid with, and when."""

    payment_id: str
    time: datetime | None


def payments_of(payments: Iterable[Node]) -> Iterable[Collected]:
    """Return what was collected by an invoice's payments."""
    for payment in payments:
        inner = payment.node("payment")
        if payment.text("status") == "paid" and inner is not None:
            intent = inner.id_of("payment_intent")
            if intent:
                transitions = payment.node("status_transitions")
                yield Collected(
                    intent, None if transitions is None else transitions.time("paid_at")
                )
