"""What a payment means for the invoice that it is for: paid, or tried again, or given up."""

from dataclasses import dataclass

from deploy.sandbox.stripe import invoicing, lifecycle
from deploy.sandbox.stripe.context import Context
from deploy.sandbox.stripe.events import emit
from deploy.sandbox.stripe.resources import invoice_payments
from deploy.sandbox.stripe.shapes import JsonObject, copy_of, difference

DAY = 86400
KIND = "billing_settings"  # kind and id
AFTERWARDS = ("cancel", "unpaid", "past_due")


@dataclass(frozen=True, slots=True)
class Settings:
    """The account's settings for failed renewals.

    `retry_days`: days from each failed attempt to the next. `after_retries`: what becomes of the
    subscription after the last: `cancel`, `unpaid` or `past_due`.
    """

    retry_days: tuple[float, ...] = (3, 5, 7)
    after_retries: str = "cancel"


def settings(context: Context) -> Settings:
    """The settings now."""
    found = context.tx.get(KIND, KIND)
    return Settings(tuple(found["retry_days"]), found["after_retries"]) if found else Settings()


def keep(context: Context, wanted: Settings) -> None:
    """Set the settings."""
    days = list(wanted.retry_days)
    context.tx.save(KIND, {"id": KIND, "retry_days": days, "after_retries": wanted.after_retries})


def succeeded(context: Context, intent: JsonObject) -> None:
    """An intent was paid: so is its invoice, if it has one."""
    invoice = invoice_payments.invoice_of(context, intent)
    if invoice is not None:
        _keep_method(context, invoice, intent)
        invoicing.pay(context, invoice, intent)


def _keep_method(context: Context, invoice: JsonObject, intent: JsonObject) -> None:
    """Make the card that paid the subscription's own, where that was asked for."""
    subscription = _subscription(context, invoice)
    if subscription is None or subscription["default_payment_method"] is not None:
        return
    if subscription["payment_settings"]["save_default_payment_method"] == "on_subscription":
        before = copy_of(subscription)
        subscription["default_payment_method"] = intent["payment_method"]
        lifecycle.keep_changed(context, before, subscription)


def failed(context: Context, intent: JsonObject) -> None:
    """An attempt failed: its invoice, if it has one, is tried again later or given up."""
    invoice = invoice_payments.invoice_of(context, intent)
    if invoice is not None:
        failed_invoice(context, invoice)


def failed_invoice(context: Context, invoice: JsonObject, *, action: bool = False) -> None:
    """Count a failed attempt on an open invoice; `action`: its payer is asked for something."""
    before = copy_of(invoice)
    subscription = _subscription(context, invoice)
    first = subscription is not None and subscription["status"] == "incomplete"
    following = None if first else _next_attempt(context, before["attempt_count"])
    invoice |= {
        "attempt_count": before["attempt_count"] + 1,
        "attempted": True,
        "auto_advance": following is not None,
        "next_payment_attempt": following,
    }
    context.tx.save("invoice", invoice)
    emit(context, "invoice.updated", invoice, difference(before, invoice))
    emit(context, "invoice.payment_failed", invoice)
    if action:
        emit(context, "invoice.payment_action_required", invoice)
    if subscription is not None and not first:
        _owe(context, subscription, exhausted=following is None)


def _next_attempt(context: Context, failures: int) -> int | None:
    days = settings(context).retry_days
    return context.now + round(days[failures] * DAY) if failures < len(days) else None


def _subscription(context: Context, invoice: JsonObject) -> JsonObject | None:
    name = lifecycle.subscription_of(invoice)
    found = context.tx.get("subscription", name) if name else None
    return None if found is None or found["status"] in lifecycle.ENDED else found


def _owe(context: Context, subscription: JsonObject, *, exhausted: bool) -> None:
    """A renewal was not paid; after the last attempt the settings say what follows."""
    if subscription["status"] in ("active", "trialing"):
        lifecycle.move(context, subscription, "past_due")
    if not exhausted or subscription["status"] == "paused":
        return
    afterwards = settings(context).after_retries
    if afterwards == "cancel":
        lifecycle.end(context, subscription, None, "payment_failed")
    elif afterwards == "unpaid":
        lifecycle.move(context, subscription, "unpaid")
