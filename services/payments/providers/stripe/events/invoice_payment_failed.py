"""A try to collect an invoice failed.

The invoice, fetched, counts all tries; which of them this event tells of only its payload says.
"""

from services.payments.domain import RootKind
from services.payments.errors import ObjectUnreadable
from services.payments.providers.stripe.events.kind import EventKind, Payload
from services.payments.views import Proof


def _prove(payload: Payload | None) -> Proof:
    if payload is None:
        return Proof(payment_failed=True)
    attempt = payload.get("attempt_count")
    if type(attempt) is not int or attempt < 0:
        raise ObjectUnreadable("attempt_count of the event's invoice is no count")
    return Proof(payment_failed=True, attempt=attempt)


KIND = EventKind("invoice.payment_failed", RootKind.INVOICE, _prove)
