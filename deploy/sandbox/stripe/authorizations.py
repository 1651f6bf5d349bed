"""Authorised payments: money that a bank set aside, taken later, let go, or run out."""

from deploy.sandbox.stripe import aftermath, cards, ledger
from deploy.sandbox.stripe.context import Context
from deploy.sandbox.stripe.events import emit
from deploy.sandbox.stripe.resources.intent_shape import KIND
from deploy.sandbox.stripe.shapes import JsonObject, difference

SESSION = "checkout.session"


def capture(context: Context, intent: JsonObject, amount: int) -> JsonObject:
    """Take `amount` minor units of an authorised intent; the rest goes back to the payer."""
    charge = context.tx.need("charge", intent["latest_charge"], "charge")
    before = dict(charge)
    # As with the provider, what was not captured counts as refunded.
    charge |= {
        "amount_captured": amount,
        "amount_refunded": charge["amount"] - amount,
        "captured": True,
    }
    ledger.book_charge(context, charge)
    intent |= {"status": "succeeded", "amount_capturable": 0, "amount_received": amount}
    context.tx.save(KIND, intent)
    emit(context, "charge.captured", charge, difference(before, charge))
    emit(context, "payment_intent.succeeded", intent)
    _pay_session(context, intent["id"])
    aftermath.follow(context, charge, cards.of_method(charge["payment_method_details"]))
    return intent


def _pay_session(context: Context, intent_id: str) -> None:
    """A checkout session that only held money counts as paid from now on."""
    for session in context.tx.where(SESSION, "payment_intent", intent_id):
        context.tx.save(SESSION, {**session, "payment_status": "paid"})


def cancel(context: Context, intent: JsonObject, reason: str | None) -> JsonObject:
    """Cancel an intent that was not paid; money that was set aside for it goes back."""
    if intent["status"] == "requires_capture":
        _release(context, intent, "charge.refunded")
    _close(context, intent, reason)
    return intent


def _close(context: Context, intent: JsonObject, reason: str | None) -> None:
    intent |= {
        "status": "canceled",
        "amount_capturable": 0,
        "canceled_at": context.now,
        "cancellation_reason": reason,
        "next_action": None,
    }
    context.tx.save(KIND, intent)
    emit(context, "payment_intent.canceled", intent)


def _release(context: Context, intent: JsonObject, told: str) -> None:
    charge = context.tx.need("charge", intent["latest_charge"], "charge")
    before = dict(charge)
    charge |= {"amount_refunded": charge["amount"], "refunded": True}
    context.tx.save("charge", charge)
    emit(context, told, charge, difference(before, charge))


def expire(context: Context, intent_id: str) -> None:
    """The bank lets an authorised payment go: its intent is canceled by the provider."""
    intent = context.tx.need(KIND, intent_id, KIND)
    if intent["status"] != "requires_capture":
        return
    _release(context, intent, "charge.expired")
    _close(context, intent, "automatic")
