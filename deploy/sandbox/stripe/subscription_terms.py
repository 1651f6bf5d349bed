"""What the calls that create and update subscriptions say alike."""

from deploy.sandbox.stripe import discounts
from deploy.sandbox.stripe.context import Context
from deploy.sandbox.stripe.errors import invalid, no_such, not_covered
from deploy.sandbox.stripe.events import emit
from deploy.sandbox.stripe.resources import invoice_items, price_details
from deploy.sandbox.stripe.shapes import JsonObject, merge_metadata

LONGEST_TRIAL = 2 * 366 * 86400
NO_SETTINGS: JsonObject = {
    "payment_method_options": None,
    "payment_method_types": None,
    "save_default_payment_method": "off",
}


def check_covered(values: JsonObject) -> None:
    """Refuse the modes that are not covered."""
    if values.get("collection_method") == "send_invoice":
        raise not_covered("subscriptions with collection_method send_invoice")
    if values.get("payment_behavior") == "pending_if_incomplete":
        raise not_covered("payment_behavior pending_if_incomplete")


def apply_plain(context: Context, subscription: JsonObject, values: JsonObject) -> None:
    """Set the fields that are taken as they are, in place."""
    for name in ("description", "trial_settings"):
        if name in values:
            subscription[name] = values[name]
    if "default_payment_method" in values:
        subscription["default_payment_method"] = _owned_method(
            context, values["default_payment_method"], subscription["customer"]
        )
    if "payment_settings" in values:
        known = subscription["payment_settings"] or NO_SETTINGS
        subscription["payment_settings"] = {**known, **values["payment_settings"]}
    if "metadata" in values:
        subscription["metadata"] = merge_metadata(subscription["metadata"], values["metadata"])


def _owned_method(context: Context, name: str | None, customer: str) -> str | None:
    """The id of a payment method, which must be that customer's."""
    param = "default_payment_method"
    method = context.tx.get("payment_method", name) if name else None
    if name is not None and method is None:
        raise no_such("PaymentMethod", name, param, 400)
    if method is not None and method["customer"] != customer:
        message = (
            f"The customer does not have a payment method with the ID {name}. The payment method "
            "must be attached to the customer."
        )
        raise invalid(message, param, "resource_missing")
    return name


def trial_end_of(context: Context, wanted: str) -> int:
    """The end of a trial in seconds, from `now` or a time."""
    if wanted == "now":
        return context.now
    if not wanted.isdecimal():
        raise invalid(f"Invalid integer: {wanted}", "trial_end", "parameter_invalid_integer")
    if int(wanted) <= context.now:
        message = "Invalid timestamp: must be an integer Unix timestamp in the future."
        raise invalid(message, "trial_end")
    if int(wanted) > context.now + LONGEST_TRIAL:
        raise invalid("Invalid timestamp: can be no more than two years away.", "trial_end")
    return int(wanted)


def apply_cancellation(context: Context, subscription: JsonObject, values: JsonObject) -> None:
    """Set when a subscription ends by itself, in place."""
    if "cancel_at" in values and "cancel_at_period_end" in values:
        message = "You may only specify one of these parameters: cancel_at, cancel_at_period_end."
        raise invalid(message)
    if "cancel_at" in values:
        _end_at(context, subscription, _moment(context, subscription, values["cancel_at"]))
    wanted = values.get("cancel_at_period_end", subscription["cancel_at_period_end"])
    if wanted != subscription["cancel_at_period_end"]:
        _end_at(context, subscription, max(_ends(subscription)) if wanted else None)
        subscription["cancel_at_period_end"] = wanted


def _ends(subscription: JsonObject) -> list[int]:
    return [item["current_period_end"] for item in subscription["items"]["data"]]


def _moment(context: Context, subscription: JsonObject, wanted: str | None) -> int | None:
    if wanted is None:
        return None
    if wanted in ("min_period_end", "max_period_end"):
        return (min if wanted == "min_period_end" else max)(_ends(subscription))
    if not wanted.isdecimal() or int(wanted) <= context.now:
        message = "Invalid timestamp: must be an integer Unix timestamp in the future."
        raise invalid(message, "cancel_at")
    return int(wanted)


def _end_at(context: Context, subscription: JsonObject, moment: int | None) -> None:
    ends = moment is not None
    subscription |= {
        "cancel_at": moment,
        "cancel_at_period_end": False,
        "canceled_at": context.now if ends else None,
    }
    reason = "cancellation_requested" if ends else None
    subscription["cancellation_details"]["reason"] = reason


def apply_discounts(context: Context, subscription: JsonObject, values: JsonObject) -> None:
    """Set the discounts that a call names, in place: new ones, and those it keeps by id."""
    if "discounts" not in values:
        return
    wanted = values["discounts"] or []
    kept = [at["discount"] for at in wanted if at.get("discount") in subscription["discounts"]]
    customer = subscription["customer"]
    found = discounts.offers(
        context,
        [at for at in wanted if at.get("discount") not in kept],
        customer=customer,
        currency=subscription["currency"],
        amount=full_amount(context, subscription),
    )
    for offer in found:
        given = discounts.give(context, offer, customer, subscription=subscription["id"])
        kept.append(given["id"])
        emit(context, "customer.discount.created", given)
    for name in subscription["discounts"]:
        if name not in kept:
            gone = context.tx.need(discounts.KIND, name, "discount")
            emit(context, "customer.discount.deleted", gone)
    subscription["discounts"] = kept


def add_invoice_items(context: Context, subscription: JsonObject, values: JsonObject) -> None:
    """Let one-time prices that a call brings along come with the subscription's next invoice."""
    customer = context.tx.need("customer", subscription["customer"], "customer")
    for at, wanted in enumerate(values.get("add_invoice_items", [])):
        price = invoice_items.one_time_price(
            context, wanted["price"], f"add_invoice_items[{at}][price]"
        )
        metadata = merge_metadata({}, wanted.get("metadata", {}))
        given: JsonObject = {"metadata": metadata, "subscription": subscription["id"]}
        quantity, currency = wanted.get("quantity", 1), subscription["currency"]
        invoice_items.of_price(context, customer, price, quantity, currency, given)


def full_amount(context: Context, subscription: JsonObject) -> int:
    """What a subscription asks for its items before discounts, in minor units."""
    return sum(
        price_details.amount(context.tx, item["price"], item["quantity"], subscription["currency"])
        for item in subscription["items"]["data"]
    )
