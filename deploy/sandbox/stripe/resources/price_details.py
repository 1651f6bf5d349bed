"""What a price has beside its shape: tiers, and its amounts in further currencies.

Both are shown only when expanded, so they are kept apart from the price, under its id.
"""

from deploy.sandbox.stripe import params
from deploy.sandbox.stripe.amounts import amount_of
from deploy.sandbox.stripe.errors import invalid, missing_param
from deploy.sandbox.stripe.shapes import JsonObject
from deploy.sandbox.stripe.state import Transaction

KIND = "price_details"
TIER: params.Fields = {
    "flat_amount": params.integer(),
    "flat_amount_decimal": params.decimal_text(),
    "unit_amount": params.integer(),
    "unit_amount_decimal": params.decimal_text(),
    "up_to": params.text(required=True),
}
TIERS = params.array(params.nested(TIER))
OPTION: params.Fields = {
    "tax_behavior": params.one_of("exclusive", "inclusive", "unspecified"),
    "tiers": TIERS,
    "unit_amount": params.integer(),
    "unit_amount_decimal": params.decimal_text(),
}
FIELDS: params.Fields = {
    "billing_scheme": params.one_of("per_unit", "tiered"),
    "currency_options": params.keyed(params.nested(OPTION)),
    "tiers": TIERS,
    "tiers_mode": params.one_of("graduated", "volume"),
    "transform_quantity": params.nested(
        {
            "divide_by": params.integer(required=True, least=1),
            "round": params.one_of("down", "up", required=True),
        }
    ),
}


def apply(price: JsonObject, values: JsonObject) -> None:
    """Set what the parameters of a new price say about its scheme; refuse what does not fit."""
    tiered = values.get("billing_scheme") == "tiered"
    if tiered:
        for name in ("tiers", "tiers_mode"):
            if not values.get(name):
                raise missing_param(name)
        if "unit_amount" in values or "transform_quantity" in values:
            message = "A tiered price takes neither `unit_amount` nor `transform_quantity`."
            raise invalid(message, "billing_scheme")
    elif "tiers" in values or "tiers_mode" in values:
        raise invalid("`tiers` can only be set when `billing_scheme=tiered`.", "tiers")
    price["billing_scheme"] = values.get("billing_scheme", "per_unit")
    price["tiers_mode"] = values.get("tiers_mode")
    price["transform_quantity"] = values.get("transform_quantity")


def save(tx: Transaction, price: JsonObject, values: JsonObject) -> None:
    """Keep the tiers and currencies of a price, beside those that it already has."""
    if "tiers" not in values and "currency_options" not in values:
        return
    known = tx.get(KIND, price["id"]) or {"id": price["id"], "tiers": None, "options": {}}
    if "tiers" in values:
        known["tiers"] = _tiers(values["tiers"], "tiers")
    for currency, option in values.get("currency_options", {}).items():
        known["options"][currency.lower()] = _option(price, currency, option)
    tx.save(KIND, known)


def _tiers(wanted: list[JsonObject], param: str) -> list[JsonObject]:
    made = [_tier(tier, f"{param}[{at}]") for at, tier in enumerate(wanted)]
    tops = [tier["up_to"] for tier in made]
    if tops[-1] is not None or None in tops[:-1]:
        raise invalid("The last tier, and no other, must have `up_to=inf`.", param)
    if tops[:-1] != sorted(set(tops[:-1])):
        raise invalid("Each tier must end above the one before.", param)
    return made


def _tier(given: JsonObject, param: str) -> JsonObject:
    top = given["up_to"]
    if top != "inf" and not (top.isdecimal() and int(top) > 0):
        raise invalid("Invalid up_to: must be a positive integer or `inf`.", f"{param}[up_to]")
    tier: JsonObject = {"up_to": None if top == "inf" else int(top)}
    for name in ("flat_amount", "unit_amount"):
        tier |= _both(given, name)
    return tier


def _both(given: JsonObject, name: str) -> JsonObject:
    """An amount as a whole number, where it is one, and as a decimal."""
    exact = given.get(f"{name}_decimal", str(given[name]) if name in given else None)
    return {name: given.get(name), f"{name}_decimal": exact}


def _option(price: JsonObject, currency: str, given: JsonObject) -> JsonObject:
    param = f"currency_options[{currency}]"
    option: JsonObject = {
        "custom_unit_amount": None,
        "tax_behavior": given.get("tax_behavior", "unspecified"),
        **_both(given, "unit_amount"),
    }
    if price["billing_scheme"] == "tiered":
        option["tiers"] = _tiers(given.get("tiers") or [{"up_to": ""}], f"{param}[tiers]")
    elif option["unit_amount_decimal"] is None:
        raise missing_param(f"{param}[unit_amount]")
    return option


def tiers(tx: Transaction, price: JsonObject) -> list[JsonObject] | None:
    """The tiers of a price in its own currency, None if it has none."""
    known = tx.get(KIND, price["id"])
    found: list[JsonObject] | None = known["tiers"] if known else None
    return found


def options(tx: Transaction, price: JsonObject) -> JsonObject:
    """A price in every currency that it is offered in, its own first."""
    known = tx.get(KIND, price["id"])
    own = {
        "custom_unit_amount": None,
        "tax_behavior": price["tax_behavior"],
        **{name: price[name] for name in ("unit_amount", "unit_amount_decimal")},
    }
    if known and known["tiers"]:
        own["tiers"] = known["tiers"]
    return {price["currency"]: own, **(known["options"] if known else {})}


def in_currency(tx: Transaction, price: JsonObject, currency: str) -> JsonObject | None:
    """A price as it is in a currency; None where it is not offered in it."""
    if currency == price["currency"]:
        return price
    option = options(tx, price).get(currency)
    if option is None:
        return None
    amounts = {name: option[name] for name in ("unit_amount", "unit_amount_decimal")}
    return {**price, **amounts, "currency": currency}


def amount(tx: Transaction, price: JsonObject, quantity: int, currency: str) -> int:
    """What a quantity of a price costs in a currency that it is offered in, in minor units."""
    option = options(tx, price)[currency]
    return amount_of(in_currency(tx, price, currency) or price, option.get("tiers", []), quantity)
