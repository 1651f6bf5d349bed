"""Payment intents: made by a paid checkout, or by a call and confirmed with a test card."""

from deploy.sandbox.stripe import cards, charging, money, paging, params
from deploy.sandbox.stripe.api import Route
from deploy.sandbox.stripe.context import Call, Context
from deploy.sandbox.stripe.errors import StripeError, invalid, no_such, not_covered
from deploy.sandbox.stripe.events import emit
from deploy.sandbox.stripe.ids import new_id, token
from deploy.sandbox.stripe.resources import payment_methods
from deploy.sandbox.stripe.shapes import JsonObject, merge_metadata

CONFIRMABLE = frozenset({"requires_payment_method", "requires_confirmation"})
CANCELABLE = CONFIRMABLE | {"requires_action", "requires_capture", "processing"}
MOST = 99_999_999
CONFIRM_FIELDS: params.Fields = {
    "off_session": params.boolean(),
    "payment_method": params.text(),
    "receipt_email": params.text(clearable=True),
    "return_url": params.text(),
}
CREATE_FIELDS: params.Fields = {
    **CONFIRM_FIELDS,
    "amount": params.integer(required=True, least=1, most=MOST),
    "automatic_payment_methods": params.nested(
        {
            "enabled": params.boolean(required=True),
            "allow_redirects": params.one_of("always", "never"),
        }
    ),
    "capture_method": params.one_of("automatic", "automatic_async", "manual"),
    "confirm": params.boolean(),
    "currency": params.text(required=True, longest=3),
    "customer": params.text(),
    "description": params.text(),
    "metadata": params.metadata(),
    "payment_method_types": params.array(params.one_of("card")),
}
UPDATE_FIELDS: params.Fields = {
    "amount": params.integer(least=1, most=MOST),
    "description": params.text(clearable=True),
    "metadata": params.metadata(),
    "receipt_email": params.text(clearable=True),
}
CANCEL_FIELDS: params.Fields = {
    "cancellation_reason": params.one_of(
        "abandoned", "duplicate", "fraudulent", "requested_by_customer"
    )
}
LIST_FIELDS: params.Fields = {
    **params.PAGING,
    "created": params.time_range(),
    "customer": params.text(),
}


