"""Collecting an invoice from a saved card, without its owner: the first time and again."""

from deploy.sandbox.stripe import charging, dunning, invoicing, lifecycle
from deploy.sandbox.stripe.cards import Decline
from deploy.sandbox.stripe.context import Context
from deploy.sandbox.stripe.resources import intent_shape, invoice_payments
from deploy.sandbox.stripe.shapes import JsonObject

DESCRIPTIONS = {
    "subscription_create": "Subscription creation",
    "subscription_cycle": "Subscription update",
    "subscription_update": "Subscription update",
}
NO_METHOD = Decline(
    "resource_missing",
    None,
    "There is no default payment method set on this Customer or Subscription.",
)
OWNER_WANTED = Decline(
    "invoice_payment_intent_requires_action",
    None,
    "Payment for this invoice requires additional user action before it can be completed "
    "successfully. Payment can be completed using the PaymentIntent associated with the invoice.",
)


def due(context: Context, invoice: JsonObject) -> int | None:
    """When an invoice is to be finalised or tried again, in seconds."""
    if invoice["status"] == "draft" and invoice["auto_advance"]:
        moment: int | None = invoice["automatically_finalizes_at"]
        return moment
    if invoice["status"] == "open":
        return invoice["next_payment_attempt"] and int(invoice["next_payment_attempt"])
    return None


def run(context: Context, invoice: JsonObject) -> None:
    """Finalise a draft whose hour is over and collect it, or try an open invoice again."""
    if invoice["status"] == "open":
        collect(context, invoice)
        return
    customer = context.tx.need("customer", invoice["customer"], "customer")
    invoicing.finalize(context, invoice, customer)
    paused = _paused(context, invoice)
    if paused == "void":
        invoicing.void(context, invoice)
    elif paused == "mark_uncollectible":
        invoicing.give_up(context, invoice)
    else:
        collect(context, invoice)


def _paused(context: Context, invoice: JsonObject) -> str | None:
    subscription = subscription_for(context, invoice)
    pause = subscription["pause_collection"] if subscription else None
    return str(pause["behavior"]) if pause else None


def subscription_for(context: Context, invoice: JsonObject) -> JsonObject | None:
    """The subscription that an invoice is for."""
    name = lifecycle.subscription_of(invoice)
    return context.tx.get("subscription", name) if name else None


def collect(
    context: Context, invoice: JsonObject, method: JsonObject | None = None
) -> Decline | None:
    """One attempt to be paid an open invoice; answers why not, if not.

    The invoice and its subscription are written, not changed in place. `method` is used instead
    of the saved one.
    """
    if invoice["amount_remaining"] == 0:
        invoicing.pay(context, invoice, None)
        return None
    method = method or method_for(context, invoice)
    if method is None:
        dunning.failed_invoice(context, invoice)
        return NO_METHOD
    intent = charging.charge_again(context, intent_for(context, invoice), method)
    if intent["status"] == "requires_action":
        dunning.failed_invoice(context, invoice, action=True)
        return OWNER_WANTED
    error = intent["last_payment_error"]
    if intent["status"] == "succeeded" or error is None:
        return None
    return Decline(error["code"], error.get("decline_code"), error["message"])


def method_for(context: Context, invoice: JsonObject) -> JsonObject | None:
    """The saved card that an invoice is charged to: its own, the subscription's, the customer's."""
    customer = context.tx.need("customer", invoice["customer"], "customer")
    return saved_method(context, customer, invoice, subscription_for(context, invoice))


def saved_method(
    context: Context, customer: JsonObject, *owners: JsonObject | None
) -> JsonObject | None:
    """The first default payment method of these owners, at last of the customer."""
    names = [owner["default_payment_method"] for owner in owners if owner]
    names.append(customer["invoice_settings"]["default_payment_method"])
    known = (context.tx.get("payment_method", name) for name in names if name)
    return next((method for method in known if method and method["customer"]), None)


def intent_for(context: Context, invoice: JsonObject) -> JsonObject:
    """The payment intent of an open invoice: one for all attempts, made at the first."""
    payment = invoice_payments.open_of(context, invoice)
    if payment is not None:
        name = payment["payment"]["payment_intent"]
        intent = context.tx.need("payment_intent", name, "intent")
        if intent["status"] != "canceled":
            return intent
        invoice_payments.cancel(context, payment)
    given: JsonObject = {
        "customer": invoice["customer"],
        "description": DESCRIPTIONS.get(invoice["billing_reason"]),
        "setup_future_usage": "off_session",
    }
    amount, currency = invoice["amount_remaining"], invoice["currency"]
    intent = intent_shape.make(context, amount, currency, given)
    invoice_payments.open_for(context, invoice, intent)
    return intent
