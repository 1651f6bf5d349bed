"""Invoice items: amounts that wait for a customer's next invoice, prorations among them."""

from deploy.sandbox.stripe import paging, params
from deploy.sandbox.stripe.api import Route
from deploy.sandbox.stripe.context import Call, Context
from deploy.sandbox.stripe.errors import invalid, missing_param
from deploy.sandbox.stripe.events import emit
from deploy.sandbox.stripe.ids import new_id
from deploy.sandbox.stripe.resources import price_details
from deploy.sandbox.stripe.shapes import JsonObject, merge_metadata

KIND = "invoiceitem"
AMOUNT: params.Fields = {
    "amount": params.integer(least=-99_999_999, most=99_999_999),
    "currency": params.text(longest=3),
    "description": params.text(clearable=True),
    "discountable": params.boolean(),
    "metadata": params.metadata(),
    "period": params.nested(
        {"end": params.integer(required=True), "start": params.integer(required=True)}
    ),
    "quantity": params.integer(),
}
CREATE_FIELDS: params.Fields = {
    **AMOUNT,
    "customer": params.text(required=True),
    "invoice": params.text(),
    "pricing": params.nested({"price": params.text(required=True)}),
    "subscription": params.text(),
}
UPDATE_FIELDS: params.Fields = {
    name: AMOUNT[name] for name in ("amount", "description", "discountable", "metadata")
}
NAMES = ("customer", "invoice")
LIST_FIELDS: params.Fields = {
    **params.PAGING,
    "created": params.time_range(),
    "customer": params.text(),
    "invoice": params.text(),
    "pending": params.boolean(),
}


def make(
    context: Context, customer: JsonObject, amount: int, currency: str, given: JsonObject
) -> JsonObject:
    """A new pending item with its event; `given` overrides fields of the shape."""
    subscription = given.pop("subscription", None)
    item: JsonObject = {
        "id": new_id(KIND),
        "object": KIND,
        "amount": amount,
        "currency": currency,
        "customer": customer["id"],
        "customer_account": None,
        "date": context.now,
        "description": None,
        "discountable": True,
        "discounts": [],
        "invoice": None,
        "livemode": False,
        "metadata": {},
        "net_amount": amount,
        "parent": _parent(subscription),
        "period": {"start": context.now, "end": context.now},
        "pricing": None,
        "proration": False,
        "proration_details": None,
        "quantity": 1,
        "quantity_decimal": "1",
        "tax_rates": [],
        "test_clock": customer["test_clock"],
    } | given
    item["quantity_decimal"] = str(item["quantity"])
    context.tx.save(KIND, item)
    emit(context, "invoiceitem.created", item)
    return item


def _parent(subscription: str | None) -> JsonObject | None:
    if subscription is None:
        return None
    details = {"subscription": subscription, "subscription_item": None}
    return {"subscription_details": details, "type": "subscription_details"}


def pending(
    context: Context, customer: str, currency: str, subscription: str | None
) -> list[JsonObject]:
    """What waits for the next invoice of a subscription (or of the customer), oldest first."""
    found = context.tx.where(KIND, "customer", customer)[::-1]
    return [
        dict(item)
        for item in found
        if item["invoice"] is None
        and item["currency"] == currency
        and _of(item) in ((None, subscription) if subscription else (None,))
    ]


def _of(item: JsonObject) -> str | None:
    parent = item["parent"]
    return parent["subscription_details"]["subscription"] if parent else None


