"""Invoices: made and paid together with the subscription of a checkout."""

from deploy.sandbox.stripe import paging, params
from deploy.sandbox.stripe.api import Route
from deploy.sandbox.stripe.context import Call, Context
from deploy.sandbox.stripe.events import emit
from deploy.sandbox.stripe.ids import new_id
from deploy.sandbox.stripe.money import shown
from deploy.sandbox.stripe.resources import invoice_payments
from deploy.sandbox.stripe.shapes import JsonObject, difference, listing

LIST_FIELDS: params.Fields = {
    **params.PAGING,
    "collection_method": params.one_of("charge_automatically", "send_invoice"),
    "created": params.time_range(),
    "customer": params.text(),
    "status": params.one_of("draft", "open", "paid", "uncollectible", "void"),
    "subscription": params.text(),
}


def draft(
    context: Context, customer: JsonObject, subscription: JsonObject, reason: str
) -> JsonObject:
    """A draft for the current period of a subscription's items, with its event."""
    invoice_id = new_id("invoice")
    lines = [_line(context, invoice_id, item) for item in subscription["items"]["data"]]
    total = sum(line["amount"] for line in lines)
    invoice = _shape(context, invoice_id, customer, subscription)
    invoice |= {
        "amount_due": total,
        "amount_remaining": total,
        "billing_reason": reason,
        "lines": listing(lines, f"/v1/invoices/{invoice_id}/lines"),
        "subtotal": total,
        "subtotal_excluding_tax": total,
        "total": total,
        "total_excluding_tax": total,
    }
    context.tx.save("invoice", invoice)
    emit(context, "invoice.created", invoice)
    return invoice


def finalize(context: Context, invoice: JsonObject, customer: JsonObject) -> None:
    """Give a draft its number and open it; both change in place."""
    sequence = customer["next_invoice_sequence"]
    customer["next_invoice_sequence"] = sequence + 1
    context.tx.save("customer", customer)
    invoice |= {
        "auto_advance": False,
        "effective_at": context.now,
        "ending_balance": 0,
        "hosted_invoice_url": f"{context.url}/invoices/{invoice['id']}",
        "number": f"{customer['invoice_prefix']}-{sequence:04d}",
        "status": "open",
    }
    invoice["status_transitions"]["finalized_at"] = context.now
    context.tx.save("invoice", invoice)
    emit(context, "invoice.finalized", invoice)


def pay(context: Context, invoice: JsonObject, intent: JsonObject | None) -> None:
    """Close an open invoice as paid; `intent` is None where nothing was due."""
    before = dict(invoice)
    invoice |= {
        "amount_paid": invoice["amount_due"],
        "amount_remaining": 0,
        "attempt_count": 1 if intent else 0,
        "attempted": True,
        "status": "paid",
    }
    invoice["status_transitions"] = {**before["status_transitions"], "paid_at": context.now}
    context.tx.save("invoice", invoice)
    payment = invoice_payments.make(context, invoice, intent) if intent else None
    emit(context, "invoice.updated", invoice, difference(before, invoice))
    emit(context, "invoice.paid", invoice)
    emit(context, "invoice.payment_succeeded", invoice)
    if payment is not None:
        emit(context, "invoice_payment.paid", payment)


def _line(context: Context, invoice_id: str, item: JsonObject) -> JsonObject:
    price, quantity = item["price"], item["quantity"]
    product = context.tx.get("product", price["product"]) or {"name": price["product"]}
    unit = price["unit_amount"]
    every = price["recurring"]["interval"]
    return {
        "id": new_id("line_item"),
        "object": "line_item",
        "amount": unit * quantity,
        "currency": price["currency"],
        "description": f"{quantity} × {product['name']} "
        f"(at {shown(unit, price['currency'])} / {every})",
        "discount_amounts": [],
        "discountable": True,
        "discounts": [],
        "invoice": invoice_id,
        "livemode": False,
        "metadata": dict(item["metadata"]),
        "parent": {
            "invoice_item_details": None,
            "subscription_item_details": {
                "invoice_item": None,
                "proration": False,
                "proration_details": {"credited_items": None},
                "subscription": item["subscription"],
                "subscription_item": item["id"],
            },
            "type": "subscription_item_details",
        },
        "period": {"start": item["current_period_start"], "end": item["current_period_end"]},
        "pretax_credit_amounts": [],
        "pricing": {
            "price_details": {"price": price["id"], "product": price["product"]},
            "type": "price_details",
            "unit_amount_decimal": price["unit_amount_decimal"],
        },
        "quantity": quantity,
        "quantity_decimal": str(quantity),
        "subscription": item["subscription"],
        "subtotal": unit * quantity,
        "taxes": [],
    }


