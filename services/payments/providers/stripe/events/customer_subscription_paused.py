"""A subscription was paused, or its trial ended without a payment method."""

from services.payments.domain import RootKind
from services.payments.providers.stripe.events.kind import EventKind

KIND = EventKind("customer.subscription.paused", RootKind.SUBSCRIPTION)
