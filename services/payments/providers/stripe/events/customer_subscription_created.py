"""A subscription was made, which says nothing about money."""

from services.payments.domain import RootKind
from services.payments.providers.stripe.events.kind import EventKind

KIND = EventKind("customer.subscription.created", RootKind.SUBSCRIPTION)
