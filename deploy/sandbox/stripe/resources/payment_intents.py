"""Payment intents: made by a paid checkout, or by a call and confirmed with a test card."""

from deploy.sandbox.stripe import (
    authentication,
    authorizations,
    cards,
    charging,
    money,
    paging,
    params,
)
from deploy.sandbox.stripe.api import Route
from deploy.sandbox.stripe.context import Call, Context
from deploy.sandbox.stripe.errors import StripeError, invalid
from deploy.sandbox.stripe.resources import customers, intent_shape, payment_methods
from deploy.sandbox.stripe.shapes import JsonObject, merge_metadata

KIND = intent_shape.KIND
CONFIRMABLE = frozenset({"requires_payment_method", "requires_confirmation", "requires_action"})
CHANGEABLE = CONFIRMABLE
CANCELABLE = CONFIRMABLE | {"requires_capture", "processing"}
MOST = 99_999_999
CAPTURE_METHOD = params.one_of("automatic", "automatic_async", "manual")
FUTURE_USAGE = params.one_of("off_session", "on_session", clearable=True)
CARD_OPTIONS: params.Fields = {
    "capture_method": params.one_of("manual"),
    "request_three_d_secure": params.one_of("any", "automatic", "challenge"),
    "setup_future_usage": params.one_of("none", "off_session", "on_session"),
}
METHOD: params.Fields = {
    "payment_method": params.text(),
    "payment_method_data": params.nested(payment_methods.DATA),
    "payment_method_options": params.nested({"card": params.nested(CARD_OPTIONS)}),
    "receipt_email": params.text(clearable=True),
    "setup_future_usage": FUTURE_USAGE,
}
CONFIRM_FIELDS: params.Fields = {
    **METHOD,
    "capture_method": CAPTURE_METHOD,
    "error_on_requires_action": params.boolean(),
    "off_session": params.boolean(),
    "return_url": params.text(),
    "use_stripe_sdk": params.boolean(),
}
DETAILS: params.Fields = {
    "customer": params.text(),
    "description": params.text(clearable=True),
    "metadata": params.metadata(),
    "allowed_payment_method_types": params.array(params.one_of("card")),
    "statement_descriptor": params.text(longest=22),
    "statement_descriptor_suffix": params.text(longest=22),
    "transfer_group": params.text(),
}
CREATE_FIELDS: params.Fields = {
    **CONFIRM_FIELDS,
    **DETAILS,
    "amount": params.integer(required=True, least=1, most=MOST),
    "automatic_payment_methods": params.nested(
        {
            "enabled": params.boolean(required=True),
            "allow_redirects": params.one_of("always", "never"),
        }
    ),
    "confirm": params.boolean(),
    "confirmation_method": params.one_of("automatic", "manual"),
    "currency": params.text(required=True, longest=3),
}
UPDATE_FIELDS: params.Fields = {
    **METHOD,
    **DETAILS,
    "amount": params.integer(least=1, most=MOST),
    "capture_method": CAPTURE_METHOD,
    "currency": params.text(longest=3),
}
CANCEL_FIELDS: params.Fields = {
    "cancellation_reason": params.one_of(
        "abandoned", "duplicate", "fraudulent", "requested_by_customer"
    )
}
CAPTURE_FIELDS: params.Fields = {
    "amount_to_capture": params.integer(least=1, most=MOST),
    "metadata": params.metadata(),
    "statement_descriptor": params.text(longest=22),
    "statement_descriptor_suffix": params.text(longest=22),
}
LIST_FIELDS: params.Fields = {
    **params.PAGING,
    "created": params.time_range(),
    "customer": params.text(),
}
COPIED = (
    "allowed_payment_method_types",
    "capture_method",
    "confirmation_method",
    "customer",
    "description",
    "receipt_email",
    "setup_future_usage",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_group",
)


def find(call: Call) -> JsonObject:
    """The intent of the path."""
    return call.tx.need(KIND, call.path["id"], "intent", label="payment_intent")


