"""What paying a checkout session makes: customer, payment, subscription, invoice, events."""

from dataclasses import dataclass
from enum import Enum

from deploy.sandbox.stripe import charging
from deploy.sandbox.stripe.cards import Card, Decline, find_last4
from deploy.sandbox.stripe.context import Context
from deploy.sandbox.stripe.events import emit
from deploy.sandbox.stripe.resources import (
    customers,
    invoices,
    payment_intents,
    payment_methods,
    subscriptions,
)
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
    """A payer's card and e-mail address."""

    card: Card
    exp_month: int
    exp_year: int
    email: str


PAID = Outcome(Step.PAID)


def pay(context: Context, session: JsonObject, entered: Entered) -> Outcome:
    """One attempt to pay an open session, which changes in place when it succeeds."""
    if session["amount_total"] == 0:
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
    if entered.card.authenticates:
        _ask_owner(context, session, intent, method)
        return Outcome(Step.AUTHENTICATE)
    if entered.card.decline is not None:
        return Outcome(Step.DECLINED, charging.attempt(context, intent, method, entered.card))
    _complete(context, session, intent, method, entered.email)
    return PAID


def authenticate(context: Context, session: JsonObject, *, confirmed: bool) -> Outcome | None:
    """The card owner's answer to 3-D Secure; None if nothing was asked."""
    order = context.tx.need("order", session["id"], "session")
    name = order["payment_intent"]
    intent = context.tx.get("payment_intent", name) if name else None
    if intent is None or intent["status"] != "requires_action":
        return None
    method = context.tx.need("payment_method", intent["payment_method"], "payment_method")
    if not confirmed:
        charging.fail(context, intent, charging.AUTHENTICATION_FAILED, method, None)
        return Outcome(Step.DECLINED, charging.AUTHENTICATION_FAILED)
    _complete(context, session, intent, method, method["billing_details"]["email"])
    return PAID


def _intent(context: Context, session: JsonObject) -> JsonObject:
    """The session's payment intent; one for all attempts."""
    order = context.tx.need("order", session["id"], "session")
    if order["payment_intent"] is not None:
        return context.tx.need("payment_intent", order["payment_intent"], "intent")
    subscribes = session["mode"] == "subscription"
    data = order["payment_intent_data"]
    given: JsonObject = {
        "customer": session["customer"],
        "description": "Subscription creation" if subscribes else data.get("description"),
        "metadata": merge_metadata({}, data.get("metadata", {})),
        "setup_future_usage": "off_session" if subscribes else None,
    }
    intent = payment_intents.make(context, session["amount_total"], session["currency"], given)
    order["payment_intent"] = intent["id"]
    context.tx.save("order", order)
    if not subscribes:
        session["payment_intent"] = intent["id"]
        context.tx.save(KIND, session)
    return intent


def _ask_owner(
    context: Context, session: JsonObject, intent: JsonObject, method: JsonObject
) -> None:
    intent |= {
        "status": "requires_action",
        "payment_method": method["id"],
        "next_action": {
            "redirect_to_url": {"return_url": session["success_url"], "url": session["url"]},
            "type": "redirect_to_url",
        },
    }
    context.tx.save("payment_intent", intent)
    emit(context, "payment_intent.requires_action", intent)


def _complete(
    context: Context,
    session: JsonObject,
    intent: JsonObject | None,
    method: JsonObject | None,
    email: str,
) -> None:
    """All that a payment makes; `intent` and `method` are None where nothing is due."""
    customer = _customer(context, session, email)
    if method is not None and customer is not None:
        payment_methods.attach(context, method, customer["id"])
    if intent is not None and customer is not None:
        intent["customer"] = customer["id"]
    if session["mode"] == "subscription" and customer is not None:
        _subscribe(context, session, customer, intent, method)
    elif intent is not None and method is not None:
        _charge(context, intent, method)
    session |= {
        "customer": customer["id"] if customer else None,
        "customer_details": customer_details(email),
        "payment_status": "paid" if intent else "no_payment_required",
        "status": "complete",
        "url": None,
    }
    context.tx.save(KIND, session)
    emit(context, "checkout.session.completed", session)


def _customer(context: Context, session: JsonObject, email: str) -> JsonObject | None:
    """Who pays: the session's customer, a new one, or a guest."""
    if session["customer"] is not None:
        return context.tx.need("customer", session["customer"], "customer")
    if session["mode"] == "payment" and session["customer_creation"] != "always":
        return None
    return customers.make(context, {"email": email})


def _charge(context: Context, intent: JsonObject, method: JsonObject) -> None:
    charging.attempt(context, intent, method, find_last4(method["card"]["last4"]))


def _subscribe(
    context: Context,
    session: JsonObject,
    customer: JsonObject,
    intent: JsonObject | None,
    method: JsonObject | None,
) -> None:
    """The subscription of a paid session, its first invoice and the invoice's payment."""
    order = context.tx.need("order", session["id"], "session")
    data = order["subscription_data"]
    subscription = subscriptions.begin(
        context,
        customer,
        [(item["price"], item["quantity"]) for item in order["items"]],
        {
            "default_payment_method": method["id"] if method else None,
            "description": data.get("description"),
            "metadata": merge_metadata({}, data.get("metadata", {})),
        },
    )
    before = dict(customer)
    customer["currency"] = session["currency"]
    customers.save_changed(context, before, customer)
    invoice = invoices.draft(context, customer, subscription, "subscription_create")
    subscription["latest_invoice"] = invoice["id"]
    context.tx.save("subscription", subscription)
    emit(context, "customer.subscription.created", subscription)
    invoices.finalize(context, invoice, customer)
    if intent is not None and method is not None:
        _charge(context, intent, method)
    invoices.pay(context, invoice, intent)
    session |= {"invoice": invoice["id"], "subscription": subscription["id"]}
