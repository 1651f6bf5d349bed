"""Prices: what a product costs, once or every so often. Amounts never change."""

from decimal import Decimal

from deploy.sandbox.stripe import paging, params
from deploy.sandbox.stripe.api import Route
from deploy.sandbox.stripe.context import Call, Context
from deploy.sandbox.stripe.errors import invalid, missing_param
from deploy.sandbox.stripe.events import emit
from deploy.sandbox.stripe.ids import new_id
from deploy.sandbox.stripe.resources import price_details, products
from deploy.sandbox.stripe.shapes import JsonObject, difference, merge_metadata

INTERVALS = ("day", "week", "month", "year")
RECURRING: params.Fields = {
    "interval": params.one_of(*INTERVALS, required=True),
    "interval_count": params.integer(least=1, most=156),
    "trial_period_days": params.integer(most=730),
    "usage_type": params.one_of("licensed"),
}
PRODUCT_DATA: params.Fields = {
    "name": params.text(required=True),
    "description": params.text(),
    "metadata": params.metadata(),
}
AMOUNT: params.Fields = {
    "currency": params.text(required=True, longest=3),
    "product": params.text(),
    "product_data": params.nested(PRODUCT_DATA),
    "recurring": params.nested(RECURRING),
    "tax_behavior": params.one_of("exclusive", "inclusive", "unspecified"),
    "unit_amount": params.integer(),
    "unit_amount_decimal": params.decimal_text(),
}
CREATE_FIELDS: params.Fields = {
    **AMOUNT,
    **price_details.FIELDS,
    "active": params.boolean(),
    "lookup_key": params.text(longest=200),
    "metadata": params.metadata(),
    "nickname": params.text(),
    "transfer_lookup_key": params.boolean(),
}
UPDATE_FIELDS: params.Fields = {
    "active": params.boolean(),
    "currency_options": price_details.FIELDS["currency_options"],
    "lookup_key": params.text(longest=200, clearable=True),
    "metadata": params.metadata(),
    "nickname": params.text(clearable=True),
    "transfer_lookup_key": params.boolean(),
}
LIST_FIELDS: params.Fields = {
    **params.PAGING,
    "active": params.boolean(),
    "created": params.time_range(),
    "currency": params.text(longest=3),
    "lookup_keys": params.array(params.text(), most=10),
    "product": params.text(),
    "recurring": params.nested({"interval": params.one_of(*INTERVALS)}),
    "type": params.one_of("one_time", "recurring"),
}


def shape(
    price_id: str, product: str, currency: str, amount: int | None, moment: int
) -> JsonObject:
    """A one-time price; amount in minor units."""
    return {
        "id": price_id,
        "object": "price",
        "active": True,
        "billing_scheme": "per_unit",
        "created": moment,
        "currency": currency.lower(),
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": None,
        "metadata": {},
        "nickname": None,
        "product": product,
        "recurring": None,
        "tax_behavior": "unspecified",
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "one_time",
        "unit_amount": amount,
        "unit_amount_decimal": None if amount is None else str(amount),
    }


def recurring(interval: str, count: int = 1) -> JsonObject:
    """How often a price is charged."""
    return {
        "interval": interval,
        "interval_count": count,
        "meter": None,
        "trial_period_days": None,
        "usage_type": "licensed",
    }


def make(context: Context, values: JsonObject, prefix: str = "", *, inline: bool) -> JsonObject:
    """A new price with its event; `inline` ones (a session's `price_data`) are not active."""
    product_id = _product(context, values, prefix, inline=inline)
    price = shape(
        new_id("price"), product_id, values["currency"], _amount(values, prefix), context.now
    )
    price_details.apply(price, values)
    price["active"] = not inline and values.get("active", True)
    price["tax_behavior"] = values.get("tax_behavior", "unspecified")
    price["nickname"] = values.get("nickname")
    if "unit_amount_decimal" in values:
        price["unit_amount_decimal"] = values["unit_amount_decimal"]
    if "recurring" in values:
        often = values["recurring"]
        price["recurring"] = recurring(often["interval"], often.get("interval_count", 1))
        price["recurring"]["trial_period_days"] = often.get("trial_period_days")
        price["type"] = "recurring"
    _set_lookup_key(context, price, values)
    price["metadata"] = merge_metadata({}, values.get("metadata", {}))
    price_details.save(context.tx, price, values)
    context.tx.save("price", price)
    emit(context, "price.created", price)
    return price


def _product(context: Context, values: JsonObject, prefix: str, *, inline: bool) -> str:
    if "product" in values:
        name = f"{prefix}[product]" if prefix else "product"
        found = context.tx.need("product", values["product"], name, status=400)
        return str(found["id"])
    if "product_data" not in values:
        raise missing_param(f"{prefix}[product]" if prefix else "product")
    made = products.make(context, values["product_data"], active=not inline)
    return str(made["id"])


def _amount(values: JsonObject, prefix: str) -> int | None:
    if values.get("billing_scheme") == "tiered":
        return None
    if "unit_amount" in values:
        return int(values["unit_amount"])
    if "unit_amount_decimal" not in values:
        raise missing_param(f"{prefix}[unit_amount]" if prefix else "unit_amount")
    exact = Decimal(values["unit_amount_decimal"])
    return int(exact) if exact == exact.to_integral_value() else None


def _set_lookup_key(context: Context, price: JsonObject, values: JsonObject) -> None:
    if "lookup_key" not in values:
        return
    key = values["lookup_key"]
    holders = context.tx.where("price", "lookup_key", key) if key else []
    for holder in holders:
        if holder["id"] == price["id"]:
            continue
        if not values.get("transfer_lookup_key"):
            message = (
                f"A price (`{holder['id']}`) already uses that lookup key. You can transfer it by "
                "setting `transfer_lookup_key: true`."
            )
            raise invalid(message, "lookup_key")
        context.tx.save("price", {**holder, "lookup_key": None})
    price["lookup_key"] = key


def create(call: Call) -> JsonObject:
    """POST /v1/prices."""
    return make(call.context, call.params, inline=False)


def retrieve(call: Call) -> JsonObject:
    """GET /v1/prices/:id."""
    return call.tx.need("price", call.path["id"], "price")


def update(call: Call) -> JsonObject:
    """POST /v1/prices/:id."""
    price = call.tx.need("price", call.path["id"], "price")
    before = dict(price)
    for name in ("active", "nickname"):
        if name in call.params:
            price[name] = call.params[name]
    _set_lookup_key(call.context, price, call.params)
    if "metadata" in call.params:
        price["metadata"] = merge_metadata(price["metadata"], call.params["metadata"])
    price_details.save(call.tx, price, call.params)
    call.tx.save("price", price)
    changed = difference(before, price)
    if changed:
        emit(call.context, "price.updated", price, changed)
    return price


def list_all(call: Call) -> JsonObject:
    """GET /v1/prices, by product, lookup keys, currency, type."""
    keys = call.params.get("lookup_keys")
    interval = call.params.get("recurring", {}).get("interval")

    def keep(item: JsonObject) -> bool:
        every = (item["recurring"] or {}).get("interval")
        return (keys is None or item["lookup_key"] in keys) and interval in (None, every)

    return paging.page(
        call, "price", "/v1/prices", keep=keep, by=("product", "active", "currency", "type")
    )


ROUTES = (
    Route("POST", "/v1/prices", create, CREATE_FIELDS),
    Route("GET", "/v1/prices", list_all, LIST_FIELDS),
    Route("GET", "/v1/prices/{id}", retrieve, {}),
    Route("POST", "/v1/prices/{id}", update, UPDATE_FIELDS),
)
