"""Customers."""

from deploy.sandbox.stripe import paging, params
from deploy.sandbox.stripe.api import Route
from deploy.sandbox.stripe.context import Call, Context
from deploy.sandbox.stripe.errors import invalid, no_such
from deploy.sandbox.stripe.events import emit
from deploy.sandbox.stripe.ids import new_id, token
from deploy.sandbox.stripe.resources.subscriptions import end
from deploy.sandbox.stripe.shapes import JsonObject, difference, merge_metadata

ADDRESS: params.Fields = {
    name: params.text(clearable=True)
    for name in ("city", "country", "line1", "line2", "postal_code", "state")
}
FIELDS: params.Fields = {
    "address": params.nested(ADDRESS, clearable=True),
    "description": params.text(clearable=True),
    "email": params.text(clearable=True, longest=512),
    "metadata": params.metadata(),
    "name": params.text(clearable=True),
    "phone": params.text(clearable=True),
    "preferred_locales": params.array(params.text()),
    "tax_exempt": params.one_of("none", "exempt", "reverse", clearable=True),
}
LIST_FIELDS: params.Fields = {
    **params.PAGING,
    "created": params.time_range(),
    "email": params.text(longest=512),
}


def make(context: Context, values: JsonObject) -> JsonObject:
    """A new customer with its event."""
    customer: JsonObject = {
        "id": new_id("customer"),
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": context.now,
        "currency": None,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "invoice_prefix": token(8).upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }
    _apply(customer, values)
    context.tx.save("customer", customer)
    emit(context, "customer.created", customer)
    return customer


def _apply(customer: JsonObject, values: JsonObject) -> None:
    given = dict(values)
    if "metadata" in given:
        customer["metadata"] = merge_metadata(customer["metadata"], given.pop("metadata"))
    if given.get("address") is not None:
        given["address"] = {**dict.fromkeys(ADDRESS), **given["address"]}
    if given.get("tax_exempt", "") is None:
        given["tax_exempt"] = "none"
    given.pop("expand", None)
    customer |= given


def find(call: Call, customer_id: str, param: str, status: int = 400) -> JsonObject:
    """A customer that is there and was not deleted."""
    customer = call.tx.need("customer", customer_id, param, status=status)
    if customer.get("deleted"):
        raise no_such("customer", customer_id, param, status)
    return customer


def create(call: Call) -> JsonObject:
    """POST /v1/customers."""
    _check_email(call.params.get("email"))
    return make(call.context, call.params)


def _check_email(email: str | None) -> None:
    if email is not None and "@" not in email.strip("@"):
        raise invalid(f"Invalid email address: {email}", "email", "email_invalid")


def retrieve(call: Call) -> JsonObject:
    """GET /v1/customers/:id; a deleted one is a stub."""
    return call.tx.need("customer", call.path["id"], "id")


def update(call: Call) -> JsonObject:
    """POST /v1/customers/:id."""
    customer = find(call, call.path["id"], "id", 404)
    _check_email(call.params.get("email"))
    before = dict(customer)
    _apply(customer, call.params)
    save_changed(call.context, before, customer)
    return customer


def save_changed(context: Context, before: JsonObject, customer: JsonObject) -> None:
    """Keep a changed customer and say what changed."""
    context.tx.save("customer", customer)
    changed = difference(before, customer)
    if changed:
        emit(context, "customer.updated", customer, changed)


def delete(call: Call) -> JsonObject:
    """DELETE /v1/customers/:id: ends its subscriptions and leaves a stub."""
    customer = find(call, call.path["id"], "id", 404)
    for subscription in call.tx.where("subscription", "customer", customer["id"]):
        if subscription["status"] != "canceled":
            end(call.context, call.tx.need("subscription", subscription["id"], "id"), None)
    stub = {"id": customer["id"], "object": "customer", "deleted": True}
    call.tx.save("customer", stub)
    emit(call.context, "customer.deleted", customer)
    return stub


def list_all(call: Call) -> JsonObject:
    """GET /v1/customers, by email if asked."""
    return paging.page(
        call,
        "customer",
        "/v1/customers",
        keep=lambda item: "deleted" not in item,
        by=("email",),
    )


ROUTES = (
    Route("POST", "/v1/customers", create, FIELDS),
    Route("GET", "/v1/customers", list_all, LIST_FIELDS),
    Route("GET", "/v1/customers/{id}", retrieve, {}),
    Route("POST", "/v1/customers/{id}", update, FIELDS),
    Route("DELETE", "/v1/customers/{id}", delete, {}),
)
