"""Payment methods: cards, kept without their number."""

import hashlib
from datetime import UTC, datetime

from deploy.sandbox.stripe import cards, paging, params
from deploy.sandbox.stripe.api import Route
from deploy.sandbox.stripe.cards import Card
from deploy.sandbox.stripe.context import Call, Context
from deploy.sandbox.stripe.errors import card_error, invalid, missing_param, no_such
from deploy.sandbox.stripe.events import emit
from deploy.sandbox.stripe.ids import new_id
from deploy.sandbox.stripe.shapes import JsonObject, address, difference, merge_metadata

KIND = "payment_method"
DEFAULT_EXPIRY_YEAR = 2034
SPENT = "spent_card"  # kind: cards that belong to nobody and were charged, or were detached
ADDRESS: params.Fields = {name: params.text(clearable=True) for name in address()}
BILLING: params.Fields = {
    "address": params.nested(ADDRESS, clearable=True),
    "email": params.text(clearable=True),
    "name": params.text(clearable=True),
    "phone": params.text(clearable=True),
}
CARD: params.Fields = {
    "cvc": params.text(),
    "exp_month": params.integer(least=1, most=12),
    "exp_year": params.integer(least=1, most=9999),
    "number": params.text(),
    "token": params.text(),
}
DATA: params.Fields = {
    "allow_redisplay": params.one_of("always", "limited", "unspecified"),
    "billing_details": params.nested(BILLING),
    "card": params.nested(CARD),
    "metadata": params.metadata(),
    "type": params.one_of("card", required=True),
}
EXPIRY = ("exp_month", "exp_year")
UPDATE_FIELDS: params.Fields = {
    "allow_redisplay": DATA["allow_redisplay"],
    "billing_details": DATA["billing_details"],
    "card": params.nested({name: CARD[name] for name in EXPIRY}),
    "metadata": params.metadata(),
}
LIST_FIELDS: params.Fields = {
    **params.PAGING,
    "allow_redisplay": DATA["allow_redisplay"],
    "customer": params.text(),
    "type": params.one_of("card"),
}


def make(
    context: Context,
    card: Card,
    *,
    exp_month: int = 12,
    exp_year: int = DEFAULT_EXPIRY_YEAR,
    email: str | None = None,
) -> JsonObject:
    """A new payment method of a card, attached to nobody."""
    method: JsonObject = {
        "id": new_id(KIND),
        "object": KIND,
        "allow_redisplay": "unspecified",
        "billing_details": billing_details(email),
        "card": {
            "brand": card.brand,
            "checks": checks(),
            "country": "US",
            "display_brand": card.brand,
            "exp_month": exp_month,
            "exp_year": exp_year,
            "fingerprint": hashlib.sha256(card.number.encode()).hexdigest()[:16],
            "funding": card.funding,
            "generated_from": None,
            "last4": card.last4,
            "networks": {"available": [card.brand], "preferred": None},
            "regulated_status": "unregulated",
            "three_d_secure_usage": {"supported": True},
            "wallet": None,
        },
        "created": context.now,
        "customer": None,
        "customer_account": None,
        "livemode": False,
        "metadata": {},
        "type": "card",
    }
    return context.tx.save(KIND, method)


def attach(context: Context, method: JsonObject, customer_id: str) -> None:
    """Make a payment method a customer's own."""
    method["customer"] = customer_id
    context.tx.save(KIND, method)
    emit(context, "payment_method.attached", method)


def billing_details(email: str | None) -> JsonObject:
    """Billing details of which at most the e-mail is known."""
    return {"address": address(), "email": email, "name": None, "phone": None, "tax_id": None}


def checks() -> JsonObject:
    """What the card's bank checked."""
    return {
        "address_line1_check": None,
        "address_postal_code_check": None,
        "cvc_check": "pass",
    }


def resolve(context: Context, name: str, param: str = KIND) -> JsonObject:
    """A payment method by its id, or a new one by a test alias such as `pm_card_visa`."""
    if name in cards.BY_ALIAS:
        return make(context, cards.BY_ALIAS[name])
    return context.tx.need(KIND, name, param, label="PaymentMethod", status=400)


