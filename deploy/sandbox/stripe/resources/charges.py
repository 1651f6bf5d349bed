"""Charges: one attempt each to take money from a card."""

from deploy.sandbox.stripe import cards, paging, params
from deploy.sandbox.stripe.api import Route
from deploy.sandbox.stripe.cards import Decline
from deploy.sandbox.stripe.context import Call, Context
from deploy.sandbox.stripe.events import emit
from deploy.sandbox.stripe.ids import new_id
from deploy.sandbox.stripe.resources.payment_methods import checks
from deploy.sandbox.stripe.shapes import JsonObject, difference, merge_metadata

LIST_FIELDS: params.Fields = {
    **params.PAGING,
    "created": params.time_range(),
    "customer": params.text(),
    "payment_intent": params.text(),
}

UPDATE_FIELDS: params.Fields = {
    "description": params.text(),
    "metadata": params.metadata(),
    "receipt_email": params.text(),
}


def make(
    context: Context,
    intent: JsonObject,
    method: JsonObject,
    *,
    decline: Decline | None = None,
    held_until: int | None = None,
) -> JsonObject:
    """The charge of an attempt: failed with the decline's reason, authorised only, or paid."""
    paid = decline is None
    captured = paid and held_until is None
    amount = intent["amount"]
    charge_id = new_id("charge")
    charge: JsonObject = {
        "id": charge_id,
        "object": "charge",
        "amount": amount,
        "amount_captured": amount if captured else 0,
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None,
        "billing_details": dict(method["billing_details"]),
        "calculated_statement_descriptor": "TOLLGATE SANDBOX",
        "captured": captured,
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
        "outcome": _outcome(decline, cards.of_method(method)),
        "paid": paid,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": _details(method, amount if paid else None, held_until),
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


def _outcome(decline: Decline | None, card: cards.Card) -> JsonObject:
    level, score = card.risk
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
        "type": "manual_review" if card.review else "authorized",
    }
    return {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "risk_level": level,
        "risk_score": score,
        **(refused if decline else approved),
    }


def _details(method: JsonObject, authorized: int | None, held_until: int | None) -> JsonObject:
    card = method["card"]
    hold = {} if held_until is None else {"capture_before": held_until}
    return {
        "card": {
            **hold,
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
            "transaction_link_id": None,
            "wallet": None,
        },
        "type": "card",
    }


def retrieve(call: Call) -> JsonObject:
    """GET /v1/charges/:id."""
    return call.tx.need("charge", call.path["id"], "id")


def update(call: Call) -> JsonObject:
    """POST /v1/charges/:id: description, receipt e-mail, metadata."""
    charge = retrieve(call)
    before = dict(charge)
    for name in ("description", "receipt_email"):
        if name in call.params:
            charge[name] = call.params[name]
    if "metadata" in call.params:
        charge["metadata"] = merge_metadata(charge["metadata"], call.params["metadata"])
    changed = difference(before, charge)
    if changed:
        call.tx.save("charge", charge)
        emit(call.context, "charge.updated", charge, changed)
    return charge


def list_all(call: Call) -> JsonObject:
    """GET /v1/charges, by payment intent or customer."""
    return paging.page(call, "charge", "/v1/charges", by=("payment_intent", "customer"))


ROUTES = (
    Route("GET", "/v1/charges", list_all, LIST_FIELDS),
    Route("GET", "/v1/charges/{id}", retrieve, {}),
    Route("POST", "/v1/charges/{id}", update, UPDATE_FIELDS),
)