def create(call: Call) -> JsonObject:
    """POST /v1/payment_intents, confirmed at once if asked."""
    values = call.params
    check_amount(values["amount"], values["currency"])
    if "customer" in values:
        customers.find(call, values["customer"], "customer")
    if values.get("off_session") and not values.get("confirm"):
        message = "`off_session` can only be passed when `confirm` is true."
        raise invalid(message, "off_session")
    given: JsonObject = {name: values[name] for name in COPIED if name in values}
    given["metadata"] = merge_metadata({}, values.get("metadata", {}))
    if "allowed_payment_method_types" not in values:
        wanted = values.get("automatic_payment_methods", {"enabled": True})
        given["automatic_payment_methods"] = {"allow_redirects": "always", **wanted}
    intent = intent_shape.make(call.context, values["amount"], values["currency"], given)
    _set_options(intent, values)
    _choose(call, intent)
    call.tx.save(KIND, intent)
    return _confirm(call, intent) if values.get("confirm") else intent


def check_amount(amount: int, currency: str) -> None:
    """Refuse what the provider calls too small."""
    least = money.least_charge(currency.lower())
    if amount < least:
        message = f"Amount must be at least {money.shown(least, currency.lower())}."
        raise invalid(message, "amount", "amount_too_small")


def _set_options(intent: JsonObject, values: JsonObject) -> None:
    """Card options; a capture or future usage among them is the intent's own."""
    options = values.get("payment_method_options", {}).get("card", {})
    intent["payment_method_options"]["card"] |= options
    if "capture_method" in options:
        intent["capture_method"] = options["capture_method"]
    usage = options.get("setup_future_usage", "none")
    if usage != "none":
        intent["setup_future_usage"] = usage


def _choose(call: Call, intent: JsonObject) -> None:
    """Take the payment method that a call names or describes, if it does."""
    values = call.params
    if "payment_method" in values and "payment_method_data" in values:
        message = (
            "You may only specify one of these parameters: payment_method, payment_method_data."
        )
        raise invalid(message)
    if "payment_method" in values:
        name = values["payment_method"]
        method = payment_methods.of_customer(call.context, name, intent["customer"])
    elif "payment_method_data" in values:
        data = values["payment_method_data"]
        method = payment_methods.from_data(call.context, data, "payment_method_data")
    else:
        return
    intent["payment_method"] = method["id"]
    if intent["status"] == "requires_payment_method":
        intent["status"] = "requires_confirmation"


def confirm(call: Call) -> JsonObject:
    """POST /v1/payment_intents/:id/confirm; a declined card answers 402 and leaves its charge."""
    intent = find(call)
    if intent["status"] not in CONFIRMABLE:
        raise wrong_state(intent, "confirm")
    for name in ("capture_method", "receipt_email", "setup_future_usage"):
        if name in call.params:
            intent[name] = call.params[name]
    _set_options(intent, call.params)
    _choose(call, intent)
    return _confirm(call, intent)


def _confirm(call: Call, intent: JsonObject) -> JsonObject:
    values = call.params
    if intent["payment_method"] is None:
        message = (
            "You cannot confirm this PaymentIntent because it's missing a payment method. You can "
            "either update the PaymentIntent with a payment method and then confirm it again, or "
            "confirm it again directly with a payment method or ConfirmationToken."
        )
        raise invalid(message, code="payment_intent_unexpected_state")
    method = payment_methods.of_customer(call.context, intent["payment_method"], intent["customer"])
    card = cards.of_method(method)
    off_session = bool(values.get("off_session"))
    if authentication.needed(call.context, card, method, off_session=off_session) or (
        _wants_owner(intent) and not off_session
    ):
        return _ask(call, intent, method, off_session=off_session)
    return charge(call.context, intent, method, card)


def _wants_owner(intent: JsonObject) -> bool:
    wanted = intent["payment_method_options"]["card"]["request_three_d_secure"]
    return wanted in ("any", "challenge")


def charge(
    context: Context, intent: JsonObject, method: JsonObject, card: cards.Card
) -> JsonObject:
    """One attempt to charge a card; 402 if it is declined."""
    decline = charging.attempt(context, intent, method, card)
    if decline is not None:
        raise charging.declined(intent, decline)
    return intent


