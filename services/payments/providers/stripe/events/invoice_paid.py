"""An invoice was paid, also outside of the provider; one fact with invoice.payment_succeeded."""

from services.payments.domain import RootKind
from services.payments.providers.stripe.events.kind import EventKind
from services.payments.providers.stripe.events.purchase import is_first_invoice

KIND = EventKind("invoice.paid", RootKind.INVOICE, follows=is_first_invoice)
