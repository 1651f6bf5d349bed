"""A delayed payment of a checkout arrived: the session, fetched, is paid now."""

from services.payments.domain import RootKind
from services.payments.providers.stripe.events.kind import EventKind

KIND = EventKind("checkout.session.async_payment_succeeded", RootKind.CHECKOUT)
