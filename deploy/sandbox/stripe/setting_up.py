"""Saving a card for later: what a setup intent does with it once its owner agreed."""

from deploy.sandbox.stripe import authentication, charging
from deploy.sandbox.stripe.cards import Card, Decline
from deploy.sandbox.stripe.context import Context
from deploy.sandbox.stripe.errors import StripeError, card_error
from deploy.sandbox.stripe.events import emit
from deploy.sandbox.stripe.ids import new_id, token
from deploy.sandbox.stripe.resources import payment_methods
from deploy.sandbox.stripe.shapes import JsonObject

KIND = "setup_intent"
AUTHENTICATION_FAILED = Decline(
    "setup_intent_authentication_failure",
    None,
    "The provided PaymentMethod has failed authentication. You can provide payment_method_data or "
    "a new PaymentMethod to attempt to fulfill this SetupIntent again.",
)


def make(context: Context, given: JsonObject) -> JsonObject:
    """A new setup intent with its event; `given` overrides fields of the shape."""
    intent_id = new_id(KIND)
    intent: JsonObject = {
        "id": intent_id,
        "object": KIND,
        "allowed_payment_method_types": None,
        "application": None,
        "automatic_payment_methods": None,
        "cancellation_reason": None,
        "client_secret": f"{intent_id}_secret_{token(25)}",
        "created": context.now,
        "customer": None,
        "customer_account": None,
        "description": None,
        "excluded_payment_method_types": None,
        "flow_directions": None,
        "last_setup_error": None,
        "latest_attempt": None,
        "livemode": False,
        "managed_payments": None,
        "mandate": None,
        "metadata": {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {
            "card": {
                "mandate_options": None,
                "network": None,
                "request_three_d_secure": "automatic",
            }
        },
        "payment_method_types": ["card"],
        "single_use_mandate": None,
        "status": "requires_payment_method",
        "usage": "off_session",
    } | given
    context.tx.save(KIND, intent)
    emit(context, "setup_intent.created", intent)
    return intent


def save(context: Context, intent: JsonObject, method: JsonObject, card: Card) -> Decline | None:
    """Save a card as a setup intent asks, which changes in place; answers why not, if not."""
    if card.decline is not None and not card.attaches:
        fail(context, intent, method, card.decline)
        return card.decline
    if intent["customer"] is not None and method["customer"] is None:
        payment_methods.attach(context, method, intent["customer"])
    if intent["usage"] == "off_session":
        authentication.set_up(context, method)
    intent |= {
        "status": "succeeded",
        "last_setup_error": None,
        "next_action": None,
        "payment_method": method["id"],
    }
    context.tx.save(KIND, intent)
    emit(context, "setup_intent.succeeded", intent)
    return None


def fail(context: Context, intent: JsonObject, method: JsonObject, decline: Decline) -> None:
    """Send a setup intent back to `requires_payment_method` with the reason."""
    intent |= {
        "status": "requires_payment_method",
        "last_setup_error": charging.problem(decline, method, None),
        "next_action": None,
        "payment_method": None,
    }
    context.tx.save(KIND, intent)
    emit(context, "setup_intent.setup_failed", intent)


def declined(intent: JsonObject, decline: Decline) -> StripeError:
    """The 402 of a call whose card was refused; what it wrote stays."""
    return card_error(
        decline.message,
        decline.code,
        decline.decline_code,
        extra={"setup_intent": intent},
        keeps_effects=True,
    )
