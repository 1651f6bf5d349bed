"""Checkout sessions: what is to be paid, and the hosted page where it is paid.

What a session sells and passes on is kept beside it as its `order`; the page and `completion` read
it from there.
"""

from deploy.sandbox.stripe import money, paging, params
from deploy.sandbox.stripe.api import Route
from deploy.sandbox.stripe.context import Call, Context
from deploy.sandbox.stripe.errors import invalid, missing_param, not_covered
from deploy.sandbox.stripe.events import emit
from deploy.sandbox.stripe.ids import new_id
from deploy.sandbox.stripe.resources import customers, line_items
from deploy.sandbox.stripe.shapes import JsonObject, merge_metadata

KIND = "checkout.session"
SHORTEST = 30 * 60  # seconds
LONGEST = 24 * 3600
CREATE_FIELDS: params.Fields = {
    "allow_promotion_codes": params.boolean(),
    "automatic_tax": params.nested({"enabled": params.boolean(required=True)}),
    "billing_address_collection": params.one_of("auto", "required"),
    "cancel_url": params.text(),
    "client_reference_id": params.text(longest=200),
    "customer": params.text(),
    "customer_creation": params.one_of("always", "if_required"),
    "customer_email": params.text(longest=800),
    "expires_at": params.integer(),
    "line_items": params.array(params.nested(line_items.FIELDS)),
    "locale": params.text(),
    "metadata": params.metadata(),
    "mode": params.one_of("payment", "setup", "subscription", required=True),
    "payment_intent_data": params.nested(
        {"description": params.text(), "metadata": params.metadata()}
    ),
    "payment_method_types": params.array(params.one_of("card")),
    "submit_type": params.one_of("auto", "book", "donate", "pay", "subscribe"),
    "subscription_data": params.nested(
        {"description": params.text(longest=500), "metadata": params.metadata()}
    ),
    "success_url": params.text(),
    "ui_mode": params.one_of("hosted_page"),
}
LIST_FIELDS: params.Fields = {
    **params.PAGING,
    "created": params.time_range(),
    "customer": params.text(),
    "customer_details": params.nested({"email": params.text(required=True)}),
    "payment_intent": params.text(),
    "status": params.one_of("complete", "expired", "open"),
    "subscription": params.text(),
}
COPIED = (
    "allow_promotion_codes",
    "billing_address_collection",
    "cancel_url",
    "client_reference_id",
    "customer",
    "customer_email",
    "locale",
    "submit_type",
    "success_url",
)


def create(call: Call) -> JsonObject:
    """POST /v1/checkout/sessions, in payment or subscription mode."""
    mode = call.params["mode"]
    _check(call, mode)
    items = line_items.make_all(call, mode)
    session = _shape(call, mode, items)
    if mode == "payment" and session["amount_total"]:
        _check_total(session)
    order = {
        "id": session["id"],
        "items": items,
        "payment_intent": None,
        "payment_intent_data": call.params.get("payment_intent_data", {}),
        "subscription_data": call.params.get("subscription_data", {}),
    }
    call.tx.save("order", order)
    return call.tx.save(KIND, session)


def _check(call: Call, mode: str) -> None:
    values = call.params
    if mode == "setup":
        raise not_covered("checkout sessions in setup mode")
    if values.get("automatic_tax", {}).get("enabled"):
        raise not_covered("automatic tax")
    if "customer" in values and "customer_email" in values:
        raise invalid("You may only specify one of these parameters: customer, customer_email.")
    if "customer" in values:
        customers.find(call, values["customer"], "customer")
    for name, only in (("subscription_data", "subscription"), ("payment_intent_data", "payment")):
        if name in values and mode != only:
            raise invalid(f"You can not pass `{name}` in `{mode}` mode.", name)
    if "customer_creation" in values and mode != "payment":
        raise invalid(
            "`customer_creation` can only be used in `payment` mode.", "customer_creation"
        )
    for name in ("success_url", "cancel_url"):
        if not values.get(name, "https:").startswith(("http:", "https:")):
            raise invalid("Not a valid URL", name, "url_invalid")
    _check_expiry(call)


def _check_expiry(call: Call) -> None:
    if "expires_at" not in call.params:
        return
    lasts = call.params["expires_at"] - call.now
    if lasts < SHORTEST:
        message = (
            "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation."
        )
        raise invalid(message, "expires_at")
    if lasts > LONGEST:
        message = (
            "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation."
        )
        raise invalid(message, "expires_at")


def _check_total(session: JsonObject) -> None:
    least = money.least_charge(session["currency"])
    if session["amount_total"] < least:
        message = (
            "The Checkout Session's total amount due must add up to at least "
            f"{money.shown(least, session['currency'])}"
        )
        raise invalid(message, code="amount_too_small")


