"""Changes of a running subscription: what they credit and debit, and the invoice if one is made."""

from datetime import UTC, datetime

from deploy.sandbox.stripe import collection, discounts, invoicing, lifecycle
from deploy.sandbox.stripe.cards import Decline
from deploy.sandbox.stripe.context import Context
from deploy.sandbox.stripe.errors import StripeError, not_covered
from deploy.sandbox.stripe.invoice_shapes import item_line, product_name
from deploy.sandbox.stripe.periods import period_end
from deploy.sandbox.stripe.proration import Charge
from deploy.sandbox.stripe.resources import invoice_items
from deploy.sandbox.stripe.resources.subscription_items import interval
from deploy.sandbox.stripe.shapes import JsonObject, copy_of

BILLED = frozenset({"active", "past_due", "unpaid"})


def settle(
    context: Context,
    before: JsonObject,
    subscription: JsonObject,
    proration: str,
    moment: int,
    *,
    anew: bool,
) -> JsonObject | None:
    """Bill what changed between `before` and `subscription`; the draft of it, if one is due now.

    `proration`: the call's `proration_behavior`. `moment`: the time that counts, in seconds.
    `anew`: the periods begin again now. The subscription changes in place; it is for the caller
    to save it, and to `finish` the draft.
    """
    if anew:
        return _begin_again(context, before, subscription, proration, moment)
    if subscription["status"] not in BILLED:
        return None
    if proration == "none":
        _forgo(context, before, subscription)
        return None
    made = _prorate(context, before, subscription, moment)
    if not made or proration != "always_invoice":
        return None
    return _draft(context, subscription, [])


def _forgo(context: Context, before: JsonObject, subscription: JsonObject) -> None:
    """Without proration a smaller item gives nothing back now, and no more than its own later."""
    known = lifecycle.notes(context, subscription["id"])
    old = {item["id"]: item for item in before["items"]["data"]}
    for item in subscription["items"]["data"]:
        billed, was = known["items"].get(item["id"]), old.get(item["id"])
        if billed is not None and was is not None and not _same(was, item):
            billed["amount"] = min(billed["amount"], _net(context, subscription, item))
    context.tx.save(lifecycle.NOTES, known)


def _begin_again(
    context: Context, before: JsonObject, subscription: JsonObject, proration: str, moment: int
) -> JsonObject:
    """Credit what is left of the old periods and bill new ones that begin now."""
    items = subscription["items"]["data"]
    if len({interval(item) for item in items}) > 1:
        raise not_covered("a change to items with different billing intervals")
    if proration != "none" and before["status"] in BILLED:
        credit_all(context, before, moment)
    restart(context, subscription)
    return _draft(context, subscription, None)


def _draft(
    context: Context, subscription: JsonObject, items: list[JsonObject] | None
) -> JsonObject:
    customer = context.tx.need("customer", subscription["customer"], "customer")
    reason = "subscription_update"
    invoice = invoicing.draft(context, customer, subscription, reason, items)
    subscription["latest_invoice"] = invoice["id"]
    return invoice


def restart(context: Context, subscription: JsonObject) -> None:
    """Begin the periods of all items now, in place."""
    subscription["billing_cycle_anchor"] = context.now
    for item in subscription["items"]["data"]:
        item |= {
            "current_period_start": context.now,
            "current_period_end": period_end(context.now, *interval(item)),
        }


def finish(context: Context, subscription: JsonObject, invoice: JsonObject, payment: str) -> None:
    """Finalise a draft and collect it now; `payment`: the call's `payment_behavior`.

    The subscription is brought up to date in place.
    """
    customer = context.tx.need("customer", invoice["customer"], "customer")
    invoicing.finalize(context, invoice, customer)
    if payment == "default_incomplete" and invoice["amount_due"]:
        collection.intent_for(context, invoice)
        return
    decline = collection.collect(context, invoice)
    if decline is not None and payment == "error_if_incomplete":
        raise unpaid(decline, invoice)
    subscription |= context.tx.need("subscription", subscription["id"], "subscription")


def bill_waiting(context: Context, subscription: JsonObject) -> None:
    """Make, finalise and collect an invoice of what waits for the next one, if anything does."""
    customer, currency = subscription["customer"], subscription["currency"]
    if not invoice_items.pending(context, customer, currency, subscription["id"]):
        return
    before = copy_of(subscription)
    invoice = _draft(context, subscription, [])
    lifecycle.keep_changed(context, before, subscription)
    finish(context, subscription, invoice, "allow_incomplete")