def make(context: Context, amount: int, currency: str, given: JsonObject) -> JsonObject:
    """A new intent with its event; `given` overrides fields of the shape."""
    intent_id = new_id("payment_intent")
    intent: JsonObject = {
        "id": intent_id,
        "object": "payment_intent",
        "amount": amount,
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": None,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic_async",
        "client_secret": f"{intent_id}_secret_{token(25)}",
        "confirmation_method": "automatic",
        "created": context.now,
        "currency": currency.lower(),
        "customer": None,
        "customer_account": None,
        "description": None,
        "excluded_payment_method_types": None,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "managed_payments": None,
        "metadata": {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {
            "card": {
                "installments": None,
                "mandate_options": None,
                "network": None,
                "request_three_d_secure": "automatic",
            }
        },
        "payment_method_types": ["card"],
        "processing": None,
        "receipt_email": None,
        "review": None,
        "setup_future_usage": None,
        "shipping": None,
        "source": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": None,
    } | given
    context.tx.save("payment_intent", intent)
    emit(context, "payment_intent.created", intent)
    return intent


def find(call: Call) -> JsonObject:
    """The intent of the path."""
    return call.tx.need("payment_intent", call.path["id"], "intent")


def create(call: Call) -> JsonObject:
    """POST /v1/payment_intents, confirmed at once if asked."""
    values = call.params
    if values.get("capture_method") == "manual":
        raise not_covered("payment intents with capture_method manual")
    check_amount(values["amount"], values["currency"])
    if "customer" in values:
        call.tx.need("customer", values["customer"], "customer", status=400)
    chosen = ("capture_method", "customer", "description", "receipt_email")
    given: JsonObject = {name: values[name] for name in chosen if name in values}
    given["metadata"] = merge_metadata({}, values.get("metadata", {}))
    if "payment_method_types" not in values:
        wanted = values.get("automatic_payment_methods", {"enabled": True})
        given["automatic_payment_methods"] = {"allow_redirects": "always", **wanted}
    intent = make(call.context, values["amount"], values["currency"], given)
    if values.get("confirm"):
        return _confirm(call, intent)
    if "payment_method" in values:
        intent["payment_method"] = _method(call, values["payment_method"])[0]["id"]
        intent["status"] = "requires_confirmation"
        call.tx.save("payment_intent", intent)
    return intent


def check_amount(amount: int, currency: str) -> None:
    """Refuse what the provider calls too small."""
    least = money.least_charge(currency.lower())
    if amount < least:
        message = f"Amount must be at least {money.shown(least, currency.lower())}."
        raise invalid(message, "amount", "amount_too_small")


def _method(call: Call, name: str) -> tuple[JsonObject, cards.Card]:
    """A payment method by its id or by a test alias such as `pm_card_visa`, and its card."""
    if name in cards.BY_ALIAS:
        card = cards.BY_ALIAS[name]
        return payment_methods.make(call.context, card), card
    method = call.tx.get("payment_method", name)
    if method is None:
        raise no_such("PaymentMethod", name, "payment_method", 400)
    return method, cards.find_last4(method["card"]["last4"])


def confirm(call: Call) -> JsonObject:
    """POST /v1/payment_intents/:id/confirm; a declined card answers 402 and leaves its charge."""
    return _confirm(call, find(call))


def _confirm(call: Call, intent: JsonObject) -> JsonObject:
    if intent["status"] not in CONFIRMABLE:
        raise _wrong_state(intent, "confirm")
    name = call.params.get("payment_method") or intent["payment_method"]
    if name is None:
        message = (
            "You cannot confirm this PaymentIntent because it's missing a payment method. You can "
            "either update the PaymentIntent with a payment method and then confirm it again, or "
            "confirm it again directly with a payment method or ConfirmationToken."
        )
        raise invalid(message, code="payment_intent_unexpected_state")
    method, card = _method(call, name)
    if card.authenticates:
        raise not_covered("3-D Secure outside of the hosted page")
    if "receipt_email" in call.params:
        intent["receipt_email"] = call.params["receipt_email"]
    decline = charging.attempt(call.context, intent, method, card)
    if decline is not None:
        raise charging.declined(intent, decline)
    return intent


def _wrong_state(intent: JsonObject, verb: str) -> StripeError:
    message = f"You cannot {verb} this PaymentIntent because it has a status of {intent['status']}."
    refusal = invalid(message, code="payment_intent_unexpected_state")
    refusal.extra = {"payment_intent": intent}
    return refusal


def update(call: Call) -> JsonObject:
    """POST /v1/payment_intents/:id; the amount only before it was paid."""
    intent = find(call)
    if "amount" in call.params:
        if intent["status"] not in CONFIRMABLE:
            raise _wrong_state(intent, "update the amount of")
        check_amount(call.params["amount"], intent["currency"])
    for name in ("amount", "description", "receipt_email"):
        if name in call.params:
            intent[name] = call.params[name]
    if "metadata" in call.params:
        intent["metadata"] = merge_metadata(intent["metadata"], call.params["metadata"])
    return call.tx.save("payment_intent", intent)


def cancel(call: Call) -> JsonObject:
    """POST /v1/payment_intents/:id/cancel."""
    intent = find(call)
    if intent["status"] not in CANCELABLE:
        raise _wrong_state(intent, "cancel")
    return void(call.context, intent, call.params.get("cancellation_reason"))


def void(context: Context, intent: JsonObject, reason: str | None) -> JsonObject:
    """Cancel an intent that was not paid."""
    intent |= {
        "status": "canceled",
        "canceled_at": context.now,
        "cancellation_reason": reason,
        "next_action": None,
    }
    context.tx.save("payment_intent", intent)
    emit(context, "payment_intent.canceled", intent)
    return intent


def list_all(call: Call) -> JsonObject:
    """GET /v1/payment_intents, by customer if asked."""
    return paging.page(call, "payment_intent", "/v1/payment_intents", by=("customer",))


ROUTES = (
    Route("POST", "/v1/payment_intents", create, CREATE_FIELDS),
    Route("GET", "/v1/payment_intents", list_all, LIST_FIELDS),
    Route("GET", "/v1/payment_intents/{id}", find, {"client_secret": params.text()}),
    Route("POST", "/v1/payment_intents/{id}", update, UPDATE_FIELDS),
    Route("POST", "/v1/payment_intents/{id}/confirm", confirm, CONFIRM_FIELDS),
    Route("POST", "/v1/payment_intents/{id}/cancel", cancel, CANCEL_FIELDS),
)
