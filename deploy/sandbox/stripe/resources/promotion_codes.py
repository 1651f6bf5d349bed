"""Promotion codes: words that a customer enters for a coupon, with limits of their own."""

from deploy.sandbox.stripe import paging, params
from deploy.sandbox.stripe.api import Route
from deploy.sandbox.stripe.context import Call, Context
from deploy.sandbox.stripe.errors import invalid
from deploy.sandbox.stripe.events import emit
from deploy.sandbox.stripe.ids import new_id, token
from deploy.sandbox.stripe.shapes import JsonObject, difference, merge_metadata

KIND = "promotion_code"
CREATE_FIELDS: params.Fields = {
    "active": params.boolean(),
    "code": params.text(longest=500),
    "customer": params.text(),
    "expires_at": params.integer(),
    "max_redemptions": params.integer(least=1),
    "metadata": params.metadata(),
    "promotion": params.nested(
        {
            "coupon": params.text(required=True),
            "type": params.one_of("coupon", required=True),
        },
        required=True,
    ),
    "restrictions": params.nested(
        {
            "first_time_transaction": params.boolean(),
            "minimum_amount": params.integer(least=1),
            "minimum_amount_currency": params.text(longest=3),
        }
    ),
}
UPDATE_FIELDS: params.Fields = {"active": params.boolean(), "metadata": params.metadata()}
LIST_FIELDS: params.Fields = {
    **params.PAGING,
    "active": params.boolean(),
    "code": params.text(),
    "coupon": params.text(),
    "created": params.time_range(),
    "customer": params.text(),
}


def create(call: Call) -> JsonObject:
    """POST /v1/promotion_codes."""
    values = call.params
    coupon = values["promotion"]["coupon"]
    call.tx.need("coupon", coupon, "promotion[coupon]", status=400)
    if "customer" in values:
        call.tx.need("customer", values["customer"], "customer", status=400)
    code = values.get("code") or token(8).upper()
    if any(at["active"] and at["code"].lower() == code.lower() for at in call.tx.newest(KIND)):
        message = f"An active promotion code with `code: {code}` already exists."
        raise invalid(message, "code")
    restrictions = values.get("restrictions", {})
    promotion: JsonObject = {
        "id": new_id(KIND),
        "object": KIND,
        "active": values.get("active", True),
        "code": code,
        "created": call.now,
        "customer": values.get("customer"),
        "customer_account": None,
        "expires_at": values.get("expires_at"),
        "livemode": False,
        "max_redemptions": values.get("max_redemptions"),
        "metadata": merge_metadata({}, values.get("metadata", {})),
        "promotion": {"coupon": coupon, "type": "coupon"},
        "restrictions": {
            "first_time_transaction": restrictions.get("first_time_transaction", False),
            "minimum_amount": restrictions.get("minimum_amount"),
            "minimum_amount_currency": restrictions.get("minimum_amount_currency"),
        },
        "times_redeemed": 0,
    }
    call.tx.save(KIND, promotion)
    emit(call.context, "promotion_code.created", promotion)
    return promotion


def by_code(context: Context, code: str) -> JsonObject | None:
    """The active promotion code of that word, whatever its case."""
    for found in context.tx.newest(KIND):
        if found["active"] and found["code"].lower() == code.lower():
            return context.tx.get(KIND, found["id"])
    return None


def why_not(
    context: Context, code: JsonObject, customer: str | None, amount: int, currency: str
) -> str | None:
    """Why a code cannot be used for a purchase; None if it can. The amount is in minor units."""
    most = code["max_redemptions"]
    spent = most is not None and code["times_redeemed"] >= most
    over = code["expires_at"] is not None and context.now > code["expires_at"]
    if not code["active"] or spent or over:
        return "This promotion code is expired or inactive."
    if code["customer"] not in (None, customer):
        return "This promotion code cannot be used by this customer."
    limits = code["restrictions"]
    least, counted_in = limits["minimum_amount"], limits["minimum_amount_currency"]
    if least is not None and (currency != counted_in or amount < least):
        return "This promotion code's minimum amount is not reached."
    if limits["first_time_transaction"] and _paid_before(context, customer):
        return "This promotion code is for a customer's first purchase only."
    return None


def _paid_before(context: Context, customer: str | None) -> bool:
    charges = context.tx.where("charge", "customer", customer) if customer else []
    return any(charge["paid"] for charge in charges)


def redeem(context: Context, code_id: str) -> None:
    """Count one use of a code; at its last it is no longer active."""
    code = context.tx.need(KIND, code_id, "promotion_code")
    code["times_redeemed"] += 1
    if code["max_redemptions"] is not None and code["times_redeemed"] >= code["max_redemptions"]:
        code["active"] = False
    context.tx.save(KIND, code)


def retrieve(call: Call) -> JsonObject:
    """GET /v1/promotion_codes/:id."""
    return call.tx.need(KIND, call.path["id"], "promotion_code")


def update(call: Call) -> JsonObject:
    """POST /v1/promotion_codes/:id."""
    code = retrieve(call)
    before = dict(code)
    if "active" in call.params:
        code["active"] = call.params["active"]
    if "metadata" in call.params:
        code["metadata"] = merge_metadata(code["metadata"], call.params["metadata"])
    call.tx.save(KIND, code)
    changed = difference(before, code)
    if changed:
        emit(call.context, "promotion_code.updated", code, changed)
    return code


def list_all(call: Call) -> JsonObject:
    """GET /v1/promotion_codes, by code, coupon, customer, active."""
    word, coupon = call.params.get("code"), call.params.get("coupon")

    def keep(item: JsonObject) -> bool:
        same = word is None or item["code"].lower() == word.lower()
        return same and coupon in (None, item["promotion"]["coupon"])

    return paging.page(call, KIND, "/v1/promotion_codes", keep=keep, by=("active", "customer"))


ROUTES = (
    Route("POST", "/v1/promotion_codes", create, CREATE_FIELDS),
    Route("GET", "/v1/promotion_codes", list_all, LIST_FIELDS),
    Route("GET", "/v1/promotion_codes/{id}", retrieve, {}),
    Route("POST", "/v1/promotion_codes/{id}", update, UPDATE_FIELDS),
)
