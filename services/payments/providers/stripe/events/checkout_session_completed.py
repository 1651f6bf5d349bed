"""A checkout was completed. Its money may still be on the way: only the fetched session tells."""

from services.payments.domain import RootKind
from services.payments.providers.stripe.events.kind import EventKind
from services.payments.providers.stripe.events.purchase import begun_by

KIND = EventKind("checkout.session.completed", RootKind.CHECKOUT, shows=begun_by)
