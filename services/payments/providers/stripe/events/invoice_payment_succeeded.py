"""A payment of an invoice went through; one fact with invoice.paid."""

from services.payments.domain import RootKind
from services.payments.providers.stripe.events.kind import EventKind
from services.payments.providers.stripe.events.purchase import is_first_invoice

KIND = EventKind("invoice.payment_succeeded", RootKind.INVOICE, follows=is_first_invoice)