def of_customer(context: Context, name: str, customer: str | None, param: str = KIND) -> JsonObject:
    """The same, refused if it belongs to somebody else."""
    method = resolve(context, name, param)
    owner = method["customer"]
    if owner is None:
        check_fresh(context, method)
    if owner is None or owner == customer:
        return method
    if customer is None:
        message = (
            f"The provided PaymentMethod ({name}) is attached to a Customer. To use it, include "
            f"the customer it belongs to ({owner}) in the `customer` parameter."
        )
    else:
        message = (
            f"The payment method {name} does not belong to the Customer you supplied {customer}. "
            "Please use this payment method with the Customer that it belongs to instead."
        )
    raise invalid(message, param)


def check_fresh(context: Context, method: JsonObject) -> None:
    """Refuse a card that belongs to nobody and was used up."""
    if context.tx.get(SPENT, method["id"]) is not None:
        message = (
            "The provided PaymentMethod was previously used with a PaymentIntent without Customer "
            "attachment, shared with a connected account without Customer attachment, or was "
            "detached from a Customer. It may not be used again. To use a PaymentMethod multiple "
            "times, you must attach it to a Customer first."
        )
        raise invalid(message, code="payment_method_unexpected_state")


def spend(context: Context, method: JsonObject) -> None:
    """A card that belongs to nobody can be charged once only."""
    if method["customer"] is None:
        context.tx.save(SPENT, {"id": method["id"]})


def from_data(context: Context, data: JsonObject, prefix: str = "") -> JsonObject:
    """A new payment method of a call's card details or test token."""
    where = f"{prefix}[card]" if prefix else "card"
    given = data.get("card")
    if given is None:
        raise missing_param(where)
    card = _card(given, where)
    expiry = {name: given[name] for name in EXPIRY if name in given}
    if "token" not in given:
        _check_expiry(context, given, where)
    method = make(context, card, **expiry)
    _apply(method, data)
    return context.tx.save(KIND, method)


def _card(given: JsonObject, where: str) -> Card:
    if "token" in given:
        found = cards.BY_TOKEN.get(given["token"])
        if found is None:
            raise no_such("token", given["token"], f"{where}[token]", 400)
        return found
    if "number" not in given:
        raise missing_param(f"{where}[number]")
    number = given["number"].replace(" ", "")
    if not cards.valid_number(number):
        raise card_error("Your card number is incorrect.", "incorrect_number")
    return cards.find(number)


def _check_expiry(context: Context, given: JsonObject, where: str) -> None:
    for name in EXPIRY:
        if name not in given:
            raise missing_param(f"{where}[{name}]")
    given["exp_year"] += 2000 if given["exp_year"] < 100 else 0
    today = datetime.fromtimestamp(context.now, tz=UTC)
    if (given["exp_year"], given["exp_month"]) < (today.year, today.month):
        raise card_error("Your card's expiration year is invalid.", "invalid_expiry_year")


def _apply(method: JsonObject, values: JsonObject) -> None:
    details = dict(values.get("billing_details") or {})
    if "address" in details:
        details["address"] = {**address(), **(details["address"] or {})}
    method["billing_details"] |= details
    if "allow_redisplay" in values:
        method["allow_redisplay"] = values["allow_redisplay"]
    if "metadata" in values:
        method["metadata"] = merge_metadata(method["metadata"], values["metadata"])


def create(call: Call) -> JsonObject:
    """POST /v1/payment_methods, of a card's details or a test token."""
    return from_data(call.context, call.params)


def find(call: Call) -> JsonObject:
    """The payment method of the path."""
    return call.tx.need(KIND, call.path["id"], KIND, label="PaymentMethod")


def update(call: Call) -> JsonObject:
    """POST /v1/payment_methods/:id: expiry, billing details, metadata."""
    method = find(call)
    if method["customer"] is None:
        message = "You must save this PaymentMethod to a customer before you can update it."
        raise invalid(message)
    before = dict(method)
    before["card"], before["billing_details"] = (
        dict(method["card"]),
        dict(method["billing_details"]),
    )
    _apply(method, call.params)
    method["card"] |= call.params.get("card", {})
    changed = difference(before, method)
    if changed:
        call.tx.save(KIND, method)
        emit(call.context, "payment_method.updated", method, changed)
    return method


