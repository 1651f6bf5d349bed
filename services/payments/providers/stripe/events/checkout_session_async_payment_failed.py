"""A delayed payment of a checkout failed: the session stays unpaid and no fact follows."""

from services.payments.domain import RootKind
from services.payments.providers.stripe.events.kind import EventKind

KIND = EventKind("checkout.session.async_payment_failed", RootKind.CHECKOUT)
