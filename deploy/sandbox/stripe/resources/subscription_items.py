"""Subscription items: a price and a quantity, and the period that is paid."""

from deploy.sandbox.stripe import paging, params
from deploy.sandbox.stripe.api import Route
from deploy.sandbox.stripe.context import Call, Context
from deploy.sandbox.stripe.errors import invalid, missing_param, no_such, not_covered
from deploy.sandbox.stripe.ids import new_id
from deploy.sandbox.stripe.periods import period_end
from deploy.sandbox.stripe.shapes import JsonObject, merge_metadata

FIELDS: params.Fields = {
    "id": params.text(),
    "deleted": params.boolean(),
    "metadata": params.metadata(),
    "price": params.text(),
    "quantity": params.integer(),
}


LIST_FIELDS: params.Fields = {**params.PAGING, "subscription": params.text(required=True)}


def make(
    context: Context, subscription_id: str, price: JsonObject, quantity: int, start: int
) -> JsonObject:
    """A new item whose first period begins at `start`."""
    every = price["recurring"]
    return {
        "id": new_id("subscription_item"),
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": context.now,
        "current_period_end": period_end(start, every["interval"], every["interval_count"]),
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
        "tiers_mode": None,
        "transform_usage": None,
        "trial_period_days": None,
        "usage_type": "licensed",
    }


def change(call: Call, subscription: JsonObject, wanted: list[JsonObject]) -> None:
    """Apply the `items` of an update: change by id, remove by id, add by price."""
    items = subscription["items"]["data"]
    for at, values in enumerate(wanted):
        param = f"items[{at}]"
        if "id" not in values:
            _add(call, subscription, values, param)
            continue
        item = next((item for item in items if item["id"] == values["id"]), None)
        if item is None:
            raise no_such("subscription_item", values["id"], f"{param}[id]", 400)
        if values.get("deleted"):
            items.remove(item)
        else:
            _alter(call, subscription, item, values, param)
    if not items:
        raise invalid("A subscription must have at least one active plan.", "items")


def _add(call: Call, subscription: JsonObject, values: JsonObject, param: str) -> None:
    if "price" not in values:
        raise missing_param(f"{param}[price]")
    items = subscription["items"]["data"]
    price = _price(call, subscription, values["price"], f"{param}[price]")
    if any(item["price"]["id"] == price["id"] for item in items):
        message = (
            f"Cannot add multiple subscription items with the same plan: {price['id']}. Perhaps "
            "you meant to update the quantity of an existing item."
        )
        raise invalid(message, f"{param}[price]")
    start = subscription["items"]["data"][0]["current_period_start"]
    added = make(call.context, subscription["id"], price, values.get("quantity", 1), start)
    added["metadata"] = merge_metadata({}, values.get("metadata", {}))
    items.append(added)


def _alter(
    call: Call, subscription: JsonObject, item: JsonObject, values: JsonObject, param: str
) -> None:
    if "price" in values:
        price = _price(call, subscription, values["price"], f"{param}[price]")
        item |= {"price": price, "plan": plan(price)}
    if "quantity" in values:
        item["quantity"] = values["quantity"]
    if "metadata" in values:
        item["metadata"] = merge_metadata(item["metadata"], values["metadata"])


def _price(call: Call, subscription: JsonObject, price_id: str, param: str) -> JsonObject:
    price = call.tx.need("price", price_id, param, status=400)
    if price["recurring"] is None:
        message = (
            f"The price specified is set to `type=one_time` but this field only accepts prices "
            f"with `type=recurring`: {price_id}"
        )
        raise invalid(message, param)
    if price["currency"] != subscription["currency"]:
        message = (
            f"Price `{price_id}` is in {price['currency']}, but the subscription is in "
            f"{subscription['currency']}."
        )
        raise invalid(message, param)
    running = subscription["items"]["data"][0]["price"]["recurring"]
    names = ("interval", "interval_count")
    if any(price["recurring"][name] != running[name] for name in names):
        raise not_covered("a subscription's change to another billing interval")
    return price


def list_all(call: Call) -> JsonObject:
    """GET /v1/subscription_items, of one subscription."""
    name = call.params["subscription"]
    subscription = call.tx.need("subscription", name, "subscription", status=400)
    items = subscription["items"]["data"]
    return paging.embedded(call, items, "/v1/subscription_items", "subscription_item")


ROUTES = (Route("GET", "/v1/subscription_items", list_all, LIST_FIELDS),)
