"""Checkout sessions: what is to be paid, and the hosted page where it is paid.

What a session sells and passes on is kept beside it as its `order`; the page and `completion` read
it from there.
"""

from deploy.sandbox.stripe import (
    authorizations,
    checkout_totals,
    discounts,
    money,
    paging,
    params,
    setting_up,
)
from deploy.sandbox.stripe.api import Route
from deploy.sandbox.stripe.context import Call, Context
from deploy.sandbox.stripe.errors import invalid, missing_param
from deploy.sandbox.stripe.events import emit
from deploy.sandbox.stripe.ids import new_id
from deploy.sandbox.stripe.resources import checkout_fields, customers, line_items
from deploy.sandbox.stripe.resources.checkout_fields import CREATE_FIELDS, LIST_FIELDS
from deploy.sandbox.stripe.shapes import JsonObject, merge_metadata

KIND = "checkout.session"
SHORTEST = 30 * 60  # seconds
LONGEST = 24 * 3600
DAY = 86400
COPIED = (
    "allow_promotion_codes",
    "allowed_payment_method_types",
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
    """POST /v1/checkout/sessions, in payment, setup or subscription mode."""
    mode = call.params["mode"]
    checkout_fields.check(call.params, mode)
    if "customer" in call.params:
        customers.find(call, call.params["customer"], "customer")
    _check_expiry(call)
    items = [] if mode == "setup" else line_items.make_all(call, mode)
    session = _shape(call, mode, items)
    order: JsonObject = {
        "id": session["id"],
        "intent": None,
        "items": items,
        "offer": None,
        "payment_intent_data": call.params.get("payment_intent_data", {}),
        "subscription_data": call.params.get("subscription_data", {}),
        "trial_end": _trial_end(call),
    }
    if mode == "setup":
        order["intent"] = session["setup_intent"] = _setup_intent(call)
    else:
        _price(call, session, order)
    call.tx.save("order", order)
    return call.tx.save(KIND, session)


def _setup_intent(call: Call) -> str:
    given = call.params.get("setup_intent_data", {})
    made = setting_up.make(
        call.context,
        {
            "customer": call.params.get("customer"),
            "description": given.get("description"),
            "metadata": merge_metadata({}, given.get("metadata", {})),
        },
    )
    return str(made["id"])


def _trial_end(call: Call) -> int | None:
    """When the trial of a session's subscription ends, as if it were paid now."""
    data = call.params.get("subscription_data", {})
    days = data.get("trial_period_days")
    if "trial_end" not in data:
        return call.now + days * DAY if days else None
    if days is not None:
        message = (
            "You may only specify one of these parameters: subscription_data[trial_end], "
            "subscription_data[trial_period_days]."
        )
        raise invalid(message)
    if data["trial_end"] < call.now + 2 * DAY:
        message = "The `trial_end` date has to be at least 2 days in the future."
        raise invalid(message, "subscription_data[trial_end]")
    return int(data["trial_end"])


def _price(call: Call, session: JsonObject, order: JsonObject) -> None:
    """Add a new session up, with its discount, and refuse what is too little to be charged."""
    wanted = call.params.get("discounts") or []
    full = sum(checkout_totals.full_price(call.context, item) for item in order["items"])
    offers = discounts.offers(
        call.context,
        wanted,
        customer=session["customer"],
        currency=session["currency"],
        amount=full,
    )
    offer = offers[0] if offers else None
    if offer is not None:
        order["offer"] = {"coupon": offer.coupon, "code": offer.code}
    add_up(call.context, session, order)
    if session["mode"] == "payment" and session["amount_total"]:
        _check_total(session)


def add_up(context: Context, session: JsonObject, order: JsonObject) -> None:
    """Set a session's amounts from its order; both change in place."""
    trial = order["trial_end"] is not None
    offer = offer_of(order)
    checkout_totals.add_up(context, session, order["items"], offer, trial=trial)


def offer_of(order: JsonObject) -> discounts.Offer | None:
    """The coupon that an order comes with."""
    kept = order["offer"]
    return discounts.Offer(kept["coupon"], kept["code"]) if kept else None


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
    email = _known_email(call)
    creation = "if_required" if mode == "payment" else None
    collection = "if_required" if mode == "payment" else "always"
    return {
        "id": session_id,
        "object": KIND,
        "adaptive_pricing": {"enabled": False},
        "after_expiration": None,
        "amount_subtotal": None,
        "amount_total": None,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        **{name: values.get(name) for name in COPIED},
        "client_secret": None,
        "collected_information": None,
        "consent": None,
        "consent_collection": None,
        "created": call.now,
        "currency": items[0]["currency"] if items else values.get("currency"),
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
        "payment_method_collection": values.get("payment_method_collection", collection),
        "payment_method_configuration_details": None,
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": ["card"],
        "payment_status": "no_payment_required" if mode == "setup" else "unpaid",
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
        "total_details": None,
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
    """Expire an open session, with its event; nobody can pay its intent any more."""
    session |= {"status": "expired", "url": None}
    context.tx.save(KIND, session)
    name = session["payment_intent"]
    intent = context.tx.get("payment_intent", name) if name else None
    if intent is not None and intent["status"].startswith("requires_"):
        authorizations.cancel(context, intent, "automatic")
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
