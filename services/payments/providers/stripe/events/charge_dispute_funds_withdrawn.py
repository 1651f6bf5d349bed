"""A dispute took its money."""

from services.payments.domain import RootKind
from services.payments.providers.stripe.events.kind import EventKind

KIND = EventKind("charge.dispute.funds_withdrawn", RootKind.DISPUTE)
