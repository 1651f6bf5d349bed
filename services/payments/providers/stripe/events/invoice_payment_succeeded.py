"""A payment of an invoice went through; one fact with invoice.paid."""

from services.payments.domain import RootKind
from services.payments.providers.stripe.events.kind import EventKind
from services.payments.providers.stripe.events.purchase import begins_or_renews

KIND = EventKind("invoice.payment_succeeded", RootKind.INVOICE, follows=begins_or_renews)
