"""Subscriptions: begun by a call or by a paid checkout, changed, paused and ended by calls."""

from deploy.sandbox.stripe import (
    changing,
    discounts,
    lifecycle,
    paging,
    renewing,
    subscribing,
    updating,
)
from deploy.sandbox.stripe.api import Route
from deploy.sandbox.stripe.beginning import begin
from deploy.sandbox.stripe.context import Call
from deploy.sandbox.stripe.errors import invalid, no_such
from deploy.sandbox.stripe.events import emit
from deploy.sandbox.stripe.lifecycle import ENDED, end
from deploy.sandbox.stripe.resources import subscription_fields as fields
from deploy.sandbox.stripe.shapes import JsonObject, copy_of

__all__ = ["ROUTES", "begin", "end"]


def create(call: Call) -> JsonObject:
    """POST /v1/subscriptions: its first invoice is finalised, and charged to the saved card."""
    return subscribing.create(call)


def retrieve(call: Call) -> JsonObject:
    """GET /v1/subscriptions/:id."""
    return call.tx.need("subscription", call.path["id"], "id")


def update(call: Call) -> JsonObject:
    """POST /v1/subscriptions/:id."""
    subscription = retrieve(call)
    free = {"cancellation_details", "expand", "metadata"}
    if subscription["status"] in ENDED and not call.params.keys() <= free:
        message = "A canceled subscription can only update its cancellation_details and metadata."
        raise invalid(message)
    return updating.update(call.context, subscription, call.params)


def cancel(call: Call) -> JsonObject:
    """DELETE /v1/subscriptions/:id: ends it now, with a credit for the rest if asked."""
    subscription = retrieve(call)
    if subscription["status"] in ENDED:
        raise no_such("subscription", subscription["id"], "id")
    context = call.context
    if call.params.get("prorate") and subscription["status"] in changing.BILLED:
        changing.credit_all(context, subscription, call.now)
    if call.params.get("invoice_now"):
        changing.bill_waiting(context, subscription)
    return end(context, subscription, call.params.get("cancellation_details"))


def pause(call: Call) -> JsonObject:
    """POST /v1/subscriptions/:id/pause: nothing is billed until it resumes."""
    subscription = retrieve(call)
    if subscription["status"] not in ("active", "past_due", "trialing"):
        message = f"You cannot pause a subscription with a status of {subscription['status']}."
        raise invalid(message)
    unused = call.params.get("bill_for", {}).get("unused_time_from", {}).get("type", "now")
    context = call.context
    if unused != "none" and subscription["status"] in changing.BILLED:
        start = subscription["items"]["data"][0]["current_period_start"]
        changing.credit_all(context, subscription, call.now if unused == "now" else start)
        if call.params.get("invoicing_behavior") == "invoice":
            changing.bill_waiting(context, subscription)
    lifecycle.paused(context, subscription)
    return subscription


def resume(call: Call) -> JsonObject:
    """POST /v1/subscriptions/:id/resume: from now, or within the periods it had."""
    subscription = retrieve(call)
    if subscription["status"] != "paused":
        message = f"You cannot resume a subscription with a status of {subscription['status']}."
        raise invalid(message)
    context, before = call.context, copy_of(subscription)
    subscription |= {"trial_end": None, "trial_start": None}
    if call.params.get("billing_cycle_anchor", {}).get("type", "now") == "now":
        changing.restart(context, subscription)
        items: list[JsonObject] | None = None
    else:
        _go_on(call, subscription)
        items = []
    if items is None or call.params.get("proration_behavior") == "always_invoice":
        behavior = call.params.get("payment_behavior")
        subscribing.invoice_resumption(context, before, subscription, items, behavior)
    else:
        lifecycle.resumed(context, subscription, before)
    return call.tx.need("subscription", subscription["id"], "id")


def _go_on(call: Call, subscription: JsonObject) -> None:
    """Resume within the unchanged periods; the rest of the present one is asked for."""
    renewing.catch_up(call.context, subscription)
    if call.params.get("proration_behavior", "create_prorations") != "none":
        moment = call.params.get("proration_date", call.now)
        changing.debit_all(call.context, subscription, moment)


def delete_discount(call: Call) -> JsonObject:
    """DELETE /v1/subscriptions/:id/discount: takes its discounts away."""
    subscription = retrieve(call)
    if not subscription["discounts"]:
        raise no_such("discount", subscription["id"], "id")
    before = copy_of(subscription)
    found = call.tx.need(discounts.KIND, subscription["discounts"][0], "discount")
    subscription["discounts"] = []
    lifecycle.keep_changed(call.context, before, subscription)
    emit(call.context, "customer.discount.deleted", found)
    return {**found, "deleted": True}


def list_all(call: Call) -> JsonObject:
    """GET /v1/subscriptions, by customer, price, status; ended ones only when asked for.

    Those on a test clock are only listed by their clock or their customer.
    """
    values = call.params
    wanted, price = values.get("status"), values.get("price")

    def keep(item: JsonObject) -> bool:
        if "customer" not in values and item["test_clock"] != values.get("test_clock"):
            return False
        if price and all(at["price"]["id"] != price for at in item["items"]["data"]):
            return False
        if wanted in (None, "ended"):
            return (item["status"] in ENDED) == (wanted == "ended")
        return wanted in ("all", item["status"])

    by = ("customer", "collection_method", "test_clock")
    return paging.page(call, "subscription", "/v1/subscriptions", keep=keep, by=by)


URL = "/v1/subscriptions"
ROUTES = (
    Route("POST", URL, create, fields.CREATE),
    Route("GET", URL, list_all, fields.LIST),
    Route("GET", f"{URL}/{{id}}", retrieve, {}),
    Route("POST", f"{URL}/{{id}}", update, fields.UPDATE),
    Route("DELETE", f"{URL}/{{id}}", cancel, fields.CANCEL),
    Route("POST", f"{URL}/{{id}}/pause", pause, fields.PAUSE),
    Route("POST", f"{URL}/{{id}}/resume", resume, fields.RESUME),
    Route("DELETE", f"{URL}/{{id}}/discount", delete_discount, {}),
)
