"""Subscriptions: begun by a paid checkout, changed and ended by calls."""

from deploy.sandbox.stripe import paging, params
from deploy.sandbox.stripe.api import Route
from deploy.sandbox.stripe.context import Call, Context
from deploy.sandbox.stripe.errors import invalid, no_such, not_covered
from deploy.sandbox.stripe.events import emit
from deploy.sandbox.stripe.ids import new_id
from deploy.sandbox.stripe.resources import subscription_items
from deploy.sandbox.stripe.shapes import (
    JsonObject,
    copy_of,
    difference,
    listing,
    merge_metadata,
)

ENDED = frozenset({"canceled", "incomplete_expired"})
DETAILS: params.Fields = {
    "comment": params.text(clearable=True),
    "feedback": params.one_of(
        "customer_service",
        "low_quality",
        "missing_features",
        "other",
        "switched_service",
        "too_complex",
        "too_expensive",
        "unused",
        clearable=True,
    ),
}
PRORATION = params.one_of("always_invoice", "create_prorations", "none")
UPDATE_FIELDS: params.Fields = {
    "cancel_at_period_end": params.boolean(),
    "cancellation_details": params.nested(DETAILS),
    "description": params.text(clearable=True, longest=500),
    "items": params.array(params.nested(subscription_items.FIELDS), most=20),
    "metadata": params.metadata(),
    "pause_collection": params.nested(
        {
            "behavior": params.one_of("keep_as_draft", "mark_uncollectible", "void", required=True),
            "resumes_at": params.integer(),
        },
        clearable=True,
    ),
    "proration_behavior": PRORATION,
}
CANCEL_FIELDS: params.Fields = {
    "cancellation_details": params.nested(DETAILS),
    "invoice_now": params.boolean(),
    "prorate": params.boolean(),
}
LIST_FIELDS: params.Fields = {
    **params.PAGING,
    "created": params.time_range(),
    "customer": params.text(),
    "price": params.text(),
    "status": params.one_of(
        "active",
        "all",
        "canceled",
        "ended",
        "incomplete",
        "incomplete_expired",
        "past_due",
        "paused",
        "trialing",
        "unpaid",
    ),
}


def begin(
    context: Context,
    customer: JsonObject,
    prices: list[tuple[JsonObject, int]],
    given: JsonObject,
) -> JsonObject:
    """A new active subscription to prices and quantities, not saved; `given` overrides fields."""
    subscription_id = new_id("subscription")
    items = [
        subscription_items.make(context, subscription_id, price, quantity, context.now)
        for price, quantity in prices
    ]
    return {
        "id": subscription_id,
        "object": "subscription",
        "application": None,
        "application_fee_percent": None,
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": context.now,
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
        "status": "active",
        "test_clock": None,
        "transfer_data": None,
        "trial_end": None,
        "trial_settings": {"end_behavior": {"missing_payment_method": "create_invoice"}},
        "trial_start": None,
    } | given


def retrieve(call: Call) -> JsonObject:
    """GET /v1/subscriptions/:id."""
    return call.tx.need("subscription", call.path["id"], "id")


def update(call: Call) -> JsonObject:
    """POST /v1/subscriptions/:id. Price changes take effect at once and prorate nothing yet."""
    subscription = retrieve(call)
    values = call.params
    free = {"cancellation_details", "expand", "metadata"}
    if subscription["status"] in ENDED and not values.keys() <= free:
        message = "A canceled subscription can only update its cancellation_details and metadata."
        raise invalid(message)
    before = copy_of(subscription)
    if "items" in values:
        _change_items(call, subscription)
    if "cancel_at_period_end" in values:
        _cancel_at_period_end(call, subscription)
    for name in ("description", "pause_collection"):
        if name in values:
            subscription[name] = values[name]
    if subscription["pause_collection"]:
        subscription["pause_collection"].setdefault("resumes_at", None)
    if "metadata" in values:
        subscription["metadata"] = merge_metadata(subscription["metadata"], values["metadata"])
    subscription["cancellation_details"] |= values.get("cancellation_details", {})
    changed = difference(before, subscription)
    if changed:
        call.tx.save("subscription", subscription)
        emit(call.context, "customer.subscription.updated", subscription, changed)
    return subscription


def _change_items(call: Call, subscription: JsonObject) -> None:
    if call.params.get("proration_behavior") == "always_invoice":
        raise not_covered("proration (always_invoice)")
    subscription_items.change(call, subscription, call.params["items"])


def _cancel_at_period_end(call: Call, subscription: JsonObject) -> None:
    wanted = call.params["cancel_at_period_end"]
    if wanted == subscription["cancel_at_period_end"]:
        return
    ends = [item["current_period_end"] for item in subscription["items"]["data"]]
    subscription |= {
        "cancel_at_period_end": wanted,
        "cancel_at": max(ends) if wanted else None,
        "canceled_at": call.now if wanted else None,
    }
    subscription["cancellation_details"]["reason"] = "cancellation_requested" if wanted else None


def cancel(call: Call) -> JsonObject:
    """DELETE /v1/subscriptions/:id: ends it now."""
    subscription = retrieve(call)
    if subscription["status"] in ENDED:
        raise no_such("subscription", subscription["id"], "id")
    if call.params.get("prorate"):
        raise not_covered("proration at a cancellation")
    return end(call.context, subscription, call.params.get("cancellation_details"))


def end(context: Context, subscription: JsonObject, details: JsonObject | None) -> JsonObject:
    """End a subscription now, with its event."""
    subscription |= {
        "status": "canceled",
        "canceled_at": subscription["canceled_at"] or context.now,
        "ended_at": context.now,
    }
    reason = {"reason": "cancellation_requested"}
    subscription["cancellation_details"] |= reason | (details or {})
    context.tx.save("subscription", subscription)
    emit(context, "customer.subscription.deleted", subscription)
    return subscription


def list_all(call: Call) -> JsonObject:
    """GET /v1/subscriptions, by customer, price, status; ended ones only when asked for."""
    wanted, price = call.params.get("status"), call.params.get("price")

    def keep(item: JsonObject) -> bool:
        if price and all(at["price"]["id"] != price for at in item["items"]["data"]):
            return False
        if wanted in (None, "ended"):
            return (item["status"] in ENDED) == (wanted == "ended")
        return wanted in ("all", item["status"])

    return paging.page(call, "subscription", "/v1/subscriptions", keep=keep, by=("customer",))


ROUTES = (
    Route("GET", "/v1/subscriptions", list_all, LIST_FIELDS),
    Route("GET", "/v1/subscriptions/{id}", retrieve, {}),
    Route("POST", "/v1/subscriptions/{id}", update, UPDATE_FIELDS),
    Route("DELETE", "/v1/subscriptions/{id}", cancel, CANCEL_FIELDS),
)
