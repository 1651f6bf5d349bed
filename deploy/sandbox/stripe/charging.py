"""Taking money for a payment intent: the attempt, its charge, its events."""

from deploy.sandbox.stripe.cards import Card, Decline
from deploy.sandbox.stripe.context import Context
from deploy.sandbox.stripe.errors import StripeError
from deploy.sandbox.stripe.events import emit
from deploy.sandbox.stripe.resources import charges
from deploy.sandbox.stripe.shapes import JsonObject

CARD_ERROR = "card_error"
AUTHENTICATION_FAILED = Decline(
    "payment_intent_authentication_failure",
    None,
    "The provided PaymentMethod has failed authentication. You can provide payment_method_data or "
    "a new PaymentMethod to attempt to fulfill this PaymentIntent again.",
)


def attempt(context: Context, intent: JsonObject, method: JsonObject, card: Card) -> Decline | None:
    """Charge a card for an intent, which changes in place; answers why not, if not."""
    intent["payment_method"] = method["id"]
    charge = charges.make(context, intent, method, card.decline)
    intent["latest_charge"] = charge["id"]
    if card.decline is not None:
        emit(context, "charge.failed", charge)
        fail(context, intent, card.decline, method, charge["id"])
        return card.decline
    intent |= {
        "status": "succeeded",
        "amount_received": intent["amount"],
        "last_payment_error": None,
        "next_action": None,
    }
    context.tx.save("payment_intent", intent)
    emit(context, "charge.succeeded", charge)
    emit(context, "payment_intent.succeeded", intent)
    return None


def fail(
    context: Context,
    intent: JsonObject,
    decline: Decline,
    method: JsonObject,
    charge_id: str | None,
) -> None:
    """Send an intent back to `requires_payment_method` with the reason."""
    error: JsonObject = {
        "code": decline.code,
        "doc_url": f"https://stripe.com/docs/error-codes/{decline.code.replace('_', '-')}",
        "message": decline.message,
        "payment_method": method,
        "type": CARD_ERROR if charge_id else "invalid_request_error",
    }
    if charge_id is not None:
        error["charge"] = charge_id
    if decline.decline_code is not None:
        error["decline_code"] = decline.decline_code
    intent |= {
        "status": "requires_payment_method",
        "payment_method": None,
        "last_payment_error": error,
        "next_action": None,
    }
    context.tx.save("payment_intent", intent)
    emit(context, "payment_intent.payment_failed", intent)


def declined(intent: JsonObject, decline: Decline) -> StripeError:
    """The 402 of a call whose card was declined; what it wrote stays."""
    error = intent["last_payment_error"]
    extra = {name: error[name] for name in ("charge", "decline_code") if name in error}
    return StripeError(
        402,
        decline.message,
        kind=CARD_ERROR,
        code=decline.code,
        extra={**extra, "payment_intent": intent, "payment_method": error["payment_method"]},
        keeps_effects=True,
    )
