"""What time does to a subscription: renewals, the end of a trial, the end itself."""

from deploy.sandbox.stripe import collection, invoicing, lifecycle
from deploy.sandbox.stripe.context import Context
from deploy.sandbox.stripe.events import emit
from deploy.sandbox.stripe.periods import next_end, period_at
from deploy.sandbox.stripe.shapes import JsonObject, copy_of

TRIAL_WARNING_SECONDS = 3 * 86400
INCOMPLETE_SECONDS = 23 * 3600


def due(context: Context, subscription: JsonObject) -> int | None:
    """When something next happens to a subscription by itself, in seconds."""
    status = subscription["status"]
    if status in lifecycle.ENDED:
        return None
    moments = [subscription["cancel_at"]]
    if status == "incomplete":
        moments.append(subscription["created"] + INCOMPLETE_SECONDS)
    elif status != "paused":
        moments.append(_first_end(subscription))
    if subscription["pause_collection"]:
        moments.append(subscription["pause_collection"]["resumes_at"])
    if status == "trialing" and not _told(context, subscription):
        moments.append(subscription["trial_end"] - TRIAL_WARNING_SECONDS)
    known = [int(moment) for moment in moments if moment is not None]
    return min(known) if known else None


def _first_end(subscription: JsonObject) -> int:
    return min(int(item["current_period_end"]) for item in subscription["items"]["data"])


def _told(context: Context, subscription: JsonObject) -> bool:
    known = lifecycle.notes(context, subscription["id"])
    return bool(known["told_trial_end"] == subscription["trial_end"])


def run(context: Context, subscription: JsonObject) -> None:
    """Do the one thing that is due."""
    cancel_at, pause = subscription["cancel_at"], subscription["pause_collection"]
    if subscription["status"] == "incomplete":
        _expire(context, subscription)
    elif cancel_at is not None and cancel_at <= context.now:
        lifecycle.end(context, subscription, None)
    elif pause and pause["resumes_at"] is not None and pause["resumes_at"] <= context.now:
        _collect_again(context, subscription)
    elif subscription["status"] == "trialing" and not _told(context, subscription):
        warn(context, subscription)
    else:
        renew(context, subscription)


def _expire(context: Context, subscription: JsonObject) -> None:
    """The first invoice was not paid in time."""
    for invoice in lifecycle.invoices_of(context, subscription):
        if invoice["status"] == "open":
            invoicing.void(context, context.tx.need("invoice", invoice["id"], "invoice"))
    before = copy_of(subscription)
    subscription |= {"status": "incomplete_expired", "ended_at": context.now}
    lifecycle.keep_changed(context, before, subscription)


def _collect_again(context: Context, subscription: JsonObject) -> None:
    before = copy_of(subscription)
    subscription["pause_collection"] = None
    lifecycle.keep_changed(context, before, subscription)


def warn(context: Context, subscription: JsonObject) -> None:
    """Tell that a trial ends in three days, or sooner."""
    known = lifecycle.notes(context, subscription["id"])
    context.tx.save(lifecycle.NOTES, {**known, "told_trial_end": subscription["trial_end"]})
    emit(context, "customer.subscription.trial_will_end", subscription)


def renew(context: Context, subscription: JsonObject) -> JsonObject | None:
    """Begin the next period of the items whose period is over; the invoice, if there is one."""
    before = copy_of(subscription)
    if subscription["status"] == "trialing" and not _outlives_trial(context, subscription):
        return None
    over = roll(context, subscription)
    customer = context.tx.need("customer", subscription["customer"], "customer")
    start = min(item["current_period_start"] for item in before["items"]["data"])
    reason = "subscription_cycle"
    invoice = invoicing.draft(context, customer, subscription, reason, over, start)
    subscription["latest_invoice"] = invoice["id"]
    lifecycle.keep_changed(context, before, subscription)
    return invoice


def roll(context: Context, subscription: JsonObject) -> list[JsonObject]:
    """Move the items whose period is over into their next one, in place; answers those."""
    items: list[JsonObject] = subscription["items"]["data"]
    over = [item for item in items if item["current_period_end"] <= context.now]
    for item in over:
        every, start = item["price"]["recurring"], item["current_period_end"]
        anchor = subscription["billing_cycle_anchor"]
        item |= {
            "current_period_start": start,
            "current_period_end": next_end(
                anchor, every["interval"], every["interval_count"], start
            ),
        }
    return over


def catch_up(context: Context, subscription: JsonObject) -> None:
    """Move the items into the periods that lie around now, in place; nothing is billed."""
    for item in subscription["items"]["data"]:
        every, anchor = item["price"]["recurring"], subscription["billing_cycle_anchor"]
        start, end = period_at(anchor, every["interval"], every["interval_count"], context.now)
        item |= {"current_period_start": start, "current_period_end": end}


def _outlives_trial(context: Context, subscription: JsonObject) -> bool:
    """Whether a subscription goes on after its trial; it then is active."""
    customer = context.tx.need("customer", subscription["customer"], "customer")
    behavior = subscription["trial_settings"]["end_behavior"]["missing_payment_method"]
    if collection.saved_method(context, customer, subscription) is None:
        if behavior == "cancel":
            lifecycle.end(context, subscription, None)
            return False
        if behavior == "pause":
            lifecycle.paused(context, subscription)
            return False
    subscription["status"] = "active"
    return True
