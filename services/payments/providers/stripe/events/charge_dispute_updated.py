"""A dispute changed, as an inquiry that became one."""

from services.payments.domain import RootKind
from services.payments.providers.stripe.events.kind import EventKind

KIND = EventKind("charge.dispute.updated", RootKind.DISPUTE)
