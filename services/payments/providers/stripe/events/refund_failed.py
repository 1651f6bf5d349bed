"""A refund failed, perhaps after it had succeeded: the money is with us again."""

from services.payments.domain import RootKind
from services.payments.providers.stripe.events.kind import EventKind

KIND = EventKind("refund.failed", RootKind.REFUND)
