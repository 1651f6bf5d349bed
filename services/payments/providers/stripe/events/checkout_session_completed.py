"""A checkout was completed. Its money may still be on the way: only the fetched session tells."""

from services.payments.domain import RootKind
from services.payments.providers.stripe.events.kind import EventKind

KIND = EventKind("checkout.session.completed", RootKind.CHECKOUT)
