"""Refunds: money given back from a charge, in part or all."""

from deploy.sandbox.stripe import cards, ledger, paging, params
from deploy.sandbox.stripe.api import Route
from deploy.sandbox.stripe.cards import Refunding
from deploy.sandbox.stripe.context import Call, Context
from deploy.sandbox.stripe.errors import invalid
from deploy.sandbox.stripe.events import emit
from deploy.sandbox.stripe.ids import new_id
from deploy.sandbox.stripe.later import plan
from deploy.sandbox.stripe.money import shown
from deploy.sandbox.stripe.resources import early_fraud_warnings, reviews
from deploy.sandbox.stripe.shapes import JsonObject, difference, merge_metadata

KIND = "refund"
SETTLE = "settle_refund"
CREATE_FIELDS: params.Fields = {
    "amount": params.integer(least=1),
    "charge": params.text(),
    "metadata": params.metadata(),
    "payment_intent": params.text(),
    "reason": params.one_of("duplicate", "fraudulent", "requested_by_customer"),
}
LIST_FIELDS: params.Fields = {
    **params.PAGING,
    "charge": params.text(),
    "created": params.time_range(),
    "payment_intent": params.text(),
}


def create(call: Call) -> JsonObject:
    """POST /v1/refunds, by charge or payment intent; without an amount all that is left."""
    charge = _charge(call)
    left = charge["amount"] - charge["amount_refunded"]
    if left == 0:
        message = f"Charge {charge['id']} has already been refunded."
        raise invalid(message, code="charge_already_refunded")
    amount = call.params.get("amount", left)
    if amount > left:
        currency = charge["currency"]
        message = (
            f"Refund amount ({shown(amount, currency)}) is greater than unrefunded amount on "
            f"charge ({shown(left, currency)})"
        )
        raise invalid(message, "amount")
    card = cards.of_method(charge["payment_method_details"])
    refund = _shape(call, charge, amount)
    refund["balance_transaction"] = ledger.book(
        call.context, refund, "refund", -amount, description="REFUND FOR CHARGE"
    )["id"]
    if card.refunding is Refunding.LATER:
        refund |= {"status": "pending", "pending_reason": "processing"}
    call.tx.save(KIND, refund)
    emit(call.context, "refund.created", refund)
    _count(call.context, charge, amount)
    if card.refunding is not Refunding.AT_ONCE:
        plan(call.context, SETTLE, refund["id"], charge["customer"])
    return refund


def _count(context: Context, charge: JsonObject, amount: int) -> None:
    """Add a refund to what its charge has given back, and say so."""
    before = dict(charge)
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    context.tx.save("charge", charge)
    emit(context, "charge.refunded", charge, difference(before, charge))
    if charge["refunded"]:
        early_fraud_warnings.settle(context, charge)
        reviews.settle(context, charge, "refunded")


def settle(context: Context, refund_id: str) -> None:
    """What the card's bank says some time after a refund: it arrived, or it could not."""
    refund = context.tx.need(KIND, refund_id, KIND)
    charge = context.tx.need("charge", refund["charge"], "charge")
    if cards.of_method(charge["payment_method_details"]).refunding is Refunding.FAILS:
        _fail(context, refund, charge)
    elif refund["status"] == "pending":
        before = dict(refund)
        refund["status"] = "succeeded"
        refund.pop("pending_reason")
        context.tx.save(KIND, refund)
        emit(context, "refund.updated", refund, difference(before, refund))


def _fail(context: Context, refund: JsonObject, charge: JsonObject) -> None:
    """Give a refund back to the balance; the charge counts as not refunded again."""
    before = dict(refund)
    returned = ledger.book(
        context, refund, "refund_failure", refund["amount"], description="REFUND FAILURE"
    )
    refund |= {
        "status": "failed",
        "failure_balance_transaction": returned["id"],
        "failure_reason": "expired_or_canceled_card",
    }
    context.tx.save(KIND, refund)
    charge["amount_refunded"] -= refund["amount"]
    charge["refunded"] = False
    context.tx.save("charge", charge)
    changed = difference(before, refund)
    for name in ("refund.updated", "charge.refund.updated"):
        emit(context, name, refund, changed)
    emit(context, "refund.failed", refund)


def _charge(call: Call) -> JsonObject:
    if "charge" in call.params:
        charge = call.tx.need("charge", call.params["charge"], "charge", status=400)
    elif "payment_intent" in call.params:
        name = call.params["payment_intent"]
        intent = call.tx.need("payment_intent", name, "payment_intent", status=400)
        if intent["status"] != "succeeded":
            message = f"This PaymentIntent ({name}) does not have a successful charge to refund."
            raise invalid(message, "payment_intent")
        charge = call.tx.need("charge", intent["latest_charge"], "charge", status=400)
    else:
        raise invalid("One of the following params should be provided: payment_intent or charge.")
    if not charge["paid"]:
        raise invalid(f"Charge {charge['id']} was not successful and cannot be refunded.", "charge")
    if not charge["captured"]:
        message = f"Charge {charge['id']} was not captured; cancel its PaymentIntent instead."
        raise invalid(message, "charge")
    if charge["disputed"]:
        message = f"Charge {charge['id']} has been charged back; cannot issue a refund."
        raise invalid(message, code="charge_disputed")
    return charge


def _shape(call: Call, charge: JsonObject, amount: int) -> JsonObject:
    return {
        "id": new_id("refund"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": call.now,
        "currency": charge["currency"],
        "customer": charge["customer"],
        "customer_account": None,
        "destination_details": {
            "card": {
                "reference_status": "pending",
                "reference_type": "acquirer_reference_number",
                "type": "refund",
            },
            "type": "card",
        },
        "metadata": merge_metadata({}, call.params.get("metadata", {})),
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "reason": call.params.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }


def retrieve(call: Call) -> JsonObject:
    """GET /v1/refunds/:id."""
    return call.tx.need("refund", call.path["id"], "refund")


def update(call: Call) -> JsonObject:
    """POST /v1/refunds/:id: metadata only."""
    refund = retrieve(call)
    before = dict(refund)
    if "metadata" in call.params:
        refund["metadata"] = merge_metadata(refund["metadata"], call.params["metadata"])
    changed = difference(before, refund)
    if changed:
        call.tx.save(KIND, refund)
        emit(call.context, "refund.updated", refund, changed)
    return refund


def cancel(call: Call) -> JsonObject:
    """POST /v1/refunds/:id/cancel: only refunds that wait for the customer can be, so none here."""
    refund = retrieve(call)
    message = f"Refund {refund['id']} has a status of {refund['status']} and cannot be canceled."
    raise invalid(message)


def list_all(call: Call) -> JsonObject:
    """GET /v1/refunds, by charge or payment intent."""
    return paging.page(call, "refund", "/v1/refunds", by=("charge", "payment_intent"))


ROUTES = (
    Route("POST", "/v1/refunds", create, CREATE_FIELDS),
    Route("GET", "/v1/refunds", list_all, LIST_FIELDS),
    Route("GET", "/v1/refunds/{id}", retrieve, {}),
    Route("POST", "/v1/refunds/{id}", update, {"metadata": params.metadata()}),
    Route("POST", "/v1/refunds/{id}/cancel", cancel, {}),
)
