"""A dispute gave its money back."""

from services.payments.domain import RootKind
from services.payments.providers.stripe.events.kind import EventKind

KIND = EventKind("charge.dispute.funds_reinstated", RootKind.DISPUTE)
