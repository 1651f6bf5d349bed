"""Early fraud warnings: a card's bank says that a charge was fraud, and no dispute yet."""

from deploy.sandbox.stripe import paging, params
from deploy.sandbox.stripe.api import Route
from deploy.sandbox.stripe.context import Call, Context
from deploy.sandbox.stripe.events import emit
from deploy.sandbox.stripe.ids import new_id
from deploy.sandbox.stripe.shapes import JsonObject

KIND = "radar.early_fraud_warning"
URL = "/v1/radar/early_fraud_warnings"
LIST_FIELDS: params.Fields = {
    **params.PAGING,
    "charge": params.text(),
    "created": params.time_range(),
    "payment_intent": params.text(),
}


def make(context: Context, charge: JsonObject) -> JsonObject:
    """A warning about a charge, with its event."""
    warning: JsonObject = {
        "id": new_id(KIND),
        "object": KIND,
        "actionable": True,
        "charge": charge["id"],
        "created": context.now,
        "fraud_type": "made_with_stolen_card",
        "livemode": False,
        "payment_intent": charge["payment_intent"],
    }
    context.tx.save(KIND, warning)
    emit(context, "radar.early_fraud_warning.created", warning)
    return warning


def settle(context: Context, charge: JsonObject) -> None:
    """A charge that was refunded in full or disputed needs no more action on its warning."""
    for found in context.tx.where(KIND, "charge", charge["id"]):
        if found["actionable"]:
            warning = {**found, "actionable": False}
            context.tx.save(KIND, warning)
            emit(context, "radar.early_fraud_warning.updated", warning, {"actionable": True})


def retrieve(call: Call) -> JsonObject:
    """GET /v1/radar/early_fraud_warnings/:id."""
    return call.tx.need(KIND, call.path["id"], "early_fraud_warning", label="early_fraud_warning")


def list_all(call: Call) -> JsonObject:
    """GET /v1/radar/early_fraud_warnings, by charge or payment intent."""
    return paging.page(call, KIND, URL, by=("charge", "payment_intent"))


ROUTES = (
    Route("GET", URL, list_all, LIST_FIELDS),
    Route("GET", f"{URL}/{{id}}", retrieve, {}),
)
