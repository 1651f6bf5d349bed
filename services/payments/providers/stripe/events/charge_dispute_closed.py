"""A dispute was won, lost or dropped."""

from services.payments.domain import RootKind
from services.payments.providers.stripe.events.kind import EventKind

KIND = EventKind("charge.dispute.closed", RootKind.DISPUTE)
