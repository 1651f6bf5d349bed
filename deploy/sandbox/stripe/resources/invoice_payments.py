"""Invoice payments: which payment intent paid which invoice."""

from deploy.sandbox.stripe import paging, params
from deploy.sandbox.stripe.api import Route
from deploy.sandbox.stripe.context import Call, Context
from deploy.sandbox.stripe.ids import new_id
from deploy.sandbox.stripe.shapes import JsonObject

LIST_FIELDS: params.Fields = {
    **params.PAGING,
    "created": params.time_range(),
    "invoice": params.text(),
    "payment": params.nested(
        {
            "type": params.one_of("charge", "payment_intent", required=True),
            "payment_intent": params.text(),
        }
    ),
    "status": params.one_of("canceled", "open", "paid"),
}


def make(context: Context, invoice: JsonObject, intent: JsonObject) -> JsonObject:
    """The payment of an invoice by an intent that succeeded."""
    payment: JsonObject = {
        "id": new_id("invoice_payment"),
        "object": "invoice_payment",
        "amount_paid": intent["amount_received"],
        "amount_requested": invoice["amount_due"],
        "created": context.now,
        "currency": invoice["currency"],
        "invoice": invoice["id"],
        "is_default": True,
        "livemode": False,
        "payment": {"payment_intent": intent["id"], "type": "payment_intent"},
        "status": "paid",
        "status_transitions": {"canceled_at": None, "paid_at": context.now},
    }
    return context.tx.save("invoice_payment", payment)


def retrieve(call: Call) -> JsonObject:
    """GET /v1/invoice_payments/:id."""
    return call.tx.need("invoice_payment", call.path["id"], "invoice_payment")


def list_all(call: Call) -> JsonObject:
    """GET /v1/invoice_payments, by invoice or by payment intent."""
    wanted = call.params.get("payment", {})

    def keep(item: JsonObject) -> bool:
        return all(item["payment"].get(name) == value for name, value in wanted.items())

    return paging.page(
        call, "invoice_payment", "/v1/invoice_payments", keep=keep, by=("invoice", "status")
    )


ROUTES = (
    Route("GET", "/v1/invoice_payments", list_all, LIST_FIELDS),
    Route("GET", "/v1/invoice_payments/{id}", retrieve, {}),
)
