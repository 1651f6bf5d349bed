"""Setup intents: a card saved for later, without a payment."""

from deploy.sandbox.stripe import authentication, cards, paging, params, setting_up
from deploy.sandbox.stripe.api import Route
from deploy.sandbox.stripe.context import Call
from deploy.sandbox.stripe.errors import StripeError, invalid
from deploy.sandbox.stripe.events import emit
from deploy.sandbox.stripe.resources import customers, payment_methods
from deploy.sandbox.stripe.setting_up import KIND
from deploy.sandbox.stripe.shapes import JsonObject, merge_metadata

UNFINISHED = frozenset({"requires_payment_method", "requires_confirmation", "requires_action"})
METHOD: params.Fields = {
    "payment_method": params.text(),
    "payment_method_data": params.nested(payment_methods.DATA),
}
CONFIRM_FIELDS: params.Fields = {
    **METHOD,
    "return_url": params.text(),
    "use_stripe_sdk": params.boolean(),
}
DETAILS: params.Fields = {
    "customer": params.text(),
    "description": params.text(),
    "metadata": params.metadata(),
    "allowed_payment_method_types": params.array(params.one_of("card")),
}
CREATE_FIELDS: params.Fields = {
    **CONFIRM_FIELDS,
    **DETAILS,
    "automatic_payment_methods": params.nested(
        {
            "enabled": params.boolean(required=True),
            "allow_redirects": params.one_of("always", "never"),
        }
    ),
    "confirm": params.boolean(),
    "usage": params.one_of("off_session", "on_session"),
}
CANCEL_FIELDS: params.Fields = {
    "cancellation_reason": params.one_of("abandoned", "duplicate", "requested_by_customer")
}
LIST_FIELDS: params.Fields = {
    **params.PAGING,
    "created": params.time_range(),
    "customer": params.text(),
    "payment_method": params.text(),
}


def find(call: Call) -> JsonObject:
    """The setup intent of the path."""
    return call.tx.need(KIND, call.path["id"], "intent", label="setupintent")


def create(call: Call) -> JsonObject:
    """POST /v1/setup_intents, confirmed at once if asked."""
    values = call.params
    if "customer" in values:
        customers.find(call, values["customer"], "customer")
    chosen = ("allowed_payment_method_types", "customer", "description", "usage")
    given: JsonObject = {name: values[name] for name in chosen if name in values}
    given["metadata"] = merge_metadata({}, values.get("metadata", {}))
    if "allowed_payment_method_types" not in values:
        wanted = values.get("automatic_payment_methods", {"enabled": True})
        given["automatic_payment_methods"] = {"allow_redirects": "always", **wanted}
    intent = setting_up.make(call.context, given)
    _choose(call, intent)
    call.tx.save(KIND, intent)
    return _confirm(call, intent) if values.get("confirm") else intent


def _choose(call: Call, intent: JsonObject) -> None:
    values = call.params
    if "payment_method" in values:
        name = values["payment_method"]
        method = payment_methods.of_customer(call.context, name, intent["customer"])
    elif "payment_method_data" in values:
        data = values["payment_method_data"]
        method = payment_methods.from_data(call.context, data, "payment_method_data")
    else:
        return
    intent |= {"payment_method": method["id"], "status": "requires_confirmation"}


def confirm(call: Call) -> JsonObject:
    """POST /v1/setup_intents/:id/confirm; a card that is refused answers 402."""
    intent = find(call)
    if intent["status"] not in UNFINISHED:
        raise _wrong_state(intent, "confirm")
    _choose(call, intent)
    return _confirm(call, intent)


def _confirm(call: Call, intent: JsonObject) -> JsonObject:
    if intent["payment_method"] is None:
        message = (
            "You cannot confirm this SetupIntent because it's missing a payment method. Update "
            "the SetupIntent with a payment method and then confirm it again."
        )
        raise invalid(message, code="setup_intent_unexpected_state")
    name = intent["payment_method"]
    method = payment_methods.of_customer(call.context, name, intent["customer"])
    card = cards.of_method(method)
    if authentication.needed(call.context, card, method, off_session=False):
        authentication.ask(call.context, intent, call.params.get("return_url"))
        return intent
    decline = setting_up.save(call.context, intent, method, card)
    if decline is not None:
        raise setting_up.declined(intent, decline)
    return intent


def _wrong_state(intent: JsonObject, verb: str) -> StripeError:
    message = f"You cannot {verb} this SetupIntent because it has a status of {intent['status']}."
    refusal = invalid(message, code="setup_intent_unexpected_state")
    refusal.extra = {"setup_intent": intent}
    return refusal


def update(call: Call) -> JsonObject:
    """POST /v1/setup_intents/:id, before it succeeded; metadata and description at any time."""
    intent, values = find(call), call.params
    if values.keys() & {"customer", *METHOD} and intent["status"] not in UNFINISHED:
        raise _wrong_state(intent, "update")
    if "customer" in values:
        customers.find(call, values["customer"], "customer")
    for name in ("customer", "description"):
        if name in values:
            intent[name] = values[name]
    if "metadata" in values:
        intent["metadata"] = merge_metadata(intent["metadata"], values["metadata"])
    _choose(call, intent)
    return call.tx.save(KIND, intent)


def cancel(call: Call) -> JsonObject:
    """POST /v1/setup_intents/:id/cancel."""
    intent = find(call)
    if intent["status"] not in UNFINISHED:
        raise _wrong_state(intent, "cancel")
    reason = call.params.get("cancellation_reason")
    intent |= {"status": "canceled", "cancellation_reason": reason, "next_action": None}
    call.tx.save(KIND, intent)
    emit(call.context, "setup_intent.canceled", intent)
    return intent


def list_all(call: Call) -> JsonObject:
    """GET /v1/setup_intents, by customer or payment method."""
    return paging.page(call, KIND, "/v1/setup_intents", by=("customer", "payment_method"))


ROUTES = (
    Route("POST", "/v1/setup_intents", create, CREATE_FIELDS),
    Route("GET", "/v1/setup_intents", list_all, LIST_FIELDS),
    Route("GET", "/v1/setup_intents/{id}", find, {"client_secret": params.text()}),
    Route("POST", "/v1/setup_intents/{id}", update, {**METHOD, **DETAILS}),
    Route("POST", "/v1/setup_intents/{id}/confirm", confirm, CONFIRM_FIELDS),
    Route("POST", "/v1/setup_intents/{id}/cancel", cancel, CANCEL_FIELDS),
)
