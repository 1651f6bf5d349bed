"""Subscriptions that begin by a call, and the invoice that begins or resumes one."""

from deploy.sandbox.stripe import changing, collection, invoicing, lifecycle, renewing
from deploy.sandbox.stripe.beginning import begin
from deploy.sandbox.stripe.context import Call, Context
from deploy.sandbox.stripe.errors import invalid, missing_param
from deploy.sandbox.stripe.events import emit
from deploy.sandbox.stripe.resources import customers, price_details, prices, subscription_items
from deploy.sandbox.stripe.shapes import JsonObject, merge_metadata
from deploy.sandbox.stripe.subscription_terms import (
    add_invoice_items,
    apply_cancellation,
    apply_discounts,
    apply_plain,
    check_covered,
    trial_end_of,
)

DAY = 86400


def create(call: Call) -> JsonObject:
    """A subscription as the parameters of a call say, with its first invoice and its payment."""
    subscription, invoice = opened(call)
    if invoice["amount_due"]:
        payment = call.params.get("payment_behavior", "allow_incomplete")
        _collect_first(call.context, invoice, payment)
    return call.tx.need("subscription", subscription["id"], "id")


def opened(call: Call) -> tuple[JsonObject, JsonObject]:
    """The subscription that the parameters ask for, and its first invoice, open or paid."""
    values, context = call.params, call.context
    check_covered(values)
    customer = customers.find(call, values["customer"], "customer")
    sold = _sold(call)
    currency = _currency(call, sold)
    trial_end = _trial_end(call, sold)
    given = {"currency": currency}
    subscription = begin(context, customer, sold, given, trial_end=trial_end)
    for item, wanted in zip(subscription["items"]["data"], values["items"], strict=True):
        item["metadata"] = merge_metadata({}, wanted.get("metadata", {}))
    apply_plain(context, subscription, values)
    apply_cancellation(context, subscription, values)
    apply_discounts(context, subscription, values)
    add_invoice_items(context, subscription, values)
    return subscription, open_first(context, customer, subscription)


def _sold(call: Call) -> list[tuple[JsonObject, int]]:
    """The prices and quantities of the call's items."""
    wanted = call.params.get("items")
    if not wanted:
        raise missing_param("items")
    currency = call.params.get("currency", "").lower() or None
    found = []
    for at, values in enumerate(wanted):
        param = f"items[{at}]"
        if "price_data" in values:
            price = prices.make(
                call.context, values["price_data"], f"{param}[price_data]", inline=True
            )
            name = price["id"]
        elif "price" in values:
            name = values["price"]
        else:
            raise missing_param(f"{param}[price]")
        price = subscription_items.recurring_price(call.context, name, currency, f"{param}[price]")
        if "price" in values and not price["active"]:
            message = "The price specified is inactive. This field only accepts active prices."
            raise invalid(message, f"{param}[price]", "price_inactive")
        found.append((price, values.get("quantity", 1)))
    if len({price["id"] for price, _ in found}) < len(found):
        raise invalid("Cannot add multiple subscription items with the same plan.", "items")
    return found


def _currency(call: Call, sold: list[tuple[JsonObject, int]]) -> str:
    currency = str(call.params.get("currency") or sold[0][0]["currency"]).lower()
    for price, _ in sold:
        if price_details.in_currency(call.tx, price, currency) is None:
            message = f"Price `{price['id']}` is not available in {currency}."
            raise invalid(message, "items")
    return currency


def _trial_end(call: Call, sold: list[tuple[JsonObject, int]]) -> int | None:
    values = call.params
    days = values.get("trial_period_days")
    if "trial_end" in values and days:
        message = "You may only specify one of these parameters: trial_end, trial_period_days."
        raise invalid(message)
    if "trial_end" in values:
        return trial_end_of(call.context, values["trial_end"])
    if days is None and values.get("trial_from_plan"):
        known = [price["recurring"]["trial_period_days"] for price, _ in sold]
        days = max((at for at in known if at), default=None)
    return call.now + days * DAY if days else None


def open_first(context: Context, customer: JsonObject, subscription: JsonObject) -> JsonObject:
    """The first invoice of a new subscription, opened, and paid if it asks for nothing."""
    before = dict(customer)
    if customer["currency"] is None:
        customer["currency"] = subscription["currency"]
        customers.save_changed(context, before, customer)
    invoice = invoicing.draft(context, customer, subscription, "subscription_create")
    subscription["latest_invoice"] = invoice["id"]
    if invoice["amount_due"] and subscription["status"] == "active":
        subscription["status"] = "incomplete"
    context.tx.save("subscription", subscription)
    emit(context, "customer.subscription.created", subscription)
    _warn_of_short_trial(context, subscription)
    invoicing.finalize(context, invoice, customer)
    if invoice["amount_due"] == 0:
        invoicing.pay(context, invoice, None)
    return invoice


def _warn_of_short_trial(context: Context, subscription: JsonObject) -> None:
    end = subscription["trial_end"]
    if end is not None and end - context.now <= renewing.TRIAL_WARNING_SECONDS:
        renewing.warn(context, subscription)


def _collect_first(context: Context, invoice: JsonObject, payment: str) -> None:
    if payment == "default_incomplete":
        _await_payment(context, invoice)
        return
    if collection.method_for(context, invoice) is None:
        message = (
            "This customer has no attached payment source or default payment method. Please "
            "consider adding a default payment method. For more information, visit "
            "https://stripe.com/docs/billing/subscriptions/payment-methods-setting#payment-"
            "method-priority."
        )
        raise invalid(message, code="resource_missing")
    decline = collection.collect(context, invoice)
    if decline is not None and payment == "error_if_incomplete":
        raise changing.unpaid(decline, invoice)


def _await_payment(context: Context, invoice: JsonObject) -> None:
    """Make the intent that somebody is to confirm, with the saved card if there is one."""
    intent = collection.intent_for(context, invoice)
    method = collection.method_for(context, invoice)
    if method is not None:
        intent |= {"payment_method": method["id"], "status": "requires_confirmation"}
        context.tx.save("payment_intent", intent)


def invoice_resumption(
    context: Context,
    before: JsonObject,
    subscription: JsonObject,
    items: list[JsonObject] | None,
    behavior: str | None,
) -> None:
    """Bill a resumption; a pause that ends on payment only goes on until that invoice is paid."""
    customer = context.tx.need("customer", subscription["customer"], "customer")
    reason = "subscription_cycle" if items is None else "subscription_update"
    subscription["status"] = "active"  # as which it is billed
    invoice = invoicing.draft(context, customer, subscription, reason, items)
    subscription |= {"status": "paused", "latest_invoice": invoice["id"]}
    context.tx.save("subscription", subscription)
    if behavior == "resume_on_payment_success" and invoice["amount_due"]:
        known = lifecycle.notes(context, subscription["id"])
        context.tx.save(lifecycle.NOTES, {**known, "resume": invoice["id"]})
        lifecycle.keep_changed(context, before, subscription)
    else:
        lifecycle.resumed(context, subscription, before)
    invoicing.finalize(context, invoice, customer)
    collection.collect(context, invoice)
    subscription |= context.tx.need("subscription", subscription["id"], "subscription")
