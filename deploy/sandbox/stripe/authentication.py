"""3-D Secure: when a bank asks a card's owner, and what an intent looks like until they answer."""

from deploy.sandbox.stripe.cards import Asks, Card
from deploy.sandbox.stripe.context import Context
from deploy.sandbox.stripe.events import emit
from deploy.sandbox.stripe.shapes import JsonObject

SET_UP = "set_up"  # kind: payment methods that were set up for charges without their owner
KINDS = ("payment_intent", "setup_intent")


def set_up(context: Context, method: JsonObject) -> None:
    """Remember that a card's owner agreed to charges in their absence."""
    context.tx.save(SET_UP, {"id": method["id"]})


def needed(context: Context, card: Card, method: JsonObject, *, off_session: bool) -> bool:
    """Whether the bank asks the card's owner before this payment."""
    if card.asks is Asks.NEVER:
        return False
    if not off_session or card.asks is Asks.ALWAYS:
        return True
    return card.asks is Asks.UNLESS_SET_UP and context.tx.get(SET_UP, method["id"]) is None


def page_url(context: Context, intent: JsonObject) -> str:
    """Where the card's owner answers."""
    return f"{context.url}/c/authenticate/{intent['id']}"


def ask(context: Context, intent: JsonObject, return_url: str | None) -> None:
    """Make a payment or setup intent wait for the card's owner."""
    url = page_url(context, intent)
    if return_url is not None:
        redirect = {"return_url": return_url, "url": url}
        action: JsonObject = {"type": "redirect_to_url", "redirect_to_url": redirect}
    else:
        hook = {"type": "three_d_secure_redirect", "stripe_js": url}
        action = {"type": "use_stripe_sdk", "use_stripe_sdk": hook}
    intent |= {"status": "requires_action", "next_action": action}
    context.tx.save(intent["object"], intent)
    emit(context, f"{intent['object']}.requires_action", intent)
