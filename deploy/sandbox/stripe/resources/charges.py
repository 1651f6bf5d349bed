"""Charges: one attempt each to take money from a card."""

from deploy.sandbox.stripe import paging, params
from deploy.sandbox.stripe.api import Route
from deploy.sandbox.stripe.cards import Decline
from deploy.sandbox.stripe.context import Call, Context
from deploy.sandbox.stripe.ids import new_id
from deploy.sandbox.stripe.resources.payment_methods import billing_details, checks
from deploy.sandbox.stripe.shapes import JsonObject

LIST_FIELDS: params.Fields = {
    **params.PAGING,
    "created": params.time_range(),
    "customer": params.text(),
    "payment_intent": params.text(),
}


def make(
    context: Context, intent: JsonObject, method: JsonObject, decline: Decline | None
) -> JsonObject:
    """The charge of an attempt: paid, or failed with the decline's reason."""
    paid = decline is None
    amount = intent["amount"]
    charge_id = new_id("charge")
    charge: JsonObject = {
        "id": charge_id,
        "object": "charge",
        "amount": amount,
        "amount_captured": amount if paid else 0,
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None,
        "billing_details": billing_details(method["billing_details"]["email"]),
        "calculated_statement_descriptor": "TOLLGATE SANDBOX",
        "captured": paid,
        "created": context.now,
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": decline.code if decline else None,
        "failure_message": decline.message if decline else None,
        "fraud_details": {},
        "livemode": False,
        "metadata": dict(intent["metadata"]),
        "on_behalf_of": None,
        "outcome": _outcome(decline),
        "paid": paid,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": _details(method, amount if paid else None),
        "radar_options": {},
        "receipt_email": intent["receipt_email"],
        "receipt_number": None,
        "receipt_url": f"{context.url}/receipts/{charge_id}" if paid else None,
        "refunded": False,
        "review": None,
        "shipping": None,
        "source": None,
        "source_transfer": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "succeeded" if paid else "failed",
        "transfer_data": None,
        "transfer_group": None,
    }
    return context.tx.save("charge", charge)


def _outcome(decline: Decline | None) -> JsonObject:
    refused = {
        "network_status": "declined_by_network",
        "reason": decline.reason if decline else None,
        "seller_message": "The bank did not return any further details with this decline.",
        "type": "issuer_declined",
    }
    approved = {
        "network_status": "approved_by_network",
        "reason": None,
        "seller_message": "Payment complete.",
        "type": "authorized",
    }
    return {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "risk_level": "normal",
        "risk_score": 12,
        **(refused if decline else approved),
    }


def _details(method: JsonObject, authorized: int | None) -> JsonObject:
    card = method["card"]
    return {
        "card": {
            "amount_authorized": authorized,
            "authorization_code": None,
            "brand": card["brand"],
            "checks": checks(),
            "country": card["country"],
            "exp_month": card["exp_month"],
            "exp_year": card["exp_year"],
            "extended_authorization": {"status": "disabled"},
            "fingerprint": card["fingerprint"],
            "funding": card["funding"],
            "incremental_authorization": {"status": "unavailable"},
            "installments": None,
            "last4": card["last4"],
            "mandate": None,
            "multicapture": {"status": "unavailable"},
            "network": card["brand"],
            "network_token": {"used": False},
            "network_transaction_id": None,
            "overcapture": {"maximum_amount_capturable": authorized, "status": "unavailable"},
            "regulated_status": card["regulated_status"],
            "three_d_secure": None,
            "wallet": None,
        },
        "type": "card",
    }


def retrieve(call: Call) -> JsonObject:
    """GET /v1/charges/:id."""
    return call.tx.need("charge", call.path["id"], "id")


def list_all(call: Call) -> JsonObject:
    """GET /v1/charges, by payment intent or customer."""
    return paging.page(call, "charge", "/v1/charges", by=("payment_intent", "customer"))


ROUTES = (
    Route("GET", "/v1/charges", list_all, LIST_FIELDS),
    Route("GET", "/v1/charges/{id}", retrieve, {}),
)
