"""The shapes of invoices and of their lines."""

from deploy.sandbox.stripe.context import Context
from deploy.sandbox.stripe.ids import new_id
from deploy.sandbox.stripe.money import shown
from deploy.sandbox.stripe.resources import price_details
from deploy.sandbox.stripe.shapes import JsonObject


def shape(
    context: Context,
    invoice_id: str,
    customer: JsonObject,
    currency: str,
    subscription: JsonObject | None,
) -> JsonObject:
    """A draft with no lines yet; `subscription` is None for one made by hand."""
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
        "collection_method": "charge_automatically",
        "created": context.now,
        "currency": currency,
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
        "parent": _parent(subscription),
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
        "test_clock": customer["test_clock"],
        "total_discount_amounts": [],
        "total_pretax_credit_amounts": [],
        "total_taxes": [],
        "webhooks_delivered_at": context.now,
    }


def _parent(subscription: JsonObject | None) -> JsonObject | None:
    if subscription is None:
        return None
    return {
        "quote_details": None,
        "subscription_details": {
            "metadata": dict(subscription["metadata"]),
            "subscription": subscription["id"],
        },
        "type": "subscription_details",
    }


def item_line(
    context: Context, invoice_id: str, item: JsonObject, currency: str, *, trial: bool
) -> JsonObject:
    """The line of a subscription item for its current period; nothing is asked in a trial."""
    price, quantity = item["price"], item["quantity"]
    full = price_details.amount(context.tx, price, quantity, currency)
    line = _line(context, invoice_id, 0 if trial else full, currency, quantity)
    name = product_name(context, price)
    return line | {
        "description": f"Trial period for {name}"
        if trial
        else described(context, price, quantity, currency),
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
        "pricing": _pricing(context, price, currency),
        "subscription": item["subscription"],
    }


def described(context: Context, price: JsonObject, quantity: int, currency: str) -> str:
    """What a line of a recurring price says, e.g. `2 × Pro (at 49.00 USD / month)`."""
    name, every = product_name(context, price), price["recurring"]["interval"]
    local = price_details.in_currency(context.tx, price, currency) or price
    unit = local["unit_amount"]
    if unit is None:
        return f"{quantity} × {name} (per {every})"
    return f"{quantity} × {name} (at {shown(unit, currency)} / {every})"


def product_name(context: Context, price: JsonObject) -> str:
    """The name of what a price is for."""
    product = context.tx.get("product", price["product"]) or {"name": price["product"]}
    return str(product["name"])


def _pricing(context: Context, price: JsonObject, currency: str) -> JsonObject:
    local = price_details.in_currency(context.tx, price, currency) or price
    return {
        "price_details": {"price": price["id"], "product": price["product"]},
        "type": "price_details",
        "unit_amount_decimal": local["unit_amount_decimal"],
    }


def added_line(context: Context, invoice_id: str, added: JsonObject) -> JsonObject:
    """The line of an invoice item, a proration among them."""
    parent = added["parent"]
    details = parent["subscription_details"] if parent else {}
    line = _line(context, invoice_id, added["amount"], added["currency"], added["quantity"])
    return line | {
        "description": added["description"],
        "discountable": added["discountable"],
        "metadata": dict(added["metadata"]),
        "parent": {
            "invoice_item_details": {
                "invoice_item": added["id"],
                "proration": added["proration"],
                "proration_details": {"credited_items": _credited(added)},
                "subscription": details.get("subscription"),
            },
            "subscription_item_details": None,
            "type": "invoice_item_details",
        },
        "period": dict(added["period"]),
        "pricing": added["pricing"],
        "subscription": details.get("subscription"),
    }


def _credited(added: JsonObject) -> JsonObject | None:
    credited = (added["proration_details"] or {}).get("credited_items")
    return credited["invoice_line_item_details"] if credited else None


def _line(
    context: Context, invoice_id: str, amount: int, currency: str, quantity: int
) -> JsonObject:
    return {
        "id": new_id("line_item"),
        "object": "line_item",
        "amount": amount,
        "currency": currency,
        "discount_amounts": [],
        "discountable": True,
        "discounts": [],
        "invoice": invoice_id,
        "livemode": False,
        "pretax_credit_amounts": [],
        "quantity": quantity,
        "quantity_decimal": str(quantity),
        "subtotal": amount,
        "taxes": [],
    }
