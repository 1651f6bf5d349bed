"""Stripe's refunds and disputes as views of ours, joined to what they take back. Pure.

Only a refund that succeeded has moved money; an inquiry (``warning_…``) has not, a dispute has.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from services.payments.domain import ObjectRef, RootKind
from services.payments.errors import ObjectUnreadable
from services.payments.providers.stripe.objects import customer_of, marker_of
from services.payments.providers.stripe.reading import Node
from services.payments.views import CustomerView, Marker, ReversalKind, ReversalView

_REFUNDS: Mapping[str, tuple[ReversalKind, ...]] = MappingProxyType(
    {
        "succeeded": (ReversalKind.REFUND,),
        "failed": (ReversalKind.REFUND_FAILED,),
        "canceled": (ReversalKind.REFUND_FAILED,),
    }
)
_DISPUTES: Mapping[str, tuple[ReversalKind, ...]] = MappingProxyType(
    {
        "needs_response": (ReversalKind.DISPUTE,),
        "under_review": (ReversalKind.DISPUTE,),
        "lost": (ReversalKind.DISPUTE,),
        "won": (ReversalKind.DISPUTE, ReversalKind.DISPUTE_WON),
    }
)


@dataclass(frozen=True, slots=True)
class Joined:
    """What lists showed of the payment: its invoice and the checkout; None where there is none."""

    invoice: Node | None = None
    session: Node | None = None


def to_reversal(root: ObjectRef, moved: Node, joined: Joined) -> ReversalView:
    """Read a refund or dispute with ``charge.customer`` and ``payment_intent`` expanded."""
    table = _REFUNDS if root.kind is RootKind.REFUND else _DISPUTES
    currency = moved.needed("currency")
    amount = moved.money("amount", currency)
    charge = moved.node("charge")
    paid = None if charge is None else charge.money("amount_captured", currency)
    if amount is None:
        raise ObjectUnreadable(f"{moved.path}.amount is missing")
    return ReversalView(
        kind=root.kind,
        id=moved.needed("id"),
        movements=table.get(moved.text("status"), ()) if amount.minor_units else (),
        amount=amount,
        paid=paid or amount,
        customer=CustomerView() if charge is None else customer_of(charge, ""),
        time=moved.time("created"),
        invoice_id="" if joined.invoice is None else joined.invoice.needed("id"),
        subscription_id="" if joined.invoice is None else subscription_of(joined.invoice),
        checkout_id="" if joined.session is None else joined.session.needed("id"),
        reason=moved.text("failure_reason") or moved.text("reason"),
        marker=_marker(moved, joined),
    )


def took(dispute: Node) -> bool:
    """Tell whether a dispute holds the money or has taken it: no inquiry, and none that was won."""
    movements = _DISPUTES.get(dispute.text("status"), ())
    return movements[-1:] == (ReversalKind.DISPUTE,)


def subscription_of(invoice: Node) -> str:
    """Return the subscription that an invoice is for; empty for none."""
    details = _details(invoice)
    return "" if details is None else details.id_of("subscription")


def _details(invoice: Node) -> Node | None:
    parent = invoice.node("parent")
    return None if parent is None else parent.node("subscription_details")


def _marker(moved: Node, joined: Joined) -> Marker | None:
    """Return what we wrote into the refund, or else into what was paid."""
    details = None if joined.invoice is None else _details(joined.invoice)
    for written in (moved, details, joined.invoice, moved.node("payment_intent")):
        marker = None if written is None else marker_of(written.texts("metadata"))
        if marker is not None:
            return marker
    return None
