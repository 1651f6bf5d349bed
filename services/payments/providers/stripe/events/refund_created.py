"""A refund was made; whether it succeeded, only the refund itself says."""

from services.payments.domain import RootKind
from services.payments.providers.stripe.events.kind import EventKind

KIND = EventKind("refund.created", RootKind.REFUND)
