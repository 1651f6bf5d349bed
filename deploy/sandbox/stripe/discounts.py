"""Discounts: a coupon given to a subscription or an invoice, and what it takes off each line.

A discount keeps a copy of its coupon beside it (`discount_coupon`), so that it goes on when the
coupon is deleted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from deploy.sandbox.stripe import params
from deploy.sandbox.stripe.amounts import spread, whole
from deploy.sandbox.stripe.context import Context
from deploy.sandbox.stripe.errors import invalid, missing_param
from deploy.sandbox.stripe.ids import new_id
from deploy.sandbox.stripe.periods import period_end
from deploy.sandbox.stripe.resources import coupons, promotion_codes
from deploy.sandbox.stripe.shapes import JsonObject

KIND = "discount"
COPIES = "discount_coupon"
FIELDS = params.array(
    params.nested({name: params.text() for name in ("coupon", "discount", "promotion_code")}),
    most=20,
    clearable=True,
)


@dataclass(frozen=True, slots=True)
class Offer:
    """A coupon that may be used, and the promotion code that led to it."""

    coupon: JsonObject
    code: str | None = None


def offers(
    context: Context,
    wanted: Sequence[JsonObject],
    *,
    customer: str | None,
    currency: str,
    amount: int,
    param: str = "discounts",
) -> list[Offer]:
    """The coupons that a call's `discounts` name; refused where one cannot be used."""
    found = []
    for at, values in enumerate(wanted):
        where = f"{param}[{at}]"
        if "coupon" in values:
            coupon = context.tx.need("coupon", values["coupon"], f"{where}[coupon]", status=400)
            found.append(_usable(context, Offer(coupon), currency, f"{where}[coupon]"))
        elif "promotion_code" in values:
            offer = _coded(context, values["promotion_code"], customer, amount, currency, where)
            found.append(_usable(context, offer, currency, f"{where}[promotion_code]"))
        else:
            raise missing_param(f"{where}[coupon]")
    return found


def _coded(
    context: Context, name: str, customer: str | None, amount: int, currency: str, where: str
) -> Offer:
    param = f"{where}[promotion_code]"
    code = context.tx.need("promotion_code", name, param, status=400)
    reason = promotion_codes.why_not(context, code, customer, amount, currency)
    if reason is not None:
        raise invalid(reason, param, "promotion_code_invalid")
    coupon = context.tx.need("coupon", code["promotion"]["coupon"], param, status=400)
    return Offer(coupon, code["id"])


def _usable(context: Context, offer: Offer, currency: str, param: str) -> Offer:
    coupon = offer.coupon
    if not coupons.redeemable(context, coupon):
        raise invalid(f"Coupon {coupon['id']} is used up and cannot be applied.", param)
    if coupon["amount_off"] and coupons.amount_off(context, coupon, currency) is None:
        message = f"Coupon {coupon['id']} cannot be applied because it is not in {currency}."
        raise invalid(message, param)
    return offer


def give(
    context: Context,
    offer: Offer,
    customer: str,
    *,
    subscription: str | None = None,
    invoice: str | None = None,
    session: str | None = None,
) -> JsonObject:
    """Give a coupon to a subscription or an invoice; it counts as used."""
    coupon = offer.coupon
    months = coupon["duration_in_months"]
    discount: JsonObject = {
        "id": new_id(KIND),
        "object": KIND,
        "checkout_session": session,
        "customer": customer,
        "customer_account": None,
        "end": period_end(context.now, "month", months) if months else None,
        "invoice": invoice,
        "invoice_item": None,
        "promotion_code": offer.code,
        "source": {"coupon": coupon["id"], "type": "coupon"},
        "start": context.now,
        "subscription": subscription,
        "subscription_item": None,
    }
    coupons.redeem(context, coupon["id"])
    if offer.code is not None:
        promotion_codes.redeem(context, offer.code)
    context.tx.save(COPIES, {"id": discount["id"], "coupon": coupon})
    return context.tx.save(KIND, discount)


def active(context: Context, names: Sequence[str]) -> list[str]:
    """Those of these discounts that have not ended."""
    found = (context.tx.get(KIND, name) for name in names)
    return [at["id"] for at in found if at and (at["end"] is None or at["end"] > context.now)]


def lasting(context: Context, names: Sequence[str]) -> list[str]:
    """Those of these discounts that are for more than one invoice."""
    return [name for name in names if coupon_of(context, name)["duration"] != "once"]


def coupon_of(context: Context, name: str) -> JsonObject:
    """The coupon of a discount as it was when it was given."""
    coupon: JsonObject = context.tx.need(COPIES, name, "discount")["coupon"]
    return coupon


def take_off(context: Context, lines: Sequence[JsonObject], names: Sequence[str]) -> None:
    """Write on each line what these discounts, one after the other, take off it."""
    for name in names:
        coupon = coupon_of(context, name)
        open_lines = [line for line in lines if _open(context, line, coupon)]
        amounts = _amounts(context, coupon, open_lines)
        for line, amount in zip(open_lines, amounts, strict=True):
            if amount:
                line["discount_amounts"].append({"amount": amount, "discount": name})


def _open(context: Context, line: JsonObject, coupon: JsonObject) -> bool:
    product = (line["pricing"] or {}).get("price_details", {}).get("product")
    return bool(line["discountable"]) and coupons.covers(context, coupon, product)


def left(line: JsonObject) -> int:
    """What a line still asks for, in minor units."""
    return int(line["amount"]) - taken(line)


def taken(line: JsonObject) -> int:
    """What was taken off a line, in minor units."""
    return sum(at["amount"] for at in line["discount_amounts"])


def _amounts(context: Context, coupon: JsonObject, lines: Sequence[JsonObject]) -> list[int]:
    rest = [max(left(line), 0) for line in lines]
    if coupon["percent_off"] is not None:
        percent = Decimal(str(coupon["percent_off"]))
        return [whole(amount * percent / 100) for amount in rest]
    off = coupons.amount_off(context, coupon, lines[0]["currency"]) if lines else 0
    return spread(min(off or 0, sum(rest)), rest)
