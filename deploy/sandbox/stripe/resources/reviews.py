"""Reviews: a charge that looks risky waits for a person to approve it."""

from deploy.sandbox.stripe import paging, params
from deploy.sandbox.stripe.api import Route
from deploy.sandbox.stripe.context import Call, Context
from deploy.sandbox.stripe.errors import invalid
from deploy.sandbox.stripe.events import emit
from deploy.sandbox.stripe.ids import new_id
from deploy.sandbox.stripe.shapes import JsonObject

KIND = "review"
LIST_FIELDS: params.Fields = {**params.PAGING, "created": params.time_range()}


def open_for(context: Context, charge: JsonObject) -> JsonObject:
    """A review of a charge, which names it from now on, with its event."""
    review: JsonObject = {
        "id": new_id(KIND),
        "object": KIND,
        "billing_zip": None,
        "charge": charge["id"],
        "closed_reason": None,
        "created": context.now,
        "ip_address": None,
        "ip_address_location": None,
        "livemode": False,
        "open": True,
        "opened_reason": "rule",
        "payment_intent": charge["payment_intent"],
        "reason": "rule",
        "session": None,
    }
    context.tx.save(KIND, review)
    _name(context, charge["id"], charge["payment_intent"], review["id"])
    charge["review"] = review["id"]
    emit(context, "review.opened", review)
    return review


def _name(context: Context, charge_id: str, intent_id: str, review_id: str | None) -> None:
    for kind, object_id in (("charge", charge_id), ("payment_intent", intent_id)):
        found = context.tx.get(kind, object_id)
        if found is not None:
            context.tx.save(kind, {**found, "review": review_id})


def close(context: Context, review: JsonObject, reason: str) -> JsonObject:
    """Close an open review."""
    review |= {"closed_reason": reason, "open": False, "reason": reason}
    context.tx.save(KIND, review)
    emit(context, "review.closed", review)
    return review


def settle(context: Context, charge: JsonObject, reason: str) -> None:
    """Close the review of a charge that was refunded or disputed."""
    review = context.tx.get(KIND, charge["review"]) if charge["review"] else None
    if review is not None and review["open"]:
        close(context, review, reason)


def retrieve(call: Call) -> JsonObject:
    """GET /v1/reviews/:id."""
    return call.tx.need(KIND, call.path["id"], "review")


def approve(call: Call) -> JsonObject:
    """POST /v1/reviews/:id/approve."""
    review = retrieve(call)
    if not review["open"]:
        raise invalid("This review has already been closed.")
    return close(call.context, review, "approved")


def list_all(call: Call) -> JsonObject:
    """GET /v1/reviews: those that are open."""
    return paging.page(call, KIND, "/v1/reviews", keep=lambda review: bool(review["open"]))


ROUTES = (
    Route("GET", "/v1/reviews", list_all, LIST_FIELDS),
    Route("GET", "/v1/reviews/{id}", retrieve, {}),
    Route("POST", "/v1/reviews/{id}/approve", approve, {}),
)
