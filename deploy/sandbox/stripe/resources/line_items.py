"""What a checkout session sells: prices and quantities, checked when the session is made."""

from deploy.sandbox.stripe import params
from deploy.sandbox.stripe.context import Call
from deploy.sandbox.stripe.errors import invalid, missing_param
from deploy.sandbox.stripe.ids import new_id
from deploy.sandbox.stripe.resources import price_details, prices
from deploy.sandbox.stripe.shapes import JsonObject

ADJUSTABLE: params.Fields = {
    "enabled": params.boolean(required=True),
    "maximum": params.integer(least=1, most=999_999),
    "minimum": params.integer(),
}
FIELDS: params.Fields = {
    "adjustable_quantity": params.nested(ADJUSTABLE),
    "metadata": params.metadata(),
    "price": params.text(),
    "price_data": params.nested(prices.AMOUNT),
    "quantity": params.integer(),
}
MOST_ADJUSTED = 99


def make_all(call: Call, mode: str) -> list[JsonObject]:
    """The line items of a session in that mode, all in one currency; `checkout_totals` adds up."""
    wanted = call.params.get("line_items")
    if not wanted:
        raise missing_param("line_items")
    chosen = [_price(call, values, f"line_items[{at}]") for at, values in enumerate(wanted)]
    _check_mode(mode, chosen)
    currency = _currency(call, chosen)
    return [
        _make(call, f"line_items[{at}]", values, chosen[at], currency)
        for at, values in enumerate(wanted)
    ]


def _currency(call: Call, chosen: list[JsonObject]) -> str:
    """The session's currency, in which every price must be offered."""
    if "currency" not in call.params:
        currencies = {price["currency"] for price in chosen}
        if len(currencies) > 1:
            message = (
                "Checkout does not support multiple prices with different currencies: "
                f"{', '.join(sorted(currencies))}."
            )
            raise invalid(message, "line_items")
        return str(chosen[0]["currency"])
    currency = str(call.params["currency"]).lower()
    for price in chosen:
        if price_details.in_currency(call.tx, price, currency) is None:
            message = f"The price {price['id']} is not available in the currency {currency}."
            raise invalid(message, "currency")
    return currency


def _make(
    call: Call, param: str, values: JsonObject, price: JsonObject, currency: str
) -> JsonObject:
    if not values.get("quantity"):
        raise invalid(f"Quantity is required. Add `quantity` to `{param}`", f"{param}[quantity]")
    if price["unit_amount_decimal"] is None and price["billing_scheme"] == "per_unit":
        raise invalid("A price needs an amount to be sold here.", param)
    product = call.tx.get("product", price["product"]) or {"name": price["product"]}
    return {
        "id": new_id("item"),
        "object": "item",
        "adjustable_quantity": _adjustable(values),
        "amount_discount": 0,
        "amount_subtotal": 0,
        "amount_tax": 0,
        "amount_total": 0,
        "currency": currency,
        "description": product["name"],
        "metadata": values.get("metadata") or {},
        "price": price,
        "quantity": values["quantity"],
    }


def _adjustable(values: JsonObject) -> JsonObject | None:
    given = values.get("adjustable_quantity")
    if given is None:
        return None
    return {"maximum": MOST_ADJUSTED, "minimum": 0, **given}


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
    if len({(every["interval"], every["interval_count"]) for every in recurring}) > 1:
        message = "Checkout does not support prices with different billing intervals."
        raise invalid(message, "line_items")
