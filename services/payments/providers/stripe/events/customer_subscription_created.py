"""A subscription was made, which says nothing about money."""

from services.payments.domain import RootKind
from services.payments.providers.stripe.events.kind import EventKind
from services.payments.providers.stripe.events.purchase import always, begun_with

KIND = EventKind(
    "customer.subscription.created", RootKind.SUBSCRIPTION, shows=begun_with, follows=always
)
