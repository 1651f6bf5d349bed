"""Payment methods: cards, kept without their number."""

import hashlib

from deploy.sandbox.stripe.api import Route
from deploy.sandbox.stripe.cards import Card
from deploy.sandbox.stripe.context import Call, Context
from deploy.sandbox.stripe.events import emit
from deploy.sandbox.stripe.ids import new_id
from deploy.sandbox.stripe.shapes import JsonObject, address

DEFAULT_EXPIRY_YEAR = 2034


def make(
    context: Context,
    card: Card,
    *,
    exp_month: int = 12,
    exp_year: int = DEFAULT_EXPIRY_YEAR,
    email: str | None = None,
) -> JsonObject:
    """A new payment method of a card, attached to nobody."""
    method: JsonObject = {
        "id": new_id("payment_method"),
        "object": "payment_method",
        "allow_redisplay": "limited",
        "billing_details": billing_details(email),
        "card": {
            "brand": card.brand,
            "checks": checks(),
            "country": "US",
            "display_brand": card.brand,
            "exp_month": exp_month,
            "exp_year": exp_year,
            "fingerprint": hashlib.sha256(card.number.encode()).hexdigest()[:16],
            "funding": "credit",
            "generated_from": None,
            "last4": card.last4,
            "networks": {"available": [card.brand], "preferred": None},
            "regulated_status": "unregulated",
            "three_d_secure_usage": {"supported": True},
            "wallet": None,
        },
        "created": context.now,
        "customer": None,
        "customer_account": None,
        "livemode": False,
        "metadata": {},
        "type": "card",
    }
    return context.tx.save("payment_method", method)


def attach(context: Context, method: JsonObject, customer_id: str) -> None:
    """Make a payment method a customer's own."""
    method["customer"] = customer_id
    context.tx.save("payment_method", method)
    emit(context, "payment_method.attached", method)


def billing_details(email: str | None) -> JsonObject:
    """Billing details of which at most the e-mail is known."""
    return {"address": address(), "email": email, "name": None, "phone": None, "tax_id": None}


def checks() -> JsonObject:
    """What the card's bank checked."""
    return {
        "address_line1_check": None,
        "address_postal_code_check": None,
        "cvc_check": "pass",
    }


def retrieve(call: Call) -> JsonObject:
    """GET /v1/payment_methods/:id."""
    return call.tx.need("payment_method", call.path["id"], "payment_method", label="PaymentMethod")


ROUTES = (Route("GET", "/v1/payment_methods/{id}", retrieve, {}),)
