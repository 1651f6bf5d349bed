"""What is sent to Stripe, as its own library types it. Pure.

The metadata of what is made names our operation, deployment and account (rule 4); a checkout passes
them on to its subscription, so that the subscription and its invoices bind too.
"""

from collections.abc import Mapping, Sequence

from stripe.params import (
    CustomerCreateParams,
    RefundCreateParams,
    SubscriptionUpdateParams,
    SubscriptionUpdateParamsItem,
)
from stripe.params.checkout import SessionCreateParams

from services.payments.commerce import (
    BilledItem,
    Charge,
    EndMode,
    ItemChange,
    NewCheckout,
    NewCustomer,
    Standing,
    item_changes,
)
from services.payments.providers.stripe.objects import (
    ACCOUNT_KEY,
    DEPLOYMENT_KEY,
    OPERATION_KEY,
    marker_of,
)
from services.payments.providers.stripe.reading import to_amount
from services.payments.views import IDENTITY_KEYS, Marker

REASON_KEY = "tollgate_reason"
FURTHER_KEY = "tollgate_refund_of"


def marked(marker: Marker) -> dict[str, str]:
    """Return metadata that says whose an object is."""
    return {
        OPERATION_KEY: marker.operation_id,
        DEPLOYMENT_KEY: marker.deployment,
        ACCOUNT_KEY: marker.account_id,
    }


def refunded_by(metadata: Mapping[str, str], marker: Marker) -> bool:
    """Tell whether a refund with this metadata was made with a marker, as a further one too."""
    return marker_of(metadata) == marker or metadata.get(FURTHER_KEY) == marker.operation_id


def customer(wanted: NewCustomer, marker: Marker) -> CustomerCreateParams:
    """Say how to make a customer."""
    identity = {key: wanted.identity[key] for key in IDENTITY_KEYS if wanted.identity.get(key)}
    params: CustomerCreateParams = {"metadata": {**identity, **marked(marker)}}
    if wanted.email:
        params["email"] = wanted.email
    return params


def checkout(
    wanted: NewCheckout, customer_id: str, promotion: str, marker: Marker
) -> SessionCreateParams:
    """Say how to make a session."""
    params: SessionCreateParams = {
        "mode": "subscription" if wanted.recurring else "payment",
        "customer": customer_id,
        # A price may be sold in several currencies; its own is not always the quote's.
        "currency": wanted.subtotal.currency,
        "line_items": [
            {"price": item.price_id, "quantity": item.quantity} for item in wanted.items
        ],
        "success_url": wanted.success_url,
        "expires_at": int(wanted.expire_time.timestamp()),
        "metadata": marked(marker),
        "expand": ["line_items"],
    }
    if wanted.cancel_url:
        params["cancel_url"] = wanted.cancel_url
    if wanted.recurring:
        params["subscription_data"] = {"metadata": marked(marker)}
        if wanted.trial_days:
            params["subscription_data"]["trial_period_days"] = wanted.trial_days
    else:
        params["payment_intent_data"] = {"metadata": marked(marker)}
    if promotion:
        params["discounts"] = [{"promotion_code": promotion}]
    return params


def change(standing: Standing, wanted: Sequence[BilledItem]) -> SubscriptionUpdateParams | None:
    """Say how to bill for other items; None if that is so already.

    The difference goes onto the next invoice (``create_prorations``): charging for an upgrade at
    once (``always_invoice``) would make every change able to be declined, and when money is asked
    for is the product's to decide. Another interval is charged at once whatever we say; if that is
    declined nothing changes (``error_if_incomplete``).
    """
    changes = item_changes(standing.items, tuple(wanted))
    if not changes:
        return None
    return {
        "items": [_item(one) for one in changes],
        "payment_behavior": "error_if_incomplete",
        "proration_behavior": "create_prorations",
    }


def _item(one: ItemChange) -> SubscriptionUpdateParamsItem:
    if not one.quantity:
        return {"id": one.item_id, "deleted": True}
    params: SubscriptionUpdateParamsItem = {"quantity": one.quantity}
    if one.item_id:
        params["id"] = one.item_id
    if one.price_id:
        params["price"] = one.price_id
    return params


def end(mode: EndMode) -> SubscriptionUpdateParams:
    """Say how to end later, or go on; what ends now is no update."""
    return {"cancel_at_period_end": mode is EndMode.AT_PERIOD_END}


def refund(charge: Charge, marker: Marker, reason: str, *, further: bool) -> RefundCreateParams:
    """Say how to give back what is left of a payment.

    A ``further`` refund of an operation names it where no marker is read from.
    """
    metadata = {FURTHER_KEY: marker.operation_id} if further else marked(marker)
    return {
        "payment_intent": charge.payment_id,
        "amount": to_amount(charge.left),
        "metadata": {**metadata, REASON_KEY: reason},
    }
