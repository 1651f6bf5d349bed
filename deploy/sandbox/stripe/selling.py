"""The subscription that a completed checkout session begins, and its first invoice."""

from deploy.sandbox.stripe import discounts, invoicing, renewing
from deploy.sandbox.stripe.beginning import begin
from deploy.sandbox.stripe.context import Context
from deploy.sandbox.stripe.events import emit
from deploy.sandbox.stripe.resources import customers, invoice_items
from deploy.sandbox.stripe.resources.checkout_sessions import DAY, offer_of
from deploy.sandbox.stripe.shapes import JsonObject, merge_metadata


def subscribe(
    context: Context,
    session: JsonObject,
    customer: JsonObject,
    intent: JsonObject | None,
    method: JsonObject | None,
) -> None:
    """Begin the subscription of a session, which changes in place, and close its first invoice.

    `intent` has paid it; None or a setup intent where nothing was due.
    """
    order = context.tx.need("order", session["id"], "session")
    subscription = _begin(context, session, customer, order, method)
    before = dict(customer)
    if customer["currency"] is None:
        customer["currency"] = session["currency"]
        customers.save_changed(context, before, customer)
    _discount(context, subscription, order, session["id"])
    once = _once(context, customer, subscription, order)
    invoice = invoicing.draft(context, customer, subscription, "subscription_create", agreed=once)
    subscription["latest_invoice"] = invoice["id"]
    context.tx.save("subscription", subscription)
    emit(context, "customer.subscription.created", subscription)
    _warn(context, subscription)
    invoicing.finalize(context, invoice, customer, alone=True)
    paid = intent if intent is not None and intent["object"] == "payment_intent" else None
    invoicing.pay(context, invoice, paid)
    session |= {"invoice": invoice["id"], "subscription": subscription["id"]}


def _begin(
    context: Context,
    session: JsonObject,
    customer: JsonObject,
    order: JsonObject,
    method: JsonObject | None,
) -> JsonObject:
    data = order["subscription_data"]
    sold = [item for item in order["items"] if item["price"]["recurring"]]
    given: JsonObject = {
        "currency": session["currency"],
        "default_payment_method": method["id"] if method else None,
        "description": data.get("description"),
        "metadata": merge_metadata({}, data.get("metadata", {})),
    }
    if "trial_settings" in data:
        given["trial_settings"] = data["trial_settings"]
    days = data.get("trial_period_days")
    subscription = begin(
        context,
        customer,
        [(item["price"], item["quantity"]) for item in sold],
        given,
        trial_end=context.now + days * DAY if days else data.get("trial_end"),
    )
    for item, at in zip(subscription["items"]["data"], sold, strict=True):
        item["metadata"] = dict(at["metadata"])
    return subscription


def _once(
    context: Context, customer: JsonObject, subscription: JsonObject, order: JsonObject
) -> list[JsonObject]:
    """What is sold once beside the recurring prices, as invoice items of the first invoice."""
    return [
        invoice_items.of_price(
            context,
            customer,
            item["price"],
            item["quantity"],
            subscription["currency"],
            {"metadata": dict(item["metadata"]), "subscription": subscription["id"]},
        )
        for item in order["items"]
        if not item["price"]["recurring"]
    ]


def _discount(
    context: Context, subscription: JsonObject, order: JsonObject, session_id: str
) -> None:
    offer = offer_of(order)
    if offer is None:
        return
    customer, name = subscription["customer"], subscription["id"]
    given = discounts.give(context, offer, customer, subscription=name, session=session_id)
    subscription["discounts"] = [given["id"]]
    emit(context, "customer.discount.created", given)


def _warn(context: Context, subscription: JsonObject) -> None:
    """A trial that is too short for a warning in time is announced at once."""
    end = subscription["trial_end"]
    if end is not None and end - context.now <= renewing.TRIAL_WARNING_SECONDS:
        renewing.warn(context, subscription)
