"""What a checkout session sells: prices and quantities, checked when the session is made."""

from deploy.sandbox.stripe import params
from deploy.sandbox.stripe.context import Call
from deploy.sandbox.stripe.errors import invalid, missing_param, not_covered
from deploy.sandbox.stripe.ids import new_id
from deploy.sandbox.stripe.resources import prices
from deploy.sandbox.stripe.shapes import JsonObject

FIELDS: params.Fields = {
    "price": params.text(),
    "price_data": params.nested(prices.AMOUNT),
    "quantity": params.integer(),
}


def make_all(call: Call, mode: str) -> list[JsonObject]:
    """The line items of a session in that mode; all in one currency."""
    wanted = call.params.get("line_items")
    if not wanted:
        raise missing_param("line_items")
    items = [_make(call, at, values) for at, values in enumerate(wanted)]
    _check_mode(mode, [item["price"] for item in items])
    currencies = {item["currency"] for item in items}
    if len(currencies) > 1:
        message = (
            "Checkout does not support multiple prices with different currencies: "
            f"{', '.join(sorted(currencies))}."
        )
        raise invalid(message, "line_items")
    return items


def _make(call: Call, at: int, values: JsonObject) -> JsonObject:
    param = f"line_items[{at}]"
    price = _price(call, values, param)
    if not values.get("quantity"):
        raise invalid(f"Quantity is required. Add `quantity` to `{param}`", f"{param}[quantity]")
    if price["unit_amount"] is None:
        raise invalid("A price must be a whole number of minor units here.", param)
    product = call.tx.get("product", price["product"]) or {"name": price["product"]}
    total = price["unit_amount"] * values["quantity"]
    return {
        "id": new_id("item"),
        "object": "item",
        "adjustable_quantity": None,
        "amount_discount": 0,
        "amount_subtotal": total,
        "amount_tax": 0,
        "amount_total": total,
        "currency": price["currency"],
        "description": product["name"],
        "metadata": {},
        "price": price,
        "quantity": values["quantity"],
    }


def _price(call: Call, values: JsonObject, param: str) -> JsonObject:
    if ("price" in values) == ("price_data" in values):
        raise invalid(f"Specify either `price` or `price_data` in `{param}`.", param)
    if "price_data" in values:
        return prices.make(call.context, values["price_data"], f"{param}[price_data]", inline=True)
    name = f"{param}[price]"
    price = call.tx.need("price", values["price"], name, status=400)
    if not price["active"]:
        message = "The price specified is inactive. This field only accepts active prices."
        raise invalid(message, name, "price_inactive")
    return price


def _check_mode(mode: str, chosen: list[JsonObject]) -> None:
    recurring = [price["recurring"] for price in chosen if price["recurring"]]
    if mode == "payment" and recurring:
        message = (
            "You specified `payment` mode but passed a recurring price. Either switch to "
            "`subscription` mode or use only one-time prices."
        )
        raise invalid(message, "mode")
    if mode == "subscription" and not recurring:
        message = (
            "You must provide at least one recurring price in `subscription` mode when using "
            "prices."
        )
        raise invalid(message, "line_items")
    if mode == "subscription" and len(recurring) < len(chosen):
        raise not_covered("one-time prices beside recurring ones in subscription mode")
    if len({(every["interval"], every["interval_count"]) for every in recurring}) > 1:
        message = "Checkout does not support prices with different billing intervals."
        raise invalid(message, "line_items")
