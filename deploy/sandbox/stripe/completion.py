"""What completing a checkout session makes: customer, payment or saved card, events."""

from dataclasses import dataclass
from enum import Enum

from deploy.sandbox.stripe import authentication, cards, charging, selling, setting_up
from deploy.sandbox.stripe.cards import Card, Decline
from deploy.sandbox.stripe.context import Context
from deploy.sandbox.stripe.events import emit
from deploy.sandbox.stripe.resources import customers, intent_shape, payment_methods
from deploy.sandbox.stripe.resources.checkout_sessions import KIND, customer_details
from deploy.sandbox.stripe.shapes import JsonObject, merge_metadata


class Step(Enum):
    """What follows an attempt to pay."""

    PAID = "paid"
    DECLINED = "declined"
    AUTHENTICATE = "authenticate"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended; `decline` says why it was declined."""

    step: Step
    decline: Decline | None = None


@dataclass(frozen=True, slots=True)
class Entered:
    """A payer's card, None where none is needed, and e-mail address."""

    card: Card | None
    exp_month: int
    exp_year: int
    email: str


PAID = Outcome(Step.PAID)


def pay(context: Context, session: JsonObject, entered: Entered) -> Outcome:
    """One attempt to pay an open session, which changes in place when it succeeds."""
    if entered.card is None:
        _complete(context, session, None, None, entered.email)
        return PAID
    intent = _intent(context, session)
    method = payment_methods.make(
        context,
        entered.card,
        exp_month=entered.exp_month,
        exp_year=entered.exp_year,
        email=entered.email,
    )
    if authentication.needed(context, entered.card, method, off_session=False):
        intent["payment_method"] = method["id"]
        authentication.ask(context, intent, session["success_url"] or session["url"])
        return Outcome(Step.AUTHENTICATE)
    return _settle(context, session, intent, method, entered.email)


def authenticate(context: Context, session: JsonObject, *, confirmed: bool) -> Outcome | None:
    """The card owner's answer to 3-D Secure; None if nothing was asked."""
    name = context.tx.need("order", session["id"], "session")["intent"]
    intent = context.tx.get(_kind(name), name) if name else None
    if intent is None or intent["status"] != "requires_action":
        return None
    method = context.tx.need("payment_method", intent["payment_method"], "payment_method")
    if confirmed:
        return _settle(context, session, intent, method, method["billing_details"]["email"])
    if intent["object"] == setting_up.KIND:
        setting_up.fail(context, intent, method, setting_up.AUTHENTICATION_FAILED)
        return Outcome(Step.DECLINED, setting_up.AUTHENTICATION_FAILED)
    charging.fail(context, intent, charging.AUTHENTICATION_FAILED, method, None)
    return Outcome(Step.DECLINED, charging.AUTHENTICATION_FAILED)


def _kind(name: str) -> str:
    return setting_up.KIND if name.startswith("seti_") else intent_shape.KIND


def _settle(
    context: Context, session: JsonObject, intent: JsonObject, method: JsonObject, email: str
) -> Outcome:
    """Take what the session asks for, unless the card's bank refuses."""
    decline = cards.of_method(method).decline
    saves = intent["object"] == setting_up.KIND
    if decline is not None and saves and not cards.of_method(method).attaches:
        setting_up.fail(context, intent, method, decline)
        return Outcome(Step.DECLINED, decline)
    if decline is not None and not saves:
        return Outcome(Step.DECLINED, charging.refuse(context, intent, method, decline))
    _complete(context, session, intent, method, email)
    return PAID


def _intent(context: Context, session: JsonObject) -> JsonObject:
    """The session's intent, to pay or to save a card; one for all attempts."""
    order = context.tx.need("order", session["id"], "session")
    known = context.tx.get(_kind(order["intent"]), order["intent"]) if order["intent"] else None
    if known is not None and known.get("amount", 0) == (session["amount_total"] or 0):
        return known
    if session["amount_total"]:
        intent = _payment_intent(context, session, order)
    else:
        intent = setting_up.make(context, {"customer": session["customer"]})
    context.tx.save("order", {**order, "intent": intent["id"]})
    return intent


def _payment_intent(context: Context, session: JsonObject, order: JsonObject) -> JsonObject:
    subscribes = session["mode"] == "subscription"
    data = {
        name: value for name, value in order["payment_intent_data"].items() if name != "metadata"
    }
    if subscribes:
        data = {"description": "Subscription creation", "setup_future_usage": "off_session"}
    metadata = merge_metadata({}, order["payment_intent_data"].get("metadata", {}))
    given: JsonObject = {"customer": session["customer"], "metadata": metadata, **data}
    intent = intent_shape.make(context, session["amount_total"], session["currency"], given)
    if not subscribes:
        session["payment_intent"] = intent["id"]
        context.tx.save(KIND, session)
    return intent


def _complete(
    context: Context,
    session: JsonObject,
    intent: JsonObject | None,
    method: JsonObject | None,
    email: str,
) -> None:
    """All that a completed session makes; `intent` and `method` are None without a card."""
    customer = _customer(context, session, email)
    if customer is not None and intent is not None:
        intent["customer"] = customer["id"]
    if intent is not None and method is not None:
        _take(context, session, customer, intent, method)
    if session["mode"] == "subscription" and customer is not None:
        selling.subscribe(context, session, customer, intent, method)
    session |= {
        "customer": customer["id"] if customer else None,
        "customer_details": customer_details(email),
        "payment_status": _payment_status(intent),
        "status": "complete",
        "url": None,
    }
    context.tx.save(KIND, session)
    emit(context, "checkout.session.completed", session)


def _payment_status(intent: JsonObject | None) -> str:
    if intent is None or intent["object"] == setting_up.KIND:
        return "no_payment_required"
    return "paid" if intent["status"] == "succeeded" else "unpaid"


def _customer(context: Context, session: JsonObject, email: str) -> JsonObject | None:
    """Who pays: the session's customer, a new one, or a guest."""
    if session["customer"] is not None:
        return context.tx.need("customer", session["customer"], "customer")
    if session["mode"] != "subscription" and session["customer_creation"] != "always":
        return None
    return customers.make(context, {"email": email})


def _take(
    context: Context,
    session: JsonObject,
    customer: JsonObject | None,
    intent: JsonObject,
    method: JsonObject,
) -> None:
    """Save the card or charge it."""
    card = cards.of_method(method)
    if intent["object"] == setting_up.KIND:
        setting_up.save(context, intent, method, card)
        return
    if session["mode"] == "subscription" and customer is not None:
        payment_methods.attach(context, method, customer["id"])
    charging.attempt(context, intent, method, card)
