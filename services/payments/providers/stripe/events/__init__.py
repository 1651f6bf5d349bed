"""Event types that have an effect: one module each, one map. Pure.

A type that is not in the map is stored and ignored.
"""

from collections.abc import Mapping
from types import MappingProxyType

from services.payments.domain import ObjectRef
from services.payments.providers.stripe.events import (
    charge_dispute_closed,
    charge_dispute_created,
    charge_dispute_funds_reinstated,
    charge_dispute_funds_withdrawn,
    charge_dispute_updated,
    checkout_session_async_payment_failed,
    checkout_session_async_payment_succeeded,
    checkout_session_completed,
    customer_subscription_created,
    customer_subscription_deleted,
    customer_subscription_paused,
    customer_subscription_resumed,
    customer_subscription_updated,
    invoice_paid,
    invoice_payment_failed,
    invoice_payment_succeeded,
    refund_created,
    refund_failed,
    refund_updated,
)
from services.payments.providers.stripe.events.kind import EventKind

HANDLED: Mapping[str, EventKind] = MappingProxyType(
    {
        module.KIND.type: module.KIND
        for module in (
            charge_dispute_closed,
            charge_dispute_created,
            charge_dispute_funds_reinstated,
            charge_dispute_funds_withdrawn,
            charge_dispute_updated,
            checkout_session_async_payment_failed,
            checkout_session_async_payment_succeeded,
            checkout_session_completed,
            customer_subscription_created,
            customer_subscription_deleted,
            customer_subscription_paused,
            customer_subscription_resumed,
            customer_subscription_updated,
            invoice_paid,
            invoice_payment_failed,
            invoice_payment_succeeded,
            refund_created,
            refund_failed,
            refund_updated,
        )
    }
)
"""The dispatch map: what each type is about, and what it proves by itself."""


def root_of(event_type: str, object_id: str) -> ObjectRef | None:
    """Return the object to fetch for an event; None for a type without effect."""
    kind = HANDLED.get(event_type)
    return None if kind is None else ObjectRef(kind.root, object_id)
