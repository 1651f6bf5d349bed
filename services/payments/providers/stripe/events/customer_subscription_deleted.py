"""A subscription is over; fetched, it is still there and says canceled."""

from services.payments.domain import RootKind
from services.payments.providers.stripe.events.kind import EventKind

KIND = EventKind("customer.subscription.deleted", RootKind.SUBSCRIPTION)
