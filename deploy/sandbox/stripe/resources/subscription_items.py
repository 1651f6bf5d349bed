"""Subscription items: a price and a quantity, and the period that is paid."""

from deploy.sandbox.stripe import params
from deploy.sandbox.stripe.context import Context
from deploy.sandbox.stripe.errors import invalid, missing_param, no_such
from deploy.sandbox.stripe.ids import new_id
from deploy.sandbox.stripe.periods import period_end
from deploy.sandbox.stripe.resources import price_details
from deploy.sandbox.stripe.shapes import JsonObject, merge_metadata

NEW: params.Fields = {
    "metadata": params.metadata(),
    "price": params.text(),
    "quantity": params.integer(),
}
FIELDS: params.Fields = {
    **NEW,
    "id": params.text(),
    "deleted": params.boolean(),
}


def make(
    context: Context,
    subscription_id: str,
    price: JsonObject,
    quantity: int,
    start: int,
    *,
    end: int | None = None,
) -> JsonObject:
    """A new item whose first period begins at `start`, and ends at `end` or a period later."""
    every = price["recurring"]
    return {
        "id": new_id("subscription_item"),
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": context.now,
        "current_period_end": end or period_end(start, every["interval"], every["interval_count"]),
        "current_period_start": start,
        "discounts": [],
        "metadata": {},
        "plan": plan(price),
        "price": price,
        "quantity": quantity,
        "subscription": subscription_id,
        "tax_rates": [],
    }


def plan(price: JsonObject) -> JsonObject:
    """The older name of a recurring price, which items still carry."""
    every = price["recurring"]
    return {
        "id": price["id"],
        "object": "plan",
        "active": price["active"],
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "billing_scheme": price["billing_scheme"],
        "created": price["created"],
        "currency": price["currency"],
        "interval": every["interval"],
        "interval_count": every["interval_count"],
        "livemode": False,
        "metadata": price["metadata"],
        "meter": None,
        "nickname": price["nickname"],
        "product": price["product"],
        "tiers_mode": price["tiers_mode"],
        "transform_usage": price["transform_quantity"],
        "trial_period_days": every["trial_period_days"],
        "usage_type": "licensed",
    }


def change(context: Context, subscription: JsonObject, wanted: list[JsonObject]) -> None:
    """Apply the `items` of an update in place: change by id, remove by id, add by price."""
    items = subscription["items"]["data"]
    for at, values in enumerate(wanted):
        param = f"items[{at}]"
        if "id" not in values:
            _add(context, subscription, values, param)
            continue
        item = next((item for item in items if item["id"] == values["id"]), None)
        if item is None:
            raise no_such("subscription_item", values["id"], f"{param}[id]", 400)
        if values.get("deleted"):
            items.remove(item)
        else:
            _alter(context, subscription, item, values, param)
    if not items:
        raise invalid("A subscription must have at least one active plan.", "items")


def _add(context: Context, subscription: JsonObject, values: JsonObject, param: str) -> None:
    if "price" not in values:
        raise missing_param(f"{param}[price]")
    items = subscription["items"]["data"]
    currency = subscription["currency"]
    price = recurring_price(context, values["price"], currency, f"{param}[price]")
    if any(item["price"]["id"] == price["id"] for item in items):
        message = (
            f"Cannot add multiple subscription items with the same plan: {price['id']}. Perhaps "
            "you meant to update the quantity of an existing item."
        )
        raise invalid(message, f"{param}[price]")
    first = subscription["items"]["data"][0]
    start, end = first["current_period_start"], first["current_period_end"]
    quantity = values.get("quantity", 1)
    added = make(context, subscription["id"], price, quantity, start, end=end)
    added["metadata"] = merge_metadata({}, values.get("metadata", {}))
    items.append(added)


def _alter(
    context: Context,
    subscription: JsonObject,
    item: JsonObject,
    values: JsonObject,
    param: str,
) -> None:
    if "price" in values:
        currency = subscription["currency"]
        price = recurring_price(context, values["price"], currency, f"{param}[price]")
        item |= {"price": price, "plan": plan(price)}
    if "quantity" in values:
        item["quantity"] = values["quantity"]
    if "metadata" in values:
        item["metadata"] = merge_metadata(item["metadata"], values["metadata"])


def recurring_price(
    context: Context, price_id: str, currency: str | None, param: str
) -> JsonObject:
    """A recurring price that is offered in a currency (None: in whichever it is)."""
    price = context.tx.need("price", price_id, param, status=400)
    if price["recurring"] is None:
        message = (
            f"The price specified is set to `type=one_time` but this field only accepts prices "
            f"with `type=recurring`: {price_id}"
        )
        raise invalid(message, param)
    if currency and price_details.in_currency(context.tx, price, currency) is None:
        message = (
            f"Price `{price_id}` is in {price['currency']}, but the subscription is in {currency}."
        )
        raise invalid(message, param)
    return price


def interval(item: JsonObject) -> tuple[str, int]:
    """How often an item is charged."""
    every = item["price"]["recurring"]
    return every["interval"], every["interval_count"]
