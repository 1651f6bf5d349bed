"""Taking money for a payment intent: the attempt, its charge, its events."""

from deploy.sandbox.stripe import aftermath, authentication, cards, dunning, ledger
from deploy.sandbox.stripe.cards import Card, Decline
from deploy.sandbox.stripe.context import Context
from deploy.sandbox.stripe.errors import StripeError
from deploy.sandbox.stripe.events import emit
from deploy.sandbox.stripe.later import plan
from deploy.sandbox.stripe.resources import charges, intent_shape, payment_methods
from deploy.sandbox.stripe.shapes import JsonObject, copy_of

CARD_ERROR = "card_error"
HELD_SECONDS = 7 * 86400  # how long a bank keeps money aside for an authorised charge
EXPIRE = "expire_authorization"
AUTHENTICATION_FAILED = Decline(
    "payment_intent_authentication_failure",
    None,
    "The provided PaymentMethod has failed authentication. You can provide payment_method_data or "
    "a new PaymentMethod to attempt to fulfill this PaymentIntent again.",
)
AUTHENTICATION_REQUIRED = Decline(
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
)


def charge_again(context: Context, intent: JsonObject, method: JsonObject) -> JsonObject:
    """An attempt for an intent that was not paid, without the card's owner.

    Look at its `status`: `succeeded`, `requires_payment_method` (declined, the reason is in
    `last_payment_error`) or `requires_action` (the bank wants to ask the card's owner).
    """
    card = cards.of_method(method)
    if authentication.needed(context, card, method, off_session=True):
        intent["payment_method"] = method["id"]
        authentication.ask(context, intent, None)
    else:
        attempt(context, intent, method, card)
    return intent


def attempt(context: Context, intent: JsonObject, method: JsonObject, card: Card) -> Decline | None:
    """Charge a card for an intent, which changes in place; answers why not, if not."""
    if card.decline is not None:
        return refuse(context, intent, method, card.decline)
    intent["payment_method"] = method["id"]
    held = intent["capture_method"] == "manual"
    charge = charges.make(context, intent, method, held_until=_held_until(context, held))
    intent["latest_charge"] = charge["id"]
    intent |= {"last_payment_error": None, "next_action": None}
    _save_method(context, intent, method)
    payment_methods.spend(context, method)
    if held:
        _hold(context, intent, charge)
    else:
        ledger.book_charge(context, charge)
        _take(context, intent, charge)
    aftermath.follow(context, charge, card)
    intent["review"] = charge["review"]
    return None


def _held_until(context: Context, held: bool) -> int | None:
    return context.now + HELD_SECONDS if held else None


def _hold(context: Context, intent: JsonObject, charge: JsonObject) -> None:
    intent |= {"status": "requires_capture", "amount_capturable": intent["amount"]}
    context.tx.save(intent_shape.KIND, intent)
    plan(context, EXPIRE, intent["id"], intent["customer"], HELD_SECONDS)
    emit(context, "charge.succeeded", charge)
    emit(context, "payment_intent.amount_capturable_updated", intent)


def _take(context: Context, intent: JsonObject, charge: JsonObject) -> None:
    intent |= {"status": "succeeded", "amount_received": intent["amount"]}
    context.tx.save(intent_shape.KIND, intent)
    emit(context, "charge.succeeded", charge)
    emit(context, "payment_intent.succeeded", intent)
    dunning.succeeded(context, intent)


def _save_method(context: Context, intent: JsonObject, method: JsonObject) -> None:
    """Keep the card for later where the intent asks for it."""
    if intent["setup_future_usage"] is None:
        return
    if intent["setup_future_usage"] == "off_session":
        authentication.set_up(context, method)
    if intent["customer"] is not None and method["customer"] is None:
        payment_methods.attach(context, method, intent["customer"])


def refuse(context: Context, intent: JsonObject, method: JsonObject, decline: Decline) -> Decline:
    """A failed charge for an intent, which goes back to `requires_payment_method`."""
    intent["payment_method"] = method["id"]
    charge = charges.make(context, intent, method, decline=decline)
    intent["latest_charge"] = charge["id"]
    emit(context, "charge.failed", charge)
    fail(context, intent, decline, method, charge["id"])
    return decline


def fail(
    context: Context,
    intent: JsonObject,
    decline: Decline,
    method: JsonObject,
    charge_id: str | None,
) -> None:
    """Send an intent back to `requires_payment_method` with the reason."""
    intent |= {
        "status": "requires_payment_method",
        "payment_method": None,
        "last_payment_error": problem(decline, method, charge_id),
        "next_action": None,
    }
    context.tx.save(intent_shape.KIND, intent)
    emit(context, "payment_intent.payment_failed", intent)
    dunning.failed(context, intent)


def problem(decline: Decline, method: JsonObject, charge_id: str | None) -> JsonObject:
    """A decline as an intent keeps it."""
    declined_by_card = charge_id is not None or decline.decline_code is not None
    error: JsonObject = {
        "code": decline.code,
        "doc_url": f"https://stripe.com/docs/error-codes/{decline.code.replace('_', '-')}",
        "message": decline.message,
        "payment_method": copy_of(method),
        "type": CARD_ERROR if declined_by_card else "invalid_request_error",
    }
    if charge_id is not None:
        error["charge"] = charge_id
    if decline.decline_code is not None:
        error["decline_code"] = decline.decline_code
    return error


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