def _ask(call: Call, intent: JsonObject, method: JsonObject, *, off_session: bool) -> JsonObject:
    """Have the card's owner asked, or refuse at once where that is not wanted."""
    if off_session or call.params.get("error_on_requires_action"):
        required = charging.AUTHENTICATION_REQUIRED
        charging.refuse(call.context, intent, method, required)
        raise charging.declined(intent, required)
    authentication.ask(call.context, intent, call.params.get("return_url"))
    return intent


def wrong_state(intent: JsonObject, verb: str) -> StripeError:
    """The refusal of a call that does not fit an intent's status."""
    message = f"You cannot {verb} this PaymentIntent because it has a status of {intent['status']}."
    refusal = invalid(message, code="payment_intent_unexpected_state")
    refusal.extra = {"payment_intent": intent}
    return refusal


def update(call: Call) -> JsonObject:
    """POST /v1/payment_intents/:id; amount, customer and method only before it was paid."""
    intent, values = find(call), call.params
    fixed = {"amount", "capture_method", "currency", "customer", *METHOD} & values.keys()
    if fixed - {"receipt_email"} and intent["status"] not in CHANGEABLE:
        raise wrong_state(intent, f"update the {min(fixed)} of")
    if "customer" in values:
        customers.find(call, values["customer"], "customer")
    for name in (*COPIED, "amount"):
        if name in values:
            intent[name] = values[name]
    if "currency" in values:
        intent["currency"] = values["currency"].lower()
    check_amount(intent["amount"], intent["currency"])
    if "metadata" in values:
        intent["metadata"] = merge_metadata(intent["metadata"], values["metadata"])
    _set_options(intent, values)
    _choose(call, intent)
    return call.tx.save(KIND, intent)


def capture(call: Call) -> JsonObject:
    """POST /v1/payment_intents/:id/capture: all that was authorised, or less."""
    intent = find(call)
    if intent["status"] != "requires_capture":
        message = (
            "This PaymentIntent could not be captured because it has a status of "
            f"{intent['status']}. Only a PaymentIntent with one of the following statuses may be "
            "captured: requires_capture."
        )
        refusal = invalid(message, code="payment_intent_unexpected_state")
        refusal.extra = {"payment_intent": intent}
        raise refusal
    held = int(intent["amount_capturable"])
    amount = int(call.params.get("amount_to_capture", held))
    if amount > held:
        message = (
            "The `amount_to_capture` is greater than the amount that can be captured "
            f"({money.shown(held, intent['currency'])})."
        )
        raise invalid(message, "amount_to_capture", "amount_too_large")
    if "metadata" in call.params:
        intent["metadata"] = merge_metadata(intent["metadata"], call.params["metadata"])
    return authorizations.capture(call.context, intent, amount)


def cancel(call: Call) -> JsonObject:
    """POST /v1/payment_intents/:id/cancel."""
    intent = find(call)
    if intent["status"] not in CANCELABLE:
        raise wrong_state(intent, "cancel")
    reason = call.params.get("cancellation_reason")
    return authorizations.cancel(call.context, intent, reason)


def list_all(call: Call) -> JsonObject:
    """GET /v1/payment_intents, by customer if asked."""
    return paging.page(call, KIND, "/v1/payment_intents", by=("customer",))


ROUTES = (
    Route("POST", "/v1/payment_intents", create, CREATE_FIELDS),
    Route("GET", "/v1/payment_intents", list_all, LIST_FIELDS),
    Route("GET", "/v1/payment_intents/{id}", find, {"client_secret": params.text()}),
    Route("POST", "/v1/payment_intents/{id}", update, UPDATE_FIELDS),
    Route("POST", "/v1/payment_intents/{id}/confirm", confirm, CONFIRM_FIELDS),
    Route("POST", "/v1/payment_intents/{id}/capture", capture, CAPTURE_FIELDS),
    Route("POST", "/v1/payment_intents/{id}/cancel", cancel, CANCEL_FIELDS),
)
