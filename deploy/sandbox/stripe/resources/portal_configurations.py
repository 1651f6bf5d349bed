"""Configurations of the billing portal: what a customer may change there."""

from deploy.sandbox.stripe import paging, params
from deploy.sandbox.stripe.api import Route
from deploy.sandbox.stripe.context import Call, Context
from deploy.sandbox.stripe.errors import invalid, missing_param, not_covered
from deploy.sandbox.stripe.events import emit
from deploy.sandbox.stripe.ids import new_id
from deploy.sandbox.stripe.resources.subscription_fields import PRORATION
from deploy.sandbox.stripe.shapes import JsonObject, merge_metadata

KIND = "billing_portal.configuration"
URL = "/v1/billing_portal/configurations"
REASONS = (
    "customer_service",
    "low_quality",
    "missing_features",
    "other",
    "switched_service",
    "too_complex",
    "too_expensive",
    "unused",
)
ON: params.Fields = {"enabled": params.boolean(required=True)}
PRODUCT: params.Fields = {
    "prices": params.array(params.text(), required=True),
    "product": params.text(required=True),
}
FEATURES: params.Fields = {
    "customer_update": params.nested(
        {
            **ON,
            "allowed_updates": params.array(
                params.one_of("address", "email", "name", "phone", "shipping", "tax_id"),
                clearable=True,
            ),
        }
    ),
    "invoice_history": params.nested(ON),
    "payment_method_update": params.nested(ON),
    "subscription_cancel": params.nested(
        {
            **ON,
            "cancellation_reason": params.nested(
                {
                    **ON,
                    "options": params.array(params.one_of(*REASONS), required=True, clearable=True),
                }
            ),
            "mode": params.one_of("at_period_end", "immediately"),
            "proration_behavior": PRORATION,
        }
    ),
    "subscription_update": params.nested(
        {
            **ON,
            "default_allowed_updates": params.array(
                params.one_of("price", "promotion_code", "quantity"), clearable=True
            ),
            "products": params.array(params.nested(PRODUCT), clearable=True, most=10),
            "proration_behavior": PRORATION,
        }
    ),
}
FIELDS: params.Fields = {
    "business_profile": params.nested(
        {
            "headline": params.text(clearable=True, longest=60),
            "privacy_policy_url": params.text(),
            "terms_of_service_url": params.text(),
        }
    ),
    "default_return_url": params.text(clearable=True),
    "login_page": params.nested(ON),
    "metadata": params.metadata(),
    "name": params.text(clearable=True),
}
CREATE_FIELDS: params.Fields = {**FIELDS, "features": params.nested(FEATURES, required=True)}
UPDATE_FIELDS: params.Fields = {
    **FIELDS,
    "active": params.boolean(),
    "features": params.nested(FEATURES),
}
LIST_FIELDS: params.Fields = {
    **params.PAGING,
    "active": params.boolean(),
    "is_default": params.boolean(),
}
# What a portal without a configuration of its own allows.
ALL_FEATURES: JsonObject = {
    "customer_update": {"allowed_updates": ["email", "name"], "enabled": True},
    "invoice_history": {"enabled": True},
    "payment_method_update": {"enabled": True},
    "subscription_cancel": {"enabled": True},
}


def _features() -> JsonObject:
    """Nothing is allowed."""
    return {
        "customer_update": {"allowed_updates": [], "enabled": False},
        "invoice_history": {"enabled": False},
        "payment_method_update": {"enabled": False, "payment_method_configuration": None},
        "subscription_cancel": {
            "cancellation_reason": {"enabled": False, "options": []},
            "enabled": False,
            "mode": "at_period_end",
            "proration_behavior": "none",
        },
        "subscription_update": {
            "billing_cycle_anchor": None,
            "default_allowed_updates": [],
            "enabled": False,
            "products": None,
            "proration_behavior": "none",
            "schedule_at_period_end": {"conditions": []},
            "trial_update_behavior": "end_trial",
        },
    }


def make(context: Context, values: JsonObject, *, default: bool = False) -> JsonObject:
    """A new configuration with its event."""
    made: JsonObject = {
        "id": new_id(KIND),
        "object": KIND,
        "active": True,
        "application": None,
        "business_profile": dict.fromkeys(
            ("headline", "privacy_policy_url", "terms_of_service_url")
        ),
        "created": context.now,
        "default_return_url": None,
        "features": _features(),
        "is_default": default,
        "livemode": False,
        "login_page": {"enabled": False, "url": None},
        "metadata": {},
        "name": None,
        "updated": context.now,
    }
    _apply(context, made, values)
    context.tx.save(KIND, made)
    emit(context, "billing_portal.configuration.created", made)
    return made


def _apply(context: Context, configuration: JsonObject, values: JsonObject) -> None:
    if values.get("login_page", {}).get("enabled"):
        raise not_covered("the portal's login page")
    configuration["business_profile"] |= values.get("business_profile", {})
    for name in ("active", "default_return_url", "name"):
        if name in values:
            configuration[name] = values[name]
    if "metadata" in values:
        configuration["metadata"] = merge_metadata(configuration["metadata"], values["metadata"])
    for name, feature in values.get("features", {}).items():
        configuration["features"][name] |= feature
    _check_update(context, configuration["features"]["subscription_update"])
    configuration["updated"] = context.now


def _check_update(context: Context, feature: JsonObject) -> None:
    if not feature["enabled"]:
        return
    where = "features[subscription_update]"
    for name in ("products", "default_allowed_updates"):
        if not feature[name]:
            raise missing_param(f"{where}[{name}]")
    for at, product in enumerate(feature["products"]):
        for price in product["prices"]:
            found = context.tx.need("price", price, f"{where}[products][{at}]", status=400)
            if found["product"] != product["product"]:
                message = f"The price {price} does not belong to the product."
                raise invalid(message, f"{where}[products][{at}][prices]")
        product.setdefault("adjustable_quantity", {"enabled": False})


def default(context: Context) -> JsonObject:
    """The default configuration, made when it is first wanted."""
    for found in context.tx.newest(KIND):
        if found["is_default"]:
            return found
    return make(context, {"features": ALL_FEATURES}, default=True)


def create(call: Call) -> JsonObject:
    """POST /v1/billing_portal/configurations."""
    return make(call.context, call.params)


def retrieve(call: Call) -> JsonObject:
    """GET /v1/billing_portal/configurations/:id."""
    return call.tx.need(KIND, call.path["id"], "configuration", label="configuration")


def update(call: Call) -> JsonObject:
    """POST /v1/billing_portal/configurations/:id."""
    found = retrieve(call)
    if found["is_default"] and call.params.get("active") is False:
        raise invalid("You cannot deactivate the default configuration.", "active")
    _apply(call.context, found, call.params)
    call.tx.save(KIND, found)
    emit(call.context, "billing_portal.configuration.updated", found)
    return found


def list_all(call: Call) -> JsonObject:
    """GET /v1/billing_portal/configurations."""
    return paging.page(call, KIND, URL, by=("active", "is_default"))


ROUTES = (
    Route("POST", URL, create, CREATE_FIELDS),
    Route("GET", URL, list_all, LIST_FIELDS),
    Route("GET", f"{URL}/{{id}}", retrieve, {}),
    Route("POST", f"{URL}/{{id}}", update, UPDATE_FIELDS),
)