def _shape(call: Call, mode: str, items: list[JsonObject]) -> JsonObject:
    values = call.params
    session_id = new_id(KIND)
    total = sum(item["amount_total"] for item in items)
    email = _known_email(call)
    creation = "if_required" if mode == "payment" else None
    return {
        "id": session_id,
        "object": KIND,
        "adaptive_pricing": {"enabled": False},
        "after_expiration": None,
        "amount_subtotal": total,
        "amount_total": total,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        **{name: values.get(name) for name in COPIED},
        "client_secret": None,
        "collected_information": None,
        "consent": None,
        "consent_collection": None,
        "created": call.now,
        "currency": items[0]["currency"],
        "currency_conversion": None,
        "custom_fields": [],
        "custom_text": {
            "after_submit": None,
            "shipping_address": None,
            "submit": None,
            "terms_of_service_acceptance": None,
        },
        "customer_account": None,
        "customer_creation": None
        if "customer" in values
        else values.get("customer_creation", creation),
        "customer_details": customer_details(email) if email else None,
        "discounts": [],
        "expires_at": values.get("expires_at", call.now + LONGEST),
        "integration_identifier": None,
        "invoice": None,
        "invoice_creation": _invoice_creation() if mode == "payment" else None,
        "livemode": False,
        "managed_payments": {"enabled": False},
        "metadata": merge_metadata({}, values.get("metadata", {})),
        "mode": mode,
        "origin_context": None,
        "payment_intent": None,
        "payment_link": None,
        "payment_method_collection": "if_required" if mode == "payment" else "always",
        "payment_method_configuration_details": None,
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": ["card"],
        "payment_status": "unpaid",
        "permissions": None,
        "phone_number_collection": {"enabled": False},
        "recovered_from": None,
        "saved_payment_method_options": None,
        "setup_intent": None,
        "shipping_address_collection": None,
        "shipping_cost": None,
        "shipping_options": [],
        "status": "open",
        "subscription": None,
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
        "url": f"{call.context.url}/c/pay/{session_id}",
        "wallet_options": None,
    }


def _known_email(call: Call) -> str | None:
    if "customer" in call.params:
        return (call.tx.get("customer", call.params["customer"]) or {}).get("email")
    return call.params.get("customer_email")


def _invoice_creation() -> JsonObject:
    return {
        "enabled": False,
        "invoice_data": {
            "account_tax_ids": None,
            "custom_fields": None,
            "description": None,
            "footer": None,
            "issuer": None,
            "metadata": {},
            "rendering_options": None,
        },
    }


def customer_details(email: str | None) -> JsonObject:
    """What a session knows about who pays."""
    return {
        "address": None,
        "business_name": None,
        "email": email,
        "individual_name": None,
        "name": None,
        "phone": None,
        "tax_exempt": "none",
        "tax_ids": None,
    }


def _find(call: Call) -> JsonObject:
    return call.tx.need(KIND, call.path["id"], "session")


def retrieve(call: Call) -> JsonObject:
    """GET /v1/checkout/sessions/:id."""
    return _find(call)


def list_line_items(call: Call) -> JsonObject:
    """GET /v1/checkout/sessions/:id/line_items."""
    session = _find(call)
    order = call.tx.need("order", session["id"], "session")
    url = f"/v1/checkout/sessions/{session['id']}/line_items"
    return paging.embedded(call, order["items"], url, "item")


def update(call: Call) -> JsonObject:
    """POST /v1/checkout/sessions/:id: metadata only."""
    session = _find(call)
    if "metadata" not in call.params:
        raise missing_param("metadata")
    session["metadata"] = merge_metadata(session["metadata"], call.params["metadata"])
    return call.tx.save(KIND, session)


def expire(call: Call) -> JsonObject:
    """POST /v1/checkout/sessions/:id/expire."""
    session = _find(call)
    if session["status"] != "open":
        message = (
            'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout '
            f"Session has a status of {session['status']}."
        )
        raise invalid(message)
    return close(call.context, session)


def close(context: Context, session: JsonObject) -> JsonObject:
    """Expire an open session, with its event."""
    session |= {"status": "expired", "url": None}
    context.tx.save(KIND, session)
    emit(context, "checkout.session.expired", session)
    return session


def list_all(call: Call) -> JsonObject:
    """GET /v1/checkout/sessions, by customer, payment intent, subscription, status, e-mail."""
    email = call.params.get("customer_details", {}).get("email")

    def keep(item: JsonObject) -> bool:
        return email is None or (item["customer_details"] or {}).get("email") == email

    by = ("customer", "payment_intent", "subscription", "status")
    return paging.page(call, KIND, "/v1/checkout/sessions", keep=keep, by=by)


ROUTES = (
    Route("POST", "/v1/checkout/sessions", create, CREATE_FIELDS),
    Route("GET", "/v1/checkout/sessions", list_all, LIST_FIELDS),
    Route("GET", "/v1/checkout/sessions/{id}", retrieve, {}),
    Route("POST", "/v1/checkout/sessions/{id}", update, {"metadata": params.metadata()}),
    Route("POST", "/v1/checkout/sessions/{id}/expire", expire, {}),
    Route("GET", "/v1/checkout/sessions/{id}/line_items", list_line_items, params.PAGING),
)
