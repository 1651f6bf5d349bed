"""A subscription's statuses: what moves it from one to the next, and how that is told."""

from deploy.sandbox.stripe.context import Context
from deploy.sandbox.stripe.events import emit
from deploy.sandbox.stripe.shapes import JsonObject, copy_of, difference

ENDED = frozenset({"canceled", "incomplete_expired"})
OWING = frozenset({"past_due", "unpaid"})
NOTES = "billing"  # kind: what the sandbox remembers of a subscription beside its shape


def notes(context: Context, subscription_id: str) -> JsonObject:
    """What is remembered of a subscription.

    `items`: by item, what it was billed for its period; `told_trial_end`: the trial's end that
    was announced; `resume`: the invoice whose payment ends a pause.
    """
    fresh: JsonObject = {"id": subscription_id, "items": {}, "told_trial_end": None, "resume": None}
    return context.tx.get(NOTES, subscription_id) or fresh


def keep_changed(context: Context, before: JsonObject, subscription: JsonObject) -> None:
    """Save a subscription and tell what changed, if anything did."""
    changed = difference(before, subscription)
    if changed:
        context.tx.save("subscription", subscription)
        emit(context, "customer.subscription.updated", subscription, changed)


def move(
    context: Context, subscription: JsonObject, status: str, before: JsonObject | None = None
) -> None:
    """Give a subscription another status; `before`: as it was, if more has changed."""
    before = before or copy_of(subscription)
    subscription["status"] = status
    keep_changed(context, before, subscription)


def end(
    context: Context,
    subscription: JsonObject,
    details: JsonObject | None,
    reason: str = "cancellation_requested",
) -> JsonObject:
    """End a subscription now, with its event; its drafts and open invoices advance no more."""
    subscription |= {
        "status": "canceled",
        "canceled_at": subscription["canceled_at"] or context.now,
        "ended_at": context.now,
    }
    subscription["cancellation_details"] |= {"reason": reason} | (details or {})
    context.tx.save("subscription", subscription)
    _leave_invoices(context, subscription)
    emit(context, "customer.subscription.deleted", subscription)
    return subscription


def _leave_invoices(context: Context, subscription: JsonObject) -> None:
    for invoice in invoices_of(context, subscription):
        if invoice["status"] in ("draft", "open") and invoice["auto_advance"]:
            stopped = {"auto_advance": False, "next_payment_attempt": None}
            context.tx.save("invoice", {**invoice, **stopped, "automatically_finalizes_at": None})


def invoices_of(context: Context, subscription: JsonObject) -> list[JsonObject]:
    """The invoices of a subscription, newest first; not copies."""
    name = subscription["id"]
    found = context.tx.where("invoice", "customer", subscription["customer"])
    return [invoice for invoice in found if subscription_of(invoice) == name]


def subscription_of(invoice: JsonObject) -> str | None:
    """The id of the subscription that an invoice is for."""
    parent = invoice["parent"]
    name = parent["subscription_details"]["subscription"] if parent else None
    return str(name) if name else None


def paid(context: Context, invoice: JsonObject) -> None:
    """What a paid invoice does to its subscription."""
    name = subscription_of(invoice)
    subscription = context.tx.get("subscription", name) if name else None
    if subscription is None or subscription["status"] in ENDED:
        return
    if subscription["status"] == "incomplete":
        move(context, subscription, "active")
    elif subscription["status"] == "paused":
        _resume(context, subscription, invoice)
    elif subscription["status"] in OWING and not _owes(context, subscription):
        move(context, subscription, "active")


def _owes(context: Context, subscription: JsonObject) -> bool:
    """Whether the newest invoice that was tried is still open."""
    tried = [at for at in invoices_of(context, subscription) if at["status"] in ("open", "paid")]
    return bool(tried) and tried[0]["status"] == "open"


def _resume(context: Context, subscription: JsonObject, invoice: JsonObject) -> None:
    known = notes(context, subscription["id"])
    if known["resume"] == invoice["id"]:
        context.tx.save(NOTES, {**known, "resume": None})
        resumed(context, subscription)


def resumed(context: Context, subscription: JsonObject, before: JsonObject | None = None) -> None:
    """End a pause; `before`: the subscription as it was, if more has changed."""
    move(context, subscription, "active", before)
    emit(context, "customer.subscription.resumed", subscription)


def paused(context: Context, subscription: JsonObject) -> None:
    """Begin a pause that stops the billing itself."""
    move(context, subscription, "paused")
    emit(context, "customer.subscription.paused", subscription)
