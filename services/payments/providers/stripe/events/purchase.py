"""What the events of one purchase, or of one renewal, say of each other. Pure.

A checkout that begins a subscription is told of by events of the session, of the subscription and
of its first invoice. A fetch of the session shows all three. That an invoice was paid is told of by
two events at once, of which one fetch is enough.
"""

import re

from services.payments.domain import ObjectRef, RootKind
from services.payments.providers.stripe.events.kind import Payload

_ID = re.compile(r"[A-Za-z0-9_\-]{1,255}")
_TOLD_OF_TWICE = ("subscription_create", "subscription_cycle")
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


def begins_or_renews(invoice: Payload) -> bool:
    """Tell whether an invoice is one that a subscription begins with or is renewed by.

    Of the first one its checkout tells too; for a renewal nobody waits.
    """
    return invoice.get("billing_reason") in _TOLD_OF_TWICE


def always(_payload: Payload) -> bool:
    """Say yes."""
    return True
