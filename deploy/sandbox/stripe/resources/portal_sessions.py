"""Sessions of the billing portal: a link under which one customer manages what it pays for."""

from deploy.sandbox.stripe import params
from deploy.sandbox.stripe.api import Route
from deploy.sandbox.stripe.context import Call, Context
from deploy.sandbox.stripe.errors import invalid, missing_param
from deploy.sandbox.stripe.events import emit
from deploy.sandbox.stripe.ids import new_id, token
from deploy.sandbox.stripe.lifecycle import ENDED
from deploy.sandbox.stripe.resources import customers, portal_configurations
from deploy.sandbox.stripe.shapes import JsonObject

KIND = "billing_portal.session"
LINK = "portal_link"  # kind: by its secret, the session that a link opens
KEPT_SECONDS = 3600  # how long a link opens its portal
SUBSCRIPTION: params.Fields = {"subscription": params.text(required=True)}
CHANGE: params.Fields = {
    "id": params.text(required=True),
    "price": params.text(),
    "quantity": params.integer(),
}
AFTERWARDS: params.Fields = {
    "hosted_confirmation": params.nested({"custom_message": params.text(longest=500)}),
    "redirect": params.nested({"return_url": params.text(required=True)}),
    "type": params.one_of("hosted_confirmation", "portal_homepage", "redirect", required=True),
}
FLOW: params.Fields = {
    "after_completion": params.nested(AFTERWARDS),
    "subscription_cancel": params.nested(SUBSCRIPTION),
    "subscription_update": params.nested(SUBSCRIPTION),
    "subscription_update_confirm": params.nested(
        {**SUBSCRIPTION, "items": params.array(params.nested(CHANGE), required=True)}
    ),
    "type": params.one_of(
        "payment_method_update",
        "subscription_cancel",
        "subscription_update",
        "subscription_update_confirm",
        required=True,
    ),
}
CREATE_FIELDS: params.Fields = {
    "configuration": params.text(),
    "customer": params.text(required=True),
    "flow_data": params.nested(FLOW),
    "locale": params.text(),
    "return_url": params.text(),
}


def create(call: Call) -> JsonObject:
    """POST /v1/billing_portal/sessions."""
    customer = customers.find(call, call.params["customer"], "customer")
    configuration = _configuration(call)
    flow = _flow(call, customer["id"], configuration["features"])
    secret = f"test_{token(40)}"
    session: JsonObject = {
        "id": new_id(KIND),
        "object": KIND,
        "configuration": configuration["id"],
        "created": call.now,
        "customer": customer["id"],
        "customer_account": None,
        "flow": flow,
        "livemode": False,
        "locale": call.params.get("locale"),
        "on_behalf_of": None,
        "return_url": call.params.get("return_url", configuration["default_return_url"]),
        "url": f"{call.context.url}/p/session/{secret}",
    }
    call.tx.save(KIND, session)
    call.tx.save(LINK, {"id": secret, "session": session["id"], "saving": None})
    emit(call.context, "billing_portal.session.created", session)
    return session


def _configuration(call: Call) -> JsonObject:
    if "configuration" not in call.params:
        return portal_configurations.default(call.context)
    name = call.params["configuration"]
    kind = portal_configurations.KIND
    found = call.tx.need(kind, name, "configuration", label="configuration", status=400)
    if not found["active"]:
        raise invalid(f"The configuration {name} is inactive.", "configuration")
    return found


def _flow(call: Call, customer: str, features: JsonObject) -> JsonObject | None:
    """The one thing that a session is for, as its object shows it."""
    wanted = call.params.get("flow_data")
    if wanted is None:
        return None
    kind = wanted["type"]
    feature = "subscription_update" if kind.startswith("subscription_update") else kind
    if not features[feature]["enabled"]:
        message = f"The configuration does not have the feature `{feature}` enabled."
        raise invalid(message, "flow_data[type]")
    afterwards = wanted.get("after_completion", {"type": "portal_homepage"})
    none = dict.fromkeys(("hosted_confirmation", "redirect"))
    flow: JsonObject = {
        "after_completion": {**none, **afterwards},
        "subscription_cancel": None,
        "subscription_update": None,
        "subscription_update_confirm": None,
        "type": kind,
    }
    if kind != "payment_method_update":
        flow[kind] = _about(call.context, customer, kind, wanted)
    return flow


def _about(context: Context, customer: str, kind: str, wanted: JsonObject) -> JsonObject:
    if kind not in wanted:
        raise missing_param(f"flow_data[{kind}]")
    where = f"flow_data[{kind}][subscription]"
    name = wanted[kind]["subscription"]
    subscription = context.tx.need("subscription", name, where, status=400)
    if subscription["customer"] != customer or subscription["status"] in ENDED:
        raise invalid(f"The subscription {name} cannot be changed by this customer.", where)
    if kind == "subscription_cancel":
        return {"retention": None, **wanted[kind]}
    if kind == "subscription_update_confirm":
        items = [{"price": None, "quantity": None, **item} for item in wanted[kind]["items"]]
        return {"discounts": None, "items": items, "subscription": name}
    return dict(wanted[kind])


ROUTES = (Route("POST", "/v1/billing_portal/sessions", create, CREATE_FIELDS),)
