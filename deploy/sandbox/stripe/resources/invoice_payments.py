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


LINK = "invoice_of_intent"  # kind: the invoice that an intent is to pay, by the intent's id


def open_for(context: Context, invoice: JsonObject, intent: JsonObject) -> JsonObject:
    """The open payment of an invoice by an intent that is still to succeed."""
    payment = _shape(context, invoice, intent)
    context.tx.save(LINK, {"id": intent["id"], "invoice": invoice["id"]})
    return context.tx.save("invoice_payment", payment)


def make(context: Context, invoice: JsonObject, intent: JsonObject) -> JsonObject:
    """The payment of an invoice by an intent that succeeded."""
    payment = open_of(context, invoice, intent["id"]) or _shape(context, invoice, intent)
    payment |= {
        "amount_paid": intent["amount_received"],
        "status": "paid",
        "status_transitions": {"canceled_at": None, "paid_at": context.now},
    }
    return context.tx.save("invoice_payment", payment)


def open_of(
    context: Context, invoice: JsonObject, intent_id: str | None = None
) -> JsonObject | None:
    """The open payment of an invoice, if it has one (by that intent)."""
    for found in context.tx.where("invoice_payment", "invoice", invoice["id"]):
        if found["status"] == "open" and intent_id in (None, found["payment"]["payment_intent"]):
            return dict(found)
    return None


def invoice_of(context: Context, intent: JsonObject) -> JsonObject | None:
    """The open invoice that an intent is to pay."""
    link = context.tx.get(LINK, intent["id"])
    invoice = context.tx.get("invoice", link["invoice"]) if link else None
    return invoice if invoice and invoice["status"] == "open" else None


def cancel(context: Context, payment: JsonObject) -> None:
    """Cancel an open payment: its invoice was closed otherwise."""
    transitions = {**payment["status_transitions"], "canceled_at": context.now}
    changed = {"status": "canceled", "status_transitions": transitions}
    context.tx.save("invoice_payment", {**payment, **changed})


def _shape(context: Context, invoice: JsonObject, intent: JsonObject) -> JsonObject:
    return {
        "id": new_id("invoice_payment"),
        "object": "invoice_payment",
        "amount_paid": None,
        "amount_requested": invoice["amount_due"],
        "created": context.now,
        "currency": invoice["currency"],
        "invoice": invoice["id"],
        "is_default": True,
        "livemode": False,
        "payment": {"payment_intent": intent["id"], "type": "payment_intent"},
        "status": "open",
        "status_transitions": {"canceled_at": None, "paid_at": None},
    }


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
