"""A delayed payment of a checkout arrived: the session, fetched, is paid now."""

from services.payments.domain import RootKind
from services.payments.providers.stripe.events.kind import EventKind
from services.payments.providers.stripe.events.purchase import begun_by

KIND = EventKind("checkout.session.async_payment_succeeded", RootKind.CHECKOUT, shows=begun_by)
