"""What checkout sessions take, and which of it goes together."""

from deploy.sandbox.stripe import discounts, params
from deploy.sandbox.stripe.errors import invalid, not_covered
from deploy.sandbox.stripe.resources import line_items
from deploy.sandbox.stripe.resources.payment_intents import CAPTURE_METHOD
from deploy.sandbox.stripe.shapes import JsonObject

WHEN = params.one_of("auto", "never")
NOTES: params.Fields = {"description": params.text(longest=500), "metadata": params.metadata()}
TRIAL_END = params.nested(
    {"missing_payment_method": params.one_of("cancel", "create_invoice", "pause", required=True)},
    required=True,
)
PAYMENT: params.Fields = {
    **NOTES,
    "capture_method": CAPTURE_METHOD,
    "receipt_email": params.text(),
    "setup_future_usage": params.one_of("off_session", "on_session"),
    "statement_descriptor": params.text(longest=22),
    "statement_descriptor_suffix": params.text(longest=22),
    "transfer_group": params.text(),
}
SUBSCRIPTION: params.Fields = {
    **NOTES,
    "trial_end": params.integer(),
    "trial_period_days": params.integer(least=1, most=730),
    "trial_settings": params.nested({"end_behavior": TRIAL_END}),
}
CREATE_FIELDS: params.Fields = {
    "allow_promotion_codes": params.boolean(),
    "automatic_tax": params.nested({"enabled": params.boolean(required=True)}),
    "billing_address_collection": params.one_of("auto", "required"),
    "cancel_url": params.text(),
    "client_reference_id": params.text(longest=200),
    "currency": params.text(longest=3),
    "customer": params.text(),
    "customer_creation": params.one_of("always", "if_required"),
    "customer_email": params.text(longest=800),
    "customer_update": params.nested({"address": WHEN, "name": WHEN, "shipping": WHEN}),
    "discounts": discounts.FIELDS,
    "expires_at": params.integer(),
    "invoice_creation": params.nested({"enabled": params.boolean(required=True)}),
    "line_items": params.array(params.nested(line_items.FIELDS)),
    "locale": params.text(),
    "metadata": params.metadata(),
    "mode": params.one_of("payment", "setup", "subscription", required=True),
    "payment_intent_data": params.nested(PAYMENT),
    "payment_method_collection": params.one_of("always", "if_required"),
    "allowed_payment_method_types": params.array(params.one_of("card")),
    "setup_intent_data": params.nested(NOTES),
    "submit_type": params.one_of("auto", "book", "donate", "pay", "subscribe"),
    "subscription_data": params.nested(SUBSCRIPTION),
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
# Parameters that belong to one mode.
ONLY = (
    ("subscription_data", "subscription"),
    ("payment_method_collection", "subscription"),
    ("payment_intent_data", "payment"),
    ("invoice_creation", "payment"),
    ("setup_intent_data", "setup"),
)
APART = (
    ("customer", "customer_email"),
    ("allow_promotion_codes", "discounts"),
)


def check(values: JsonObject, mode: str) -> None:
    """Refuse parameters that do not go together, or that the sandbox has no mode for."""
    if values.get("automatic_tax", {}).get("enabled"):
        raise not_covered("automatic tax")
    if values.get("invoice_creation", {}).get("enabled"):
        raise not_covered("invoices of checkout sessions in payment mode")
    for one, other in APART:
        if values.get(one) and values.get(other):
            message = f"You may only specify one of these parameters: {one}, {other}."
            raise invalid(message)
    for name, only in ONLY:
        if name in values and mode != only:
            raise invalid(f"You can not pass `{name}` in `{mode}` mode.", name)
    _check_more(values, mode)


def _check_more(values: JsonObject, mode: str) -> None:
    if "customer_creation" in values and mode == "subscription":
        message = "`customer_creation` can not be used in `subscription` mode."
        raise invalid(message, "customer_creation")
    if mode == "setup" and ("line_items" in values or values.get("discounts")):
        raise invalid("You can not pass `line_items` in `setup` mode.", "line_items")
    if mode == "setup" and not {"currency", "allowed_payment_method_types"} & values.keys():
        message = (
            "You must provide `currency` or `allowed_payment_method_types` in `setup` mode when "
            "using automatic payment methods."
        )
        raise invalid(message, "currency")
    if len(values.get("discounts") or []) > 1:
        raise invalid("You may only specify one discount.", "discounts")
    for name in ("success_url", "cancel_url"):
        if not values.get(name, "https:").startswith(("http:", "https:")):
            raise invalid("Not a valid URL", name, "url_invalid")
