"""Disputes: a payer's bank takes a charge back, and evidence decides who keeps the money."""

from deploy.sandbox.stripe import ledger, paging, params
from deploy.sandbox.stripe.api import Route
from deploy.sandbox.stripe.context import Call, Context
from deploy.sandbox.stripe.errors import invalid
from deploy.sandbox.stripe.events import emit
from deploy.sandbox.stripe.ids import new_id
from deploy.sandbox.stripe.later import plan
from deploy.sandbox.stripe.resources import early_fraud_warnings, reviews
from deploy.sandbox.stripe.shapes import JsonObject, copy_of, difference, merge_metadata

KIND = "dispute"
ANSWER_SECONDS = 9 * 86400
DECIDE, OVERDUE = "decide_dispute", "overdue_dispute"
# What to write as `evidence[uncategorized_text]`, and how the bank decides then.
WINNING, LOSING, ESCALATING = (
    "winning_evidence",
    "losing_evidence",
    "escalate_inquiry_evidence",
)
OPEN = frozenset({"needs_response", "warning_needs_response"})
UNDER_REVIEW = {"needs_response": "under_review", "warning_needs_response": "warning_under_review"}
NETWORK_CODES = {"fraudulent": "10.4", "product_not_received": "13.1"}
EVIDENCE = (
    "access_activity_log",
    "billing_address",
    "cancellation_policy",
    "cancellation_policy_disclosure",
    "cancellation_rebuttal",
    "customer_communication",
    "customer_email_address",
    "customer_name",
    "customer_purchase_ip",
    "customer_signature",
    "duplicate_charge_documentation",
    "duplicate_charge_explanation",
    "duplicate_charge_id",
    "product_description",
    "receipt",
    "refund_policy",
    "refund_policy_disclosure",
    "refund_refusal_explanation",
    "service_date",
    "service_documentation",
    "shipping_address",
    "shipping_carrier",
    "shipping_date",
    "shipping_documentation",
    "shipping_tracking_number",
    "uncategorized_file",
    "uncategorized_text",
)
UPDATE_FIELDS: params.Fields = {
    "evidence": params.nested(
        {name: params.text(clearable=True, longest=150_000) for name in EVIDENCE}
    ),
    "metadata": params.metadata(),
    "submit": params.boolean(),
}
LIST_FIELDS: params.Fields = {
    **params.PAGING,
    "charge": params.text(),
    "created": params.time_range(),
    "payment_intent": params.text(),
}


def open_for(context: Context, charge: JsonObject, reason: str, *, inquiry: bool) -> JsonObject:
    """A dispute over what is left of a charge, which changes in place; an inquiry takes nothing."""
    dispute = _shape(context, charge, reason, inquiry=inquiry)
    context.tx.save(KIND, dispute)
    emit(context, "charge.dispute.created", dispute)
    if not inquiry:
        _withdraw(context, dispute)
    plan(context, OVERDUE, dispute["id"], charge["customer"], ANSWER_SECONDS)
    early_fraud_warnings.settle(context, charge)
    reviews.settle(context, charge, "disputed")
    return dispute