def create(call: Call) -> JsonObject:
    """POST /v1/invoiceitems: an amount, or a quantity of a one-time price."""
    values = call.params
    customer = call.tx.need("customer", values["customer"], "customer", status=400)
    currency = str(values.get("currency") or customer["currency"] or "usd").lower()
    given: JsonObject = {
        name: values[name]
        for name in ("description", "discountable", "period", "quantity", "subscription")
        if name in values
    }
    given["metadata"] = merge_metadata({}, values.get("metadata", {}))
    if "invoice" in values:
        raise invalid("Items can be added to drafts only by `pending_invoice_items_behavior`.")
    if "pricing" not in values:
        if "amount" not in values:
            raise missing_param("amount")
        return make(call.context, customer, values["amount"], currency, given)
    price = one_time_price(call.context, values["pricing"]["price"], "pricing[price]")
    quantity = values.get("quantity", 1)
    return of_price(call.context, customer, price, quantity, price["currency"], given)


def one_time_price(context: Context, name: str, param: str) -> JsonObject:
    """A price that is asked for once."""
    price = context.tx.need("price", name, param, status=400)
    if price["recurring"]:
        message = "The price specified is set to `type=recurring`; this field takes one-time ones."
        raise invalid(message, param)
    return price


def of_price(
    context: Context,
    customer: JsonObject,
    price: JsonObject,
    quantity: int,
    currency: str,
    given: JsonObject,
) -> JsonObject:
    """A new pending item of a quantity of a price, in a currency that it is offered in."""
    local = price_details.in_currency(context.tx, price, currency)
    if local is None:
        raise invalid(f"Price `{price['id']}` is not available in {currency}.", "price")
    product = context.tx.get("product", price["product"]) or {"name": price["product"]}
    pricing = {
        "price_details": {"price": price["id"], "product": price["product"]},
        "type": "price_details",
        "unit_amount_decimal": local["unit_amount_decimal"],
    }
    amount = price_details.amount(context.tx, price, quantity, currency)
    shown = {"description": product["name"], "pricing": pricing, "quantity": quantity}
    return make(context, customer, amount, currency, {**shown, **given})


def retrieve(call: Call) -> JsonObject:
    """GET /v1/invoiceitems/:id."""
    return call.tx.need(KIND, call.path["id"], "invoiceitem")


def update(call: Call) -> JsonObject:
    """POST /v1/invoiceitems/:id, while it waits."""
    item = _waiting(call)
    for name in ("amount", "description", "discountable"):
        if name in call.params:
            item[name] = call.params[name]
    item["net_amount"] = item["amount"]
    if "metadata" in call.params:
        item["metadata"] = merge_metadata(item["metadata"], call.params["metadata"])
    return call.tx.save(KIND, item)


def _waiting(call: Call) -> JsonObject:
    item = retrieve(call)
    if item["invoice"] is not None:
        raise invalid("This invoice item is already attached to an invoice.", "invoiceitem")
    return item


def delete(call: Call) -> JsonObject:
    """DELETE /v1/invoiceitems/:id, while it waits."""
    item = _waiting(call)
    call.tx.discard(KIND, item["id"])
    emit(call.context, "invoiceitem.deleted", item)
    return {"id": item["id"], "object": KIND, "deleted": True}


def list_all(call: Call) -> JsonObject:
    """GET /v1/invoiceitems, by customer, invoice, or those that wait."""
    waiting = call.params.get("pending")

    def keep(item: JsonObject) -> bool:
        same = all(item[name] == call.params.get(name, item[name]) for name in NAMES)
        return same and waiting in (None, item["invoice"] is None)

    chosen = (
        item
        for item in call.tx.newest(KIND)
        if keep(item) and paging.within(item["date"], call.params.get("created", {}))
    )
    return paging.cut(call, chosen, "/v1/invoiceitems", lambda at: call.tx.rank(KIND, at), KIND)


ROUTES = (
    Route("POST", "/v1/invoiceitems", create, CREATE_FIELDS),
    Route("GET", "/v1/invoiceitems", list_all, LIST_FIELDS),
    Route("GET", "/v1/invoiceitems/{id}", retrieve, {}),
    Route("POST", "/v1/invoiceitems/{id}", update, UPDATE_FIELDS),
    Route("DELETE", "/v1/invoiceitems/{id}", delete, {}),
)
