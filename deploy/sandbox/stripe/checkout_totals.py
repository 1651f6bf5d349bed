"""What a checkout session comes to: items, a trial that asks for nothing yet, a discount."""

from collections.abc import Sequence
from decimal import Decimal

from deploy.sandbox.stripe.amounts import spread, whole
from deploy.sandbox.stripe.context import Context
from deploy.sandbox.stripe.discounts import Offer
from deploy.sandbox.stripe.resources import coupons, price_details
from deploy.sandbox.stripe.shapes import JsonObject


def add_up(
    context: Context,
    session: JsonObject,
    items: Sequence[JsonObject],
    offer: Offer | None,
    *,
    trial: bool,
) -> None:
    """Set the amounts of a session and of its items, which change in place, in minor units."""
    for item in items:
        free = trial and item["price"]["recurring"]
        item["amount_subtotal"] = 0 if free else full_price(context, item)
        item["amount_discount"] = 0
    if offer is not None:
        _take_off(context, items, offer.coupon, session["currency"])
    for item in items:
        item["amount_total"] = item["amount_subtotal"] - item["amount_discount"]
    off = sum(item["amount_discount"] for item in items)
    session |= {
        "amount_subtotal": sum(item["amount_subtotal"] for item in items),
        "amount_total": sum(item["amount_total"] for item in items),
        "discounts": _shown(offer),
        "total_details": {"amount_discount": off, "amount_shipping": 0, "amount_tax": 0},
    }


def full_price(context: Context, item: JsonObject) -> int:
    """What an item costs each period, or once, before any discount."""
    return price_details.amount(context.tx, item["price"], item["quantity"], item["currency"])


def _shown(offer: Offer | None) -> list[JsonObject]:
    if offer is None:
        return []
    code = offer.code
    return [{"coupon": None if code else offer.coupon["id"], "promotion_code": code}]


def _take_off(
    context: Context, items: Sequence[JsonObject], coupon: JsonObject, currency: str
) -> None:
    """Rounded as an invoice rounds it: what is agreed here is what the invoice will ask for."""
    covered = [item for item in items if coupons.covers(context, coupon, item["price"]["product"])]
    amounts = [item["amount_subtotal"] for item in covered]
    if coupon["percent_off"] is not None:
        percent = Decimal(str(coupon["percent_off"]))
        parts = [whole(amount * percent / 100) for amount in amounts]
    else:
        off = coupons.amount_off(context, coupon, currency) or 0
        parts = spread(min(off, sum(amounts)), amounts)
    for item, part in zip(covered, parts, strict=True):
        item["amount_discount"] = part
