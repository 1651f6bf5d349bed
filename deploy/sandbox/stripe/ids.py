"""Ids of the provider's look: a prefix, an underscore, letters and digits."""

import secrets
import string

ALPHABET = string.ascii_letters + string.digits
PREFIXES = {
    "balance_transaction": "txn",
    "billing_portal.configuration": "bpc",
    "billing_portal.session": "bps",
    "charge": "ch",
    "checkout.session": "cs_test",
    "coupon": "coupon",
    "customer": "cus",
    "discount": "di",
    "dispute": "du",
    "event": "evt",
    "invoice": "in",
    "invoice_payment": "inpay",
    "invoiceitem": "ii",
    "item": "li",
    "line_item": "il",
    "payment_intent": "pi",
    "payment_method": "pm",
    "price": "price",
    "product": "prod",
    "promotion_code": "promo",
    "radar.early_fraud_warning": "issfr",
    "refund": "re",
    "request": "req",
    "review": "prv",
    "setup_intent": "seti",
    "subscription": "sub",
    "subscription_item": "si",
    "test_helpers.test_clock": "clock",
    "upcoming": "upcoming_in",
    "webhook_endpoint": "we",
}
LENGTHS = {"checkout.session": 58, "customer": 14, "product": 14, "subscription_item": 14}
DEFAULT_LENGTH = 24


def token(length: int) -> str:
    """Random letters and digits; 14 of them already hold 83 bits."""
    number, letters = secrets.randbelow(len(ALPHABET) ** length), list[str]()
    for _ in range(length):
        number, digit = divmod(number, len(ALPHABET))
        letters.append(ALPHABET[digit])
    return "".join(letters)


def new_id(kind: str) -> str:
    """A fresh id for an object of this kind, e.g. `cus_…` for a customer."""
    return f"{PREFIXES[kind]}_{token(LENGTHS.get(kind, DEFAULT_LENGTH))}"