def _shape(
    context: Context, invoice_id: str, customer: JsonObject, subscription: JsonObject
) -> JsonObject:
    return {
        "id": invoice_id,
        "object": "invoice",
        "account_country": "US",
        "account_name": "Tollgate sandbox",
        "account_tax_ids": None,
        "amount_overpaid": 0,
        "amount_paid": 0,
        "amount_shipping": 0,
        "application": None,
        "attempt_count": 0,
        "attempted": False,
        "auto_advance": True,
        "automatic_tax": {
            "disabled_reason": None,
            "enabled": False,
            "liability": None,
            "provider": None,
            "status": None,
        },
        "automatically_finalizes_at": None,
        "collection_method": subscription["collection_method"],
        "created": context.now,
        "currency": subscription["currency"],
        "custom_fields": None,
        "customer": customer["id"],
        "customer_account": None,
        "customer_address": customer["address"],
        "customer_email": customer["email"],
        "customer_name": customer["name"],
        "customer_phone": customer["phone"],
        "customer_shipping": None,
        "customer_tax_exempt": customer["tax_exempt"],
        "customer_tax_ids": [],
        "default_payment_method": None,
        "default_source": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": [],
        "due_date": None,
        "effective_at": None,
        "ending_balance": None,
        "footer": None,
        "from_invoice": None,
        "hosted_invoice_url": None,
        "invoice_pdf": None,
        "issuer": {"type": "self"},
        "last_finalization_error": None,
        "latest_revision": None,
        "livemode": False,
        "metadata": {},
        "next_payment_attempt": None,
        "number": None,
        "on_behalf_of": None,
        "parent": {
            "quote_details": None,
            "subscription_details": {
                "metadata": dict(subscription["metadata"]),
                "subscription": subscription["id"],
            },
            "type": "subscription_details",
        },
        "payment_settings": {
            "default_mandate": None,
            "payment_method_options": None,
            "payment_method_types": None,
        },
        "period_end": context.now,
        "period_start": context.now,
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "receipt_number": None,
        "rendering": None,
        "shipping_cost": None,
        "shipping_details": None,
        "starting_balance": 0,
        "statement_descriptor": None,
        "status": "draft",
        "status_transitions": dict.fromkeys(
            ("finalized_at", "marked_uncollectible_at", "paid_at", "voided_at")
        ),
        "test_clock": None,
        "total_discount_amounts": [],
        "total_pretax_credit_amounts": [],
        "total_taxes": [],
        "webhooks_delivered_at": context.now,
    }


def retrieve(call: Call) -> JsonObject:
    """GET /v1/invoices/:id."""
    return call.tx.need("invoice", call.path["id"], "invoice")


def list_lines(call: Call) -> JsonObject:
    """GET /v1/invoices/:id/lines."""
    lines = retrieve(call)["lines"]
    return paging.embedded(call, lines["data"], lines["url"], "line_item")


def list_all(call: Call) -> JsonObject:
    """GET /v1/invoices, by customer, subscription, status."""
    wanted = call.params.get("subscription")

    def keep(item: JsonObject) -> bool:
        details = item["parent"]["subscription_details"]
        return wanted in (None, details["subscription"])

    by = ("customer", "status", "collection_method")
    return paging.page(call, "invoice", "/v1/invoices", keep=keep, by=by)


ROUTES = (
    Route("GET", "/v1/invoices", list_all, LIST_FIELDS),
    Route("GET", "/v1/invoices/{id}", retrieve, {}),
    Route("GET", "/v1/invoices/{id}/lines", list_lines, params.PAGING),
)
