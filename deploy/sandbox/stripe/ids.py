"""Ids of the provider's look: a prefix, an underscore, letters and digits."""

import secrets
import string

ALPHABET = string.ascii_letters + string.digits
PREFIXES = {
    "charge": "ch",
    "checkout.session": "cs_test",
    "customer": "cus",
    "event": "evt",
    "invoice": "in",
    "invoice_payment": "inpay",
    "item": "li",
    "line_item": "il",
    "payment_intent": "pi",
    "payment_method": "pm",
    "price": "price",
    "product": "prod",
    "refund": "re",
    "request": "req",
    "subscription": "sub",
    "subscription_item": "si",
    "webhook_endpoint": "we",
}
LENGTHS = {"checkout.session": 58, "customer": 14, "product": 14, "subscription_item": 14}
DEFAULT_LENGTH = 24


def token(length: int) -> str:
    """Random letters and digits; 14 of them already hold 83 bits."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def new_id(kind: str) -> str:
    """A fresh id for an object of this kind, e.g. `cus_…` for a customer."""
    return f"{PREFIXES[kind]}_{token(LENGTHS.get(kind, DEFAULT_LENGTH))}"
