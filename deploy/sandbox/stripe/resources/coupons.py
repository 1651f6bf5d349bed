"""Coupons: what is taken off, in per cent or as an amount, once, for some months or for good."""

from decimal import Decimal

from deploy.sandbox.stripe import paging, params
from deploy.sandbox.stripe.api import Route
from deploy.sandbox.stripe.context import Call, Context
from deploy.sandbox.stripe.errors import invalid, missing_param
from deploy.sandbox.stripe.events import emit
from deploy.sandbox.stripe.ids import token
from deploy.sandbox.stripe.shapes import JsonObject, difference, merge_metadata

KIND = "coupon"
CURRENCY_OPTIONS = params.keyed(
    params.nested({"amount_off": params.integer(required=True, least=1)})
)
CREATE_FIELDS: params.Fields = {
    "amount_off": params.integer(least=1),
    "applies_to": params.nested({"products": params.array(params.text())}),
    "currency": params.text(longest=3),
    "currency_options": CURRENCY_OPTIONS,
    "duration": params.one_of("forever", "once", "repeating"),
    "duration_in_months": params.integer(least=1),
    "id": params.text(),
    "max_redemptions": params.integer(least=1),
    "metadata": params.metadata(),
    "name": params.text(longest=40),
    "percent_off": params.decimal_text(),
    "redeem_by": params.integer(),
}
UPDATE_FIELDS: params.Fields = {
    "currency_options": CURRENCY_OPTIONS,
    "metadata": params.metadata(),
    "name": params.text(longest=40),
}
LIST_FIELDS: params.Fields = {**params.PAGING, "created": params.time_range()}
LIMITS = "coupon_limits"  # kind: what a coupon has that is shown only when expanded


def create(call: Call) -> JsonObject:
    """POST /v1/coupons."""
    values = call.params
    _check(call, values)
    coupon: JsonObject = {
        "id": values.get("id") or token(8),
        "object": KIND,
        "amount_off": values.get("amount_off"),
        "created": call.now,
        "currency": values.get("currency", "").lower() or None,
        "duration": values.get("duration", "once"),
        "duration_in_months": values.get("duration_in_months"),
        "livemode": False,
        "max_redemptions": values.get("max_redemptions"),
        "metadata": merge_metadata({}, values.get("metadata", {})),
        "name": values.get("name"),
        "percent_off": float(values["percent_off"]) if "percent_off" in values else None,
        "redeem_by": values.get("redeem_by"),
        "times_redeemed": 0,
        "valid": True,
    }
    _keep_limits(call, coupon["id"])
    call.tx.save(KIND, coupon)
    emit(call.context, "coupon.created", coupon)
    return coupon


def _check(call: Call, values: JsonObject) -> None:
    if "id" in values and call.tx.get(KIND, values["id"]) is not None:
        raise invalid("Coupon already exists.", "id", "resource_already_exists")
    if ("percent_off" in values) == ("amount_off" in values):
        message = "You must pass either `percent_off` or `amount_off`, and not both."
        raise invalid(message, "percent_off")
    if "percent_off" in values and not 0 < Decimal(values["percent_off"]) <= 100:
        raise invalid("Invalid percent_off: must be greater than 0 and at most 100.", "percent_off")
    if "amount_off" in values and "currency" not in values:
        raise missing_param("currency")
    if (values.get("duration") == "repeating") != ("duration_in_months" in values):
        message = "`duration_in_months` is required for, and only for, `duration=repeating`."
        raise invalid(message, "duration_in_months")


def _keep_limits(call: Call, coupon_id: str) -> None:
    known = call.tx.get(LIMITS, coupon_id) or {"id": coupon_id, "products": None, "currencies": {}}
    products = call.params.get("applies_to", {}).get("products")
    for at, product in enumerate(products or []):
        call.tx.need("product", product, f"applies_to[products][{at}]", status=400)
    known["products"] = products or known["products"]
    for currency, option in call.params.get("currency_options", {}).items():
        known["currencies"][currency.lower()] = option["amount_off"]
    call.tx.save(LIMITS, known)


def amount_off(context: Context, coupon: JsonObject, currency: str) -> int | None:
    """What an amount coupon takes off in a currency; None where it does not apply in it."""
    if currency == coupon["currency"]:
        return int(coupon["amount_off"])
    limits = context.tx.get(LIMITS, coupon["id"])
    found = limits["currencies"].get(currency) if limits else None
    return None if found is None else int(found)


def covers(context: Context, coupon: JsonObject, product: str | None) -> bool:
    """Whether a coupon takes something off a product."""
    limits = context.tx.get(LIMITS, coupon["id"])
    return limits is None or limits["products"] is None or product in limits["products"]


def redeemable(context: Context, coupon: JsonObject) -> bool:
    """Whether a coupon may be used once more now."""
    most, last = coupon["max_redemptions"], coupon["redeem_by"]
    left = most is None or coupon["times_redeemed"] < most
    return bool(coupon["valid"] and left and (last is None or context.now <= last))


def redeem(context: Context, coupon_id: str) -> None:
    """Count one use of a coupon; at its last it is no longer valid."""
    coupon = context.tx.need(KIND, coupon_id, "coupon")
    coupon["times_redeemed"] += 1
    coupon["valid"] = redeemable(context, coupon)
    context.tx.save(KIND, coupon)


def retrieve(call: Call) -> JsonObject:
    """GET /v1/coupons/:id."""
    return call.tx.need(KIND, call.path["id"], "coupon")


def update(call: Call) -> JsonObject:
    """POST /v1/coupons/:id: its name, metadata and currencies; what it takes off is for good."""
    coupon = retrieve(call)
    before = dict(coupon)
    _keep_limits(call, coupon["id"])
    if "name" in call.params:
        coupon["name"] = call.params["name"]
    if "metadata" in call.params:
        coupon["metadata"] = merge_metadata(coupon["metadata"], call.params["metadata"])
    call.tx.save(KIND, coupon)
    changed = difference(before, coupon)
    if changed:
        emit(call.context, "coupon.updated", coupon, changed)
    return coupon


def delete(call: Call) -> JsonObject:
    """DELETE /v1/coupons/:id; discounts that were given with it stay."""
    coupon = retrieve(call)
    call.tx.discard(KIND, coupon["id"])
    emit(call.context, "coupon.deleted", {**coupon, "valid": False})
    return {"id": coupon["id"], "object": KIND, "deleted": True}


def list_all(call: Call) -> JsonObject:
    """GET /v1/coupons."""
    return paging.page(call, KIND, "/v1/coupons")


ROUTES = (
    Route("POST", "/v1/coupons", create, CREATE_FIELDS),
    Route("GET", "/v1/coupons", list_all, LIST_FIELDS),
    Route("GET", "/v1/coupons/{id}", retrieve, {}),
    Route("POST", "/v1/coupons/{id}", update, UPDATE_FIELDS),
    Route("DELETE", "/v1/coupons/{id}", delete, {}),
)