def unpaid(decline: Decline, invoice: JsonObject) -> StripeError:
    """The 402 of a call that is undone because its invoice was not paid."""
    extra: JsonObject = {"invoice": invoice["id"]}
    if decline.decline_code is not None:
        extra["decline_code"] = decline.decline_code
    return StripeError(402, decline.message, kind="card_error", code=decline.code, extra=extra)


def _prorate(context: Context, before: JsonObject, subscription: JsonObject, moment: int) -> bool:
    """Credit and debit every item that changed; whether any did."""
    old = {item["id"]: item for item in before["items"]["data"]}
    new = {item["id"]: item for item in subscription["items"]["data"]}
    made = False
    for name in {**old, **new}:
        was, now = old.get(name), new.get(name)
        if was and now and _same(was, now):
            continue
        if was is not None:
            made |= _credit(context, before, was, moment)
        if now is not None:
            made |= _debit(context, subscription, now, moment)
    return made


def _same(was: JsonObject, now: JsonObject) -> bool:
    return bool(was["price"]["id"] == now["price"]["id"] and was["quantity"] == now["quantity"])


def _credit(context: Context, subscription: JsonObject, item: JsonObject, moment: int) -> bool:
    """Give back what was billed for an item and is not used; whether that is anything."""
    known = lifecycle.notes(context, subscription["id"])
    billed = known["items"].pop(item["id"], None)
    if billed is None:
        return False
    context.tx.save(lifecycle.NOTES, known)
    amount = Charge(billed["amount"], billed["start"], billed["end"]).remaining(moment)
    words = f"Unused time on {_called(context, item)} after {_day(moment)}"
    credited = billed["line"] and {
        "invoice_item": None,
        "invoice_line_item_details": {
            "invoice": billed["invoice"],
            "invoice_line_items": [billed["line"]],
        },
        "type": "invoice_line_items",
    }
    return _add(context, subscription, item, -amount, words, moment, credited)


def credit_all(context: Context, subscription: JsonObject, moment: int) -> None:
    """Give back what is not used of all items after `moment`."""
    for item in subscription["items"]["data"]:
        _credit(context, subscription, item, moment)


def _debit(context: Context, subscription: JsonObject, item: JsonObject, moment: int) -> bool:
    """Ask for the rest of the period under an item's new terms; whether that is anything."""
    full = _net(context, subscription, item)
    start, end = item["current_period_start"], item["current_period_end"]
    words = f"Remaining time on {_called(context, item)} after {_day(moment)}"
    amount = Charge(full, start, end).remaining(moment)
    known = lifecycle.notes(context, subscription["id"])
    known["items"][item["id"]] = {
        "amount": full,
        "start": start,
        "end": end,
        "invoice": None,
        "line": None,
    }
    context.tx.save(lifecycle.NOTES, known)
    return _add(context, subscription, item, amount, words, moment, None)


def debit_all(context: Context, subscription: JsonObject, moment: int) -> None:
    """Ask for what is left of the periods of all items after `moment`."""
    for item in subscription["items"]["data"]:
        _debit(context, subscription, item, moment)


def _net(context: Context, subscription: JsonObject, item: JsonObject) -> int:
    """What an item costs for a whole period, less the subscription's discounts."""
    line = item_line(context, "", item, subscription["currency"], trial=False)
    names = discounts.active(context, subscription["discounts"])
    discounts.take_off(context, [line], names)
    return discounts.left(line)


def _add(
    context: Context,
    subscription: JsonObject,
    item: JsonObject,
    amount: int,
    words: str,
    moment: int,
    credited: JsonObject | None,
) -> bool:
    if amount == 0:
        return False
    customer = context.tx.need("customer", subscription["customer"], "customer")
    given: JsonObject = {
        "description": words,
        # The discounts of the subscription are in the amount already.
        "discountable": False,
        "metadata": dict(item["metadata"]),
        "period": {"start": moment, "end": item["current_period_end"]},
        "pricing": {
            "price_details": {"price": item["price"]["id"], "product": item["price"]["product"]},
            "type": "price_details",
            "unit_amount_decimal": item["price"]["unit_amount_decimal"],
        },
        "proration": True,
        "proration_details": {"credited_items": credited, "discount_amounts": []},
        "quantity": item["quantity"],
        "subscription": subscription["id"],
    }
    made = invoice_items.make(context, customer, amount, subscription["currency"], given)
    made["parent"]["subscription_details"]["subscription_item"] = item["id"]
    context.tx.save(invoice_items.KIND, made)
    return True


def _called(context: Context, item: JsonObject) -> str:
    name, quantity = product_name(context, item["price"]), item["quantity"]
    return f"{quantity} × {name}" if quantity != 1 else name


def _day(moment: int) -> str:
    return datetime.fromtimestamp(moment, tz=UTC).strftime("%d %b %Y")
