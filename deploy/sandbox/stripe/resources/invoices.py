"""Invoices: those of subscriptions, and those made by hand of what waits for a customer."""

from deploy.sandbox.stripe import collection, discounts, lifecycle, paging, params
from deploy.sandbox.stripe.api import Route
from deploy.sandbox.stripe.changing import unpaid
from deploy.sandbox.stripe.context import Call
from deploy.sandbox.stripe.errors import StripeError, invalid, no_such
from deploy.sandbox.stripe.events import emit
from deploy.sandbox.stripe.invoicing import (
    DRAFT_SECONDS,
    draft,
    finalize,
    give_up,
    manual,
    pay,
    void,
    wrong_state,
)
from deploy.sandbox.stripe.resources import invoice_items
from deploy.sandbox.stripe.shapes import JsonObject, difference, merge_metadata

__all__ = ["ROUTES", "draft", "finalize", "pay"]

KIND = "invoice"
URL = "/v1/invoices"
CREATE_FIELDS: params.Fields = {
    "auto_advance": params.boolean(),
    "currency": params.text(longest=3),
    "customer": params.text(required=True),
    "default_payment_method": params.text(),
    "description": params.text(clearable=True),
    "discounts": discounts.FIELDS,
    "metadata": params.metadata(),
    "pending_invoice_items_behavior": params.one_of("exclude", "include"),
}
UPDATE_FIELDS: params.Fields = {
    "auto_advance": params.boolean(),
    "default_payment_method": params.text(clearable=True),
    "description": params.text(clearable=True),
    "metadata": params.metadata(),
}
PAY_FIELDS: params.Fields = {
    "off_session": params.boolean(),
    "paid_out_of_band": params.boolean(),
    "payment_method": params.text(),
}
LIST_FIELDS: params.Fields = {
    **params.PAGING,
    "collection_method": params.one_of("charge_automatically", "send_invoice"),
    "created": params.time_range(),
    "customer": params.text(),
    "status": params.one_of("draft", "open", "paid", "uncollectible", "void"),
    "subscription": params.text(),
}


def _find(call: Call) -> JsonObject:
    return call.tx.need(KIND, call.path["id"], "invoice")


def create(call: Call) -> JsonObject:
    """POST /v1/invoices: a draft of what waits for the customer's next invoice."""
    values, context = call.params, call.context
    customer = call.tx.need("customer", values["customer"], "customer", status=400)
    currency = str(values.get("currency") or customer["currency"] or "usd").lower()
    wanted = values.get("pending_invoice_items_behavior", "exclude") == "include"
    found = discounts.offers(
        context,
        values.get("discounts") or [],
        customer=customer["id"],
        currency=currency,
        amount=0,
    )
    names = [discounts.give(context, offer, customer["id"])["id"] for offer in found]
    invoice = manual(context, customer, currency, names, waiting=wanted)
    _apply(invoice, values)
    return call.tx.save(KIND, invoice)


def _apply(invoice: JsonObject, values: JsonObject) -> None:
    for name in ("auto_advance", "default_payment_method", "description"):
        if name in values:
            invoice[name] = values[name]
    if "metadata" in values:
        invoice["metadata"] = merge_metadata(invoice["metadata"], values["metadata"])


def retrieve(call: Call) -> JsonObject:
    """GET /v1/invoices/:id."""
    return _find(call)


def update(call: Call) -> JsonObject:
    """POST /v1/invoices/:id: after it was finalised, metadata and what collects it only."""
    invoice = _find(call)
    if invoice["status"] != "draft" and "description" in call.params:
        raise wrong_state(invoice, "be changed")
    before = dict(invoice)
    _apply(invoice, call.params)
    if invoice["status"] == "draft":
        waits = invoice["auto_advance"] and invoice["automatically_finalizes_at"] is None
        if waits:
            invoice["automatically_finalizes_at"] = call.now + DRAFT_SECONDS
        elif not invoice["auto_advance"]:
            invoice["automatically_finalizes_at"] = None
    call.tx.save(KIND, invoice)
    changed = difference(before, invoice)
    if changed:
        emit(call.context, "invoice.updated", invoice, changed)
    return invoice


