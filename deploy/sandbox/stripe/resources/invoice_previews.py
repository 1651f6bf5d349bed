"""Invoice previews: the very steps of a change or a renewal, done, looked at and undone."""

from deploy.sandbox.stripe import (
    changing,
    discounts,
    invoicing,
    lifecycle,
    params,
    renewing,
    subscribing,
    updating,
)
from deploy.sandbox.stripe.api import Route
from deploy.sandbox.stripe.context import Call
from deploy.sandbox.stripe.errors import StripeError, invalid, missing_param
from deploy.sandbox.stripe.ids import new_id
from deploy.sandbox.stripe.resources import customers, invoice_items, subscription_fields
from deploy.sandbox.stripe.shapes import JsonObject, copy_of

DETAILS: params.Fields = {
    "billing_cycle_anchor": subscription_fields.ANCHOR,
    "cancel_at": params.text(clearable=True),
    "cancel_at_period_end": params.boolean(),
    "cancel_now": params.boolean(),
    "items": subscription_fields.UPDATE["items"],
    "metadata": params.metadata(),
    "proration_behavior": subscription_fields.PRORATION,
    "proration_date": params.integer(),
    "trial_end": params.text(),
}
FIELDS: params.Fields = {
    "currency": params.text(longest=3),
    "customer": params.text(),
    "discounts": discounts.FIELDS,
    "invoice_items": params.array(params.nested(invoice_items.AMOUNT), most=250),
    "preview_mode": params.one_of("next", "recurring"),
    "subscription": params.text(),
    "subscription_details": params.nested(DETAILS),
}


def create(call: Call) -> JsonObject:
    """POST /v1/invoices/create_preview: what would be billed; nothing is changed by it."""
    try:
        invoice = copy_of(_of_subscription(call) if "subscription" in call.params else _new(call))
    finally:
        call.tx.rollback()
    return _as_preview(invoice)


def _of_subscription(call: Call) -> JsonObject:
    values, context = call.params, call.context
    name = values["subscription"]
    subscription = call.tx.need("subscription", name, "subscription", status=400)
    if values.get("customer", subscription["customer"]) != subscription["customer"]:
        raise invalid("The subscription does not belong to the customer.", "customer")
    _add_items(call, subscription)
    before = copy_of(subscription)
    details = dict(values.get("subscription_details", {}))
    cancels = details.pop("cancel_now", False)
    if "discounts" in values:
        details["discounts"] = values["discounts"]
    if values.get("preview_mode") == "recurring":
        details["proration_behavior"] = "none"
        _drop_pending(call, subscription)
    if cancels:
        return _last(call, subscription, details)
    invoice = updating.apply(context, before, subscription, details)
    call.tx.save("subscription", subscription)
    return invoice or _renewal(call, subscription)


def _add_items(call: Call, subscription: JsonObject) -> None:
    """Let the items that the call brings along wait for the next invoice."""
    customer = call.tx.need("customer", subscription["customer"], "customer")
    for at, values in enumerate(call.params.get("invoice_items", [])):
        if "amount" not in values:
            raise missing_param(f"invoice_items[{at}][amount]")
        given = {name: values[name] for name in values if name not in ("amount", "currency")}
        given["subscription"] = subscription["id"]
        currency = subscription["currency"]
        invoice_items.make(call.context, customer, values["amount"], currency, given)


def _pending(call: Call, subscription: JsonObject) -> list[JsonObject]:
    customer, currency = subscription["customer"], subscription["currency"]
    return invoice_items.pending(call.context, customer, currency, subscription["id"])


def _drop_pending(call: Call, subscription: JsonObject) -> None:
    for item in _pending(call, subscription):
        call.tx.discard(invoice_items.KIND, item["id"])


def _last(call: Call, subscription: JsonObject, details: JsonObject) -> JsonObject:
    """The invoice of an end now."""
    if details.get("proration_behavior") != "none":
        moment = details.get("proration_date", call.now)
        changing.credit_all(call.context, subscription, moment)
    if not _pending(call, subscription):
        raise _nothing(subscription["customer"])
    customer = call.tx.need("customer", subscription["customer"], "customer")
    reason = "subscription_update"
    return invoicing.draft(call.context, customer, subscription, reason, [])


def _renewal(call: Call, subscription: JsonObject) -> JsonObject:
    """The invoice of the next period."""
    if subscription["status"] in (*lifecycle.ENDED, "paused"):
        raise _nothing(subscription["customer"])
    moment = min(item["current_period_end"] for item in subscription["items"]["data"])
    if subscription["cancel_at"] is not None and subscription["cancel_at"] <= moment:
        raise _nothing(subscription["customer"])
    invoice = renewing.renew(call.context.at(moment), subscription)
    if invoice is None:
        raise _nothing(subscription["customer"])
    return invoice


def _new(call: Call) -> JsonObject:
    """The first invoice of a subscription that is not there yet, or what waits for a customer."""
    values, context = call.params, call.context
    if "customer" not in values:
        raise missing_param("customer")
    customer = customers.find(call, values["customer"], "customer")
    details = values.get("subscription_details", {})
    if details.get("items"):
        chosen = ("customer", "currency", "discounts")
        wanted = {name: values[name] for name in chosen if name in values}
        also = {
            name: details[name] for name in ("items", "metadata", "trial_end") if name in details
        }
        return subscribing.opened(Call(context, {**wanted, **also}, {}))[1]
    currency = str(values.get("currency") or customer["currency"] or "usd").lower()
    if not invoice_items.pending(context, customer["id"], currency, None):
        raise _nothing(customer["id"])
    return invoicing.manual(context, customer, currency, [], waiting=True)


def _nothing(customer: str) -> StripeError:
    message = f"No upcoming invoices for customer: '{customer}'"
    return StripeError(404, message, code="invoice_upcoming_none")


def _as_preview(invoice: JsonObject) -> JsonObject:
    preview_id = new_id("upcoming")
    lines = invoice["lines"]["data"]
    invoice |= {
        "id": preview_id,
        "amount_paid": 0,
        "amount_remaining": invoice["amount_due"],
        "attempt_count": 0,
        "attempted": False,
        "automatically_finalizes_at": None,
        "billing_reason": "upcoming",
        "effective_at": None,
        "hosted_invoice_url": None,
        "next_payment_attempt": invoice["created"] + invoicing.DRAFT_SECONDS,
        "number": None,
        "status": "draft",
        "status_transitions": dict.fromkeys(invoice["status_transitions"]),
    }
    invoice["lines"] |= {
        "data": [{**line, "invoice": preview_id} for line in lines],
        "url": f"/v1/invoices/upcoming/lines?customer={invoice['customer']}",
    }
    return invoice


ROUTES = (Route("POST", "/v1/invoices/create_preview", create, FIELDS),)
