"""An invoice was paid, also outside of the provider; one fact with invoice.payment_succeeded."""

from services.payments.domain import RootKind
from services.payments.providers.stripe.events.kind import EventKind
from services.payments.providers.stripe.events.purchase import begins_or_renews

KIND = EventKind("invoice.paid", RootKind.INVOICE, follows=begins_or_renews)