def delete(call: Call) -> JsonObject:
    """DELETE /v1/invoices/:id: a draft that was made by hand."""
    invoice = _find(call)
    if invoice["status"] != "draft" or invoice["parent"] is not None:
        message = "You can only delete draft invoices that are not of a subscription."
        raise invalid(message, code="invoice_not_editable")
    call.tx.discard(KIND, invoice["id"])
    for item in call.tx.where(invoice_items.KIND, "invoice", invoice["id"]):
        call.tx.save(invoice_items.KIND, {**item, "invoice": None})
    emit(call.context, "invoice.deleted", invoice)
    return {"id": invoice["id"], "object": KIND, "deleted": True}


def finalize_now(call: Call) -> JsonObject:
    """POST /v1/invoices/:id/finalize; it is not charged by that."""
    invoice = _find(call)
    advances = call.params.get("auto_advance", invoice["auto_advance"])
    customer = call.tx.need("customer", invoice["customer"], "customer")
    finalize(call.context, invoice, customer)
    if invoice["amount_due"] == 0:
        pay(call.context, invoice, None)
        return _find(call)
    collection.intent_for(call.context, invoice)
    if advances:
        call.tx.save(
            KIND,
            {**invoice, "auto_advance": True, "next_payment_attempt": call.now + DRAFT_SECONDS},
        )
    return _find(call)


def pay_now(call: Call) -> JsonObject:
    """POST /v1/invoices/:id/pay: charged to a card now, or paid outside of all this."""
    invoice = _find(call)
    if invoice["status"] == "draft":
        customer = call.tx.need("customer", invoice["customer"], "customer")
        finalize(call.context, invoice, customer)
    if invoice["status"] == "paid":
        raise invalid("Invoice is already paid", code="invoice_already_paid")
    if invoice["status"] == "void":
        raise wrong_state(invoice, "be paid")
    if invoice["status"] == "uncollectible":
        invoice["status"] = "open"
        call.tx.save(KIND, invoice)
    if call.params.get("paid_out_of_band"):
        pay(call.context, invoice, None)
        return _find(call)
    decline = collection.collect(call.context, invoice, _method(call, invoice))
    if decline is None:
        return _find(call)
    if decline is collection.NO_METHOD:
        raise StripeError(400, decline.message, code=decline.code, keeps_effects=True)
    refusal = unpaid(decline, invoice)
    refusal.keeps_effects = True
    raise refusal


def _method(call: Call, invoice: JsonObject) -> JsonObject | None:
    name = call.params.get("payment_method")
    if name is None:
        return None
    method = call.tx.get("payment_method", name)
    if method is None:
        raise no_such("PaymentMethod", name, "payment_method", 400)
    if method["customer"] != invoice["customer"]:
        message = "The payment method must be attached to the customer of the invoice."
        raise invalid(message, "payment_method")
    return method


def void_now(call: Call) -> JsonObject:
    """POST /v1/invoices/:id/void."""
    return void(call.context, _find(call))


def mark_uncollectible(call: Call) -> JsonObject:
    """POST /v1/invoices/:id/mark_uncollectible."""
    return give_up(call.context, _find(call))


def list_lines(call: Call) -> JsonObject:
    """GET /v1/invoices/:id/lines."""
    lines = _find(call)["lines"]
    return paging.embedded(call, lines["data"], lines["url"], "line_item")


def list_all(call: Call) -> JsonObject:
    """GET /v1/invoices, by customer, subscription, status."""
    wanted = call.params.get("subscription")

    def keep(item: JsonObject) -> bool:
        return wanted in (None, lifecycle.subscription_of(item))

    by = ("customer", "status", "collection_method")
    return paging.page(call, KIND, URL, keep=keep, by=by)


ROUTES = (
    Route("POST", URL, create, CREATE_FIELDS),
    Route("GET", URL, list_all, LIST_FIELDS),
    Route("GET", f"{URL}/{{id}}", retrieve, {}),
    Route("POST", f"{URL}/{{id}}", update, UPDATE_FIELDS),
    Route("DELETE", f"{URL}/{{id}}", delete, {}),
    Route("GET", f"{URL}/{{id}}/lines", list_lines, params.PAGING),
    Route("POST", f"{URL}/{{id}}/finalize", finalize_now, {"auto_advance": params.boolean()}),
    Route("POST", f"{URL}/{{id}}/pay", pay_now, PAY_FIELDS),
    Route("POST", f"{URL}/{{id}}/void", void_now, {}),
    Route("POST", f"{URL}/{{id}}/mark_uncollectible", mark_uncollectible, {}),
)
