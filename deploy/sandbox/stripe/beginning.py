"""The shape of a subscription, and how one begins."""

from collections.abc import Sequence

from deploy.sandbox.stripe.context import Context
from deploy.sandbox.stripe.ids import new_id
from deploy.sandbox.stripe.resources import subscription_items
from deploy.sandbox.stripe.shapes import JsonObject, listing


def begin(
    context: Context,
    customer: JsonObject,
    prices: Sequence[tuple[JsonObject, int]],
    given: JsonObject,
    *,
    trial_end: int | None = None,
) -> JsonObject:
    """A new subscription to prices and quantities, not saved; `given` overrides fields.

    `trial_end`: it is in trial until then, in seconds; else it is active.
    """
    subscription_id = new_id("subscription")
    items = [
        subscription_items.make(
            context, subscription_id, price, quantity, context.now, end=trial_end
        )
        for price, quantity in prices
    ]
    return {
        "id": subscription_id,
        "object": "subscription",
        "application": None,
        "application_fee_percent": None,
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": trial_end or context.now,
        "billing_cycle_anchor_config": None,
        "billing_mode": {"type": "flexible", "flexible": {"proration_discounts": "included"}},
        "billing_schedules": [],
        "billing_thresholds": None,
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "cancellation_details": {"comment": None, "feedback": None, "reason": None},
        "collection_method": "charge_automatically",
        "created": context.now,
        "currency": prices[0][0]["currency"],
        "customer": customer["id"],
        "customer_account": None,
        "days_until_due": None,
        "default_payment_method": None,
        "default_source": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": [],
        "ended_at": None,
        "invoice_settings": {
            "account_tax_ids": None,
            "custom_fields": None,
            "description": None,
            "footer": None,
            "issuer": {"type": "self"},
        },
        "items": listing(items, f"/v1/subscription_items?subscription={subscription_id}"),
        "latest_invoice": None,
        "livemode": False,
        "managed_payments": None,
        "metadata": {},
        "next_pending_invoice_item_invoice": None,
        "on_behalf_of": None,
        "pause_collection": None,
        "payment_settings": {
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": "off",
        },
        "pending_invoice_item_interval": None,
        "pending_setup_intent": None,
        "pending_update": None,
        "schedule": None,
        "start_date": context.now,
        "status": "trialing" if trial_end else "active",
        "test_clock": customer["test_clock"],
        "transfer_data": None,
        "trial_end": trial_end,
        "trial_settings": {"end_behavior": {"missing_payment_method": "create_invoice"}},
        "trial_start": context.now if trial_end else None,
    } | given
