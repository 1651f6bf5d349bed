"""A card's owner disputes a payment, or asks about it."""

from services.payments.domain import RootKind
from services.payments.providers.stripe.events.kind import EventKind

KIND = EventKind("charge.dispute.created", RootKind.DISPUTE)