def attach_by_call(call: Call) -> JsonObject:
    """POST /v1/payment_methods/:id/attach; a card that its bank refuses is not attached."""
    customer = call.tx.get("customer", call.params["customer"])
    if customer is None or customer.get("deleted"):
        raise no_such("customer", call.params["customer"], "customer", 400)
    name = call.path["id"]
    method = resolve(call.context, name) if name in cards.BY_ALIAS else find(call)
    if method["customer"] not in (None, customer["id"]):
        message = "The payment method you provided has already been attached to a customer."
        raise invalid(message, code="payment_method_already_attached")
    check_attachable(cards.of_method(method))
    if method["customer"] is None:
        check_fresh(call.context, method)
        attach(call.context, method, customer["id"])
    return method


def check_attachable(card: Card) -> None:
    """Refuse a card that its bank declines as soon as it is to be saved."""
    decline = card.decline
    if decline is not None and not card.attaches:
        raise card_error(decline.message, decline.code, decline.decline_code)


def detach(call: Call) -> JsonObject:
    """POST /v1/payment_methods/:id/detach."""
    method = find(call)
    owner = method["customer"]
    if owner is None:
        message = (
            "The payment method you provided is not attached to a customer so detachment is "
            "impossible."
        )
        raise invalid(message, KIND)
    method["customer"] = None
    call.tx.save(KIND, method)
    spend(call.context, method)
    _forget_default(call, owner, method["id"])
    emit(call.context, "payment_method.detached", method, {"customer": owner})
    return method


def _forget_default(call: Call, owner: str, method_id: str) -> None:
    customer = call.tx.get("customer", owner) or {}
    settings = customer.get("invoice_settings")
    if settings and settings["default_payment_method"] == method_id:
        settings["default_payment_method"] = None
        call.tx.save("customer", customer)


def list_all(call: Call) -> JsonObject:
    """GET /v1/payment_methods, by customer."""
    by = ("allow_redisplay", "customer", "type")
    return paging.page(call, KIND, "/v1/payment_methods", by=by, label="PaymentMethod")


def list_of_customer(call: Call) -> JsonObject:
    """GET /v1/customers/:id/payment_methods."""
    owner = _owner(call)
    call.params["customer"] = owner
    by = ("allow_redisplay", "customer", "type")
    return paging.page(call, KIND, f"/v1/customers/{owner}/payment_methods", by=by)


def _owner(call: Call) -> str:
    customer = call.tx.need("customer", call.path["customer"], "customer")
    if customer.get("deleted"):
        raise no_such("customer", customer["id"], "customer")
    return str(customer["id"])


def retrieve_of_customer(call: Call) -> JsonObject:
    """GET /v1/customers/:id/payment_methods/:id."""
    owner, method = _owner(call), find(call)
    if method["customer"] != owner:
        raise no_such("PaymentMethod", method["id"], KIND)
    return method


OF_CUSTOMER: params.Fields = {
    name: field for name, field in LIST_FIELDS.items() if name != "customer"
}
ROUTES = (
    Route("POST", "/v1/payment_methods", create, DATA),
    Route("GET", "/v1/payment_methods", list_all, LIST_FIELDS),
    Route("GET", "/v1/payment_methods/{id}", find, {}),
    Route("POST", "/v1/payment_methods/{id}", update, UPDATE_FIELDS),
    Route(
        "POST",
        "/v1/payment_methods/{id}/attach",
        attach_by_call,
        {"customer": params.text(required=True)},
    ),
    Route("POST", "/v1/payment_methods/{id}/detach", detach, {}),
    Route("GET", "/v1/customers/{customer}/payment_methods", list_of_customer, OF_CUSTOMER),
    Route("GET", "/v1/customers/{customer}/payment_methods/{id}", retrieve_of_customer, {}),
)
