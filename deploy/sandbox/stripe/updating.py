"""The update of a subscription by a call: one matter after the other, then what it costs."""

from deploy.sandbox.stripe import changing, lifecycle
from deploy.sandbox.stripe import subscription_terms as terms
from deploy.sandbox.stripe.context import Context
from deploy.sandbox.stripe.resources import subscription_items
from deploy.sandbox.stripe.shapes import JsonObject, copy_of


def update(context: Context, subscription: JsonObject, values: JsonObject) -> JsonObject:
    """Apply the parameters of an update; answers the subscription as it then is."""
    terms.check_covered(values)
    before = copy_of(subscription)
    invoice = apply(context, before, subscription, values)
    lifecycle.keep_changed(context, before, subscription)
    if invoice is not None:
        payment = values.get("payment_behavior", "allow_incomplete")
        changing.finish(context, subscription, invoice, payment)
    return context.tx.need("subscription", subscription["id"], "id")


def apply(
    context: Context, before: JsonObject, subscription: JsonObject, values: JsonObject
) -> JsonObject | None:
    """Change a subscription in place; the draft of what is to be paid now, if anything is."""
    terms.apply_plain(context, subscription, values)
    terms.apply_discounts(context, subscription, values)
    terms.add_invoice_items(context, subscription, values)
    _apply_pause(subscription, values)
    if "items" in values:
        subscription_items.change(context, subscription, values["items"])
    trial_over = _apply_trial(context, before, subscription, values)
    terms.apply_cancellation(context, subscription, values)
    details = values.get("cancellation_details", {})
    subscription["cancellation_details"] = {**subscription["cancellation_details"], **details}
    proration = values.get("proration_behavior", "create_prorations")
    moment = values.get("proration_date", context.now)
    anew = trial_over or _begins_anew(before, subscription, values)
    return changing.settle(context, before, subscription, proration, moment, anew=anew)


def _apply_pause(subscription: JsonObject, values: JsonObject) -> None:
    if "pause_collection" in values:
        pause = values["pause_collection"]
        subscription["pause_collection"] = pause and {"resumes_at": None, **pause}


def _apply_trial(
    context: Context, before: JsonObject, subscription: JsonObject, values: JsonObject
) -> bool:
    """Begin, move or end a trial; whether it ended."""
    if "trial_end" not in values:
        return False
    end = terms.trial_end_of(context, values["trial_end"])
    trialing = bool(subscription["status"] == "trialing")
    if end <= context.now:
        if trialing:
            subscription |= {"status": "active", "trial_end": end}
        return trialing
    if not trialing:
        if values.get("proration_behavior") != "none" and before["status"] in changing.BILLED:
            changing.credit_all(context, before, values.get("proration_date", context.now))
        for item in subscription["items"]["data"]:
            item["current_period_start"] = context.now
        subscription |= {"status": "trialing", "trial_start": context.now}
    subscription |= {"trial_end": end, "billing_cycle_anchor": end}
    for item in subscription["items"]["data"]:
        item["current_period_end"] = end
    return False


def _begins_anew(before: JsonObject, subscription: JsonObject, values: JsonObject) -> bool:
    """Whether the periods begin again now: on demand, or with another interval."""
    if subscription["status"] not in changing.BILLED:
        return False
    if values.get("billing_cycle_anchor", {}).get("type") == "now":
        return True
    known = {item["id"]: item for item in before["items"]["data"]}
    return any(
        subscription_items.interval(item) != subscription_items.interval(known[item["id"]])
        for item in subscription["items"]["data"]
        if item["id"] in known
    )
