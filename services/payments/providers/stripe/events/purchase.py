"""What the events of one purchase say of each other. Pure.

A checkout that begins a subscription is told of by events of the session, of the subscription and
of its first invoice. A fetch of the session shows all three.
"""

import re

from services.payments.domain import ObjectRef, RootKind
from services.payments.providers.stripe.events.kind import Payload

_ID = re.compile(r"[A-Za-z0-9_\-]{1,255}")
_BEGUN = (("subscription", RootKind.SUBSCRIPTION), ("invoice", RootKind.INVOICE))


def begun_by(session: Payload) -> tuple[ObjectRef, ...]:
    """Return what a session has begun, as far as it names it."""
    named = ((session.get(name), kind) for name, kind in _BEGUN)
    return tuple(
        ObjectRef(kind, found)
        for found, kind in named
        if isinstance(found, str) and _ID.fullmatch(found)
    )


def begun_with(subscription: Payload) -> tuple[ObjectRef, ...]:
    """Return the first invoice of a subscription, as far as it names it."""
    found = subscription.get("latest_invoice")
    if not isinstance(found, str) or not _ID.fullmatch(found):
        return ()
    return (ObjectRef(RootKind.INVOICE, found),)


def is_first_invoice(invoice: Payload) -> bool:
    """Tell whether an invoice is the one that a subscription begins with."""
    return invoice.get("billing_reason") == "subscription_create"


def always(_payload: Payload) -> bool:
    """Say yes."""
    return True
