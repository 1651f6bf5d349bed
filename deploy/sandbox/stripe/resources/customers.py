"""Customers."""

from deploy.sandbox.stripe import cards, paging, params
from deploy.sandbox.stripe.api import Route
from deploy.sandbox.stripe.clock import TEST_CLOCK
from deploy.sandbox.stripe.context import Call, Context
from deploy.sandbox.stripe.errors import StripeError, invalid, no_such
from deploy.sandbox.stripe.events import emit
from deploy.sandbox.stripe.ids import new_id, token
from deploy.sandbox.stripe.lifecycle import ENDED, end
from deploy.sandbox.stripe.resources import payment_methods
from deploy.sandbox.stripe.shapes import JsonObject, difference, merge_metadata

ADDRESS: params.Fields = {
    name: params.text(clearable=True)
    for name in ("city", "country", "line1", "line2", "postal_code", "state")
}
SHIPPING: params.Fields = {
    "address": params.nested(ADDRESS, required=True),
    "name": params.text(required=True),
    "phone": params.text(),
}
FIELDS: params.Fields = {
    "address": params.nested(ADDRESS, clearable=True),
    "balance": params.integer(least=-(10**12)),
    "description": params.text(clearable=True),
    "email": params.text(clearable=True, longest=512),
    "invoice_prefix": params.text(longest=12),
    "invoice_settings": params.nested({"default_payment_method": params.text(clearable=True)}),
    "metadata": params.metadata(),
    "name": params.text(clearable=True),
    "phone": params.text(clearable=True),
    "next_invoice_sequence": params.integer(least=1),
    "preferred_locales": params.array(params.text()),
    "shipping": params.nested(SHIPPING, clearable=True),
    "tax_exempt": params.one_of("none", "exempt", "reverse", clearable=True),
}
CREATE_FIELDS: params.Fields = {
    **FIELDS,
    "payment_method": params.text(),
    "test_clock": params.text(),
}
LIST_FIELDS: params.Fields = {
    **params.PAGING,
    "created": params.time_range(),
    "email": params.text(longest=512),
    "test_clock": params.text(),
}


def make(context: Context, values: JsonObject, *, default: str | None = None) -> JsonObject:
    """A new customer with its event; `default`: the card that invoices are charged to."""
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
            "default_payment_method": default,
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
    if given.get("shipping") is not None:
        known = {"carrier": None, "phone": None, "tracking_number": None, **given["shipping"]}
        given["shipping"] = {**known, "address": {**dict.fromkeys(ADDRESS), **known["address"]}}
    for name in ("expand", "invoice_settings", "payment_method"):
        given.pop(name, None)
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
    if "test_clock" in call.params:
        call.tx.need(TEST_CLOCK, call.params["test_clock"], "test_clock", status=400)
    fresh = _new_method(call)
    customer = make(call.context, call.params, default=_first_default(call, fresh))
    if fresh is not None:
        payment_methods.attach(call.context, fresh, customer["id"])
    return customer


def _new_method(call: Call) -> JsonObject | None:
    """The card that a new customer comes with; refused if its bank refuses it."""
    if "payment_method" not in call.params:
        return None
    method = payment_methods.of_customer(call.context, call.params["payment_method"], None)
    payment_methods.check_attachable(cards.of_method(method))
    return method


def _first_default(call: Call, fresh: JsonObject | None) -> str | None:
    """The default card of a new customer, which can only be the one that it comes with."""
    name = call.params.get("invoice_settings", {}).get("default_payment_method")
    if name is None:
        return None
    if fresh is None or name not in (call.params["payment_method"], fresh["id"]):
        raise _not_theirs(name)
    return str(fresh["id"])


def _choose_default(call: Call, customer: JsonObject) -> None:
    """Set the card that invoices are charged to, which must be the customer's own."""
    settings = call.params.get("invoice_settings", {})
    if "default_payment_method" not in settings:
        return
    name = settings["default_payment_method"]
    method = call.tx.get("payment_method", name) if name else None
    if name is not None and (method is None or method["customer"] != customer["id"]):
        raise _not_theirs(name)
    changed = {**customer["invoice_settings"], "default_payment_method": name}
    customer["invoice_settings"] = changed


def _not_theirs(name: str) -> StripeError:
    message = (
        f"The customer does not have a payment method with the ID {name}. The payment method must "
        "be attached to the customer."
    )
    where = "invoice_settings[default_payment_method]"
    return invalid(message, where, "resource_missing")


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
    _choose_default(call, customer)
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
        if subscription["status"] not in ENDED:
            end(call.context, call.tx.need("subscription", subscription["id"], "id"), None)
    for method in call.tx.where("payment_method", "customer", customer["id"]):
        call.tx.save("payment_method", {**method, "customer": None})
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
        keep=lambda item: (
            "deleted" not in item and item["test_clock"] == call.params.get("test_clock")
        ),
        by=("email", "test_clock"),
    )


ROUTES = (
    Route("POST", "/v1/customers", create, CREATE_FIELDS),
    Route("GET", "/v1/customers", list_all, LIST_FIELDS),
    Route("GET", "/v1/customers/{id}", retrieve, {}),
    Route("POST", "/v1/customers/{id}", update, FIELDS),
    Route("DELETE", "/v1/customers/{id}", delete, {}),
)