def _shape(context: Context, charge: JsonObject, reason: str, *, inquiry: bool) -> JsonObject:
    card = charge["payment_method_details"]["card"]
    code = NETWORK_CODES[reason]
    return {
        "id": new_id(KIND),
        "object": KIND,
        "amount": charge["amount"] - charge["amount_refunded"],
        "balance_transactions": [],
        "charge": charge["id"],
        "created": context.now,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {**dict.fromkeys(EVIDENCE), "enhanced_evidence": {}},
        "evidence_details": {
            "due_by": context.now + ANSWER_SECONDS,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        "is_charge_refundable": inquiry,
        "livemode": False,
        "metadata": {},
        "network_reason_code": code,
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {
            "card": {
                "brand": card["brand"],
                "case_type": "inquiry" if inquiry else "chargeback",
                "network": card["network"],
                "network_reason_code": code,
            },
            "type": "card",
        },
        "reason": reason,
        "status": "warning_needs_response" if inquiry else "needs_response",
    }


def _withdraw(context: Context, dispute: JsonObject) -> None:
    """Take the disputed amount and a fee from the balance."""
    _mark(context, dispute, disputed=True)
    text = f"Chargeback withdrawal for {dispute['charge']}"
    fee = ledger.DISPUTE_FEE
    _book(context, dispute, -dispute["amount"], text, fee)
    emit(context, "charge.dispute.funds_withdrawn", dispute)


def _mark(context: Context, dispute: JsonObject, *, disputed: bool) -> None:
    charge = context.tx.need("charge", dispute["charge"], "charge")
    context.tx.save("charge", {**charge, "disputed": disputed})


def _book(context: Context, dispute: JsonObject, amount: int, text: str, fee: int) -> None:
    made = ledger.book(
        context, dispute, "adjustment", amount, fee=fee, fee_of=KIND, description=text
    )
    dispute["balance_transactions"].append(made)
    context.tx.save(KIND, dispute)


def update(call: Call) -> JsonObject:
    """POST /v1/disputes/:id: evidence, handed to the bank unless `submit` is false; metadata."""
    dispute = retrieve(call)
    before = copy_of(dispute)
    if "evidence" in call.params:
        _add_evidence(call, dispute)
    if "metadata" in call.params:
        dispute["metadata"] = merge_metadata(dispute["metadata"], call.params["metadata"])
    if call.params.get("submit", "evidence" in call.params):
        _submit(call, dispute)
    changed = difference(before, dispute)
    if changed:
        call.tx.save(KIND, dispute)
        emit(call.context, "charge.dispute.updated", dispute, changed)
    return dispute


def _add_evidence(call: Call, dispute: JsonObject) -> None:
    if dispute["status"] not in OPEN:
        raise invalid("This dispute is already closed or under review.", "evidence")
    dispute["evidence"] |= call.params["evidence"]
    given = (dispute["evidence"][name] for name in EVIDENCE)
    dispute["evidence_details"]["has_evidence"] = any(given)


def _submit(call: Call, dispute: JsonObject) -> None:
    if dispute["status"] not in OPEN:
        return
    dispute["evidence_details"]["submission_count"] += 1
    dispute["status"] = UNDER_REVIEW[dispute["status"]]
    charge = call.tx.need("charge", dispute["charge"], "charge")
    plan(call.context, DECIDE, dispute["id"], charge["customer"])


def decide(context: Context, dispute_id: str) -> None:
    """The bank's decision about submitted evidence; other words than the known ones wait."""
    dispute = context.tx.need(KIND, dispute_id, KIND)
    inquiry = dispute["status"] == "warning_under_review"
    words = dispute["evidence"]["uncategorized_text"]
    if dispute["status"] not in UNDER_REVIEW.values():
        return
    if words == WINNING:
        _end(context, dispute, "warning_closed" if inquiry else "won")
    elif words == LOSING:
        _end(context, dispute, "lost")
    elif words == ESCALATING and inquiry:
        _escalate(context, dispute)


def _escalate(context: Context, dispute: JsonObject) -> None:
    """An inquiry becomes a chargeback."""
    before = copy_of(dispute)
    dispute |= {"status": "needs_response", "is_charge_refundable": False}
    dispute["payment_method_details"]["card"]["case_type"] = "chargeback"
    context.tx.save(KIND, dispute)
    emit(context, "charge.dispute.updated", dispute, difference(before, dispute))
    _withdraw(context, dispute)


def overdue(context: Context, dispute_id: str) -> None:
    """A dispute that nobody answered in time is lost."""
    dispute = context.tx.need(KIND, dispute_id, KIND)
    if dispute["status"] in OPEN:
        inquiry = dispute["status"] == "warning_needs_response"
        dispute["evidence_details"]["past_due"] = True
        _end(context, dispute, "warning_closed" if inquiry else "lost")


def _end(context: Context, dispute: JsonObject, status: str) -> None:
    dispute |= {"status": status, "is_charge_refundable": status == "warning_closed"}
    context.tx.save(KIND, dispute)
    emit(context, "charge.dispute.closed", dispute)
    if status == "won":
        text = f"Chargeback reversal for {dispute['charge']}"
        _book(context, dispute, dispute["amount"], text, 0)
        emit(context, "charge.dispute.funds_reinstated", dispute)


def close(call: Call) -> JsonObject:
    """POST /v1/disputes/:id/close: accept that it is lost."""
    dispute = retrieve(call)
    if dispute["status"] not in OPEN:
        raise invalid("This dispute is already closed.")
    inquiry = dispute["status"] == "warning_needs_response"
    _end(call.context, dispute, "warning_closed" if inquiry else "lost")
    return dispute


def retrieve(call: Call) -> JsonObject:
    """GET /v1/disputes/:id."""
    return call.tx.need(KIND, call.path["id"], KIND)


def list_all(call: Call) -> JsonObject:
    """GET /v1/disputes, by charge or payment intent."""
    return paging.page(call, KIND, "/v1/disputes", by=("charge", "payment_intent"))


ROUTES = (
    Route("GET", "/v1/disputes", list_all, LIST_FIELDS),
    Route("GET", "/v1/disputes/{id}", retrieve, {}),
    Route("POST", "/v1/disputes/{id}", update, UPDATE_FIELDS),
    Route("POST", "/v1/disputes/{id}/close", close, {}),
)
