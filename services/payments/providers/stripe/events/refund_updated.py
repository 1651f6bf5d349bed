"""A refund changed: one that was pending may have succeeded."""

from services.payments.domain import RootKind
from services.payments.providers.stripe.events.kind import EventKind

KIND = EventKind("refund.updated", RootKind.REFUND)
