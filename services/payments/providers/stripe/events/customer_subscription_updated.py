"""A subscription changed. Several in one second are normal: the fetched one is what counts."""

from services.payments.domain import RootKind
from services.payments.providers.stripe.events.kind import EventKind

KIND = EventKind("customer.subscription.updated", RootKind.SUBSCRIPTION)
