"""A paused subscription goes on."""

from services.payments.domain import RootKind
from services.payments.providers.stripe.events.kind import EventKind

KIND = EventKind("customer.subscription.resumed", RootKind.SUBSCRIPTION)
