"""The calls for single subscription items; each is an update of its subscription."""

from deploy.sandbox.stripe import paging, params, updating
from deploy.sandbox.stripe.api import Route
from deploy.sandbox.stripe.context import Call
from deploy.sandbox.stripe.errors import invalid, no_such
from deploy.sandbox.stripe.lifecycle import ENDED
from deploy.sandbox.stripe.resources import subscription_items
from deploy.sandbox.stripe.resources.subscription_fields import PAYMENT_BEHAVIOR, PRORATION
from deploy.sandbox.stripe.shapes import JsonObject

KIND = "subscription_item"
URL = "/v1/subscription_items"
BILLING: params.Fields = {
    "payment_behavior": PAYMENT_BEHAVIOR,
    "proration_behavior": PRORATION,
    "proration_date": params.integer(),
}
CREATE_FIELDS: params.Fields = {
    **BILLING,
    **subscription_items.NEW,
    "subscription": params.text(required=True),
}
UPDATE_FIELDS: params.Fields = {
    **BILLING,
    **subscription_items.NEW,
    "off_session": params.boolean(),
}
LIST_FIELDS: params.Fields = {**params.PAGING, "subscription": params.text(required=True)}


def _find(call: Call) -> tuple[JsonObject, JsonObject]:
    """The item of the path and its subscription, as copies."""
    name = call.path["id"]
    for known in call.tx.newest("subscription"):
        if any(item["id"] == name for item in known["items"]["data"]):
            subscription = call.tx.need("subscription", known["id"], "id")
            items = subscription["items"]["data"]
            return next(item for item in items if item["id"] == name), subscription
    raise no_such(KIND, name, "item")


def _changed(call: Call, subscription: JsonObject, item: JsonObject) -> JsonObject:
    if subscription["status"] in ENDED:
        raise invalid("A canceled subscription can only update its cancellation_details.")
    billing = {name: call.params[name] for name in BILLING if name in call.params}
    return updating.update(call.context, subscription, {**billing, "items": [item]})


def _wanted(call: Call) -> JsonObject:
    return {name: call.params[name] for name in subscription_items.NEW if name in call.params}


def create(call: Call) -> JsonObject:
    """POST /v1/subscription_items."""
    name = call.params["subscription"]
    subscription = call.tx.need("subscription", name, "subscription", status=400)
    made: JsonObject = _changed(call, subscription, _wanted(call))["items"]["data"][-1]
    return made


def retrieve(call: Call) -> JsonObject:
    """GET /v1/subscription_items/:id."""
    return _find(call)[0]


def update(call: Call) -> JsonObject:
    """POST /v1/subscription_items/:id."""
    item, subscription = _find(call)
    after = _changed(call, subscription, {"id": item["id"], **_wanted(call)})
    found: JsonObject = next(at for at in after["items"]["data"] if at["id"] == item["id"])
    return found


def delete(call: Call) -> JsonObject:
    """DELETE /v1/subscription_items/:id; the last one stays."""
    item, subscription = _find(call)
    _changed(call, subscription, {"id": item["id"], "deleted": True})
    return {"id": item["id"], "object": KIND, "deleted": True}


def list_all(call: Call) -> JsonObject:
    """GET /v1/subscription_items, of one subscription."""
    name = call.params["subscription"]
    subscription = call.tx.need("subscription", name, "subscription", status=400)
    return paging.embedded(call, subscription["items"]["data"], URL, KIND)


ROUTES = (
    Route("POST", URL, create, CREATE_FIELDS),
    Route("GET", URL, list_all, LIST_FIELDS),
    Route("GET", f"{URL}/{{id}}", retrieve, {}),
    Route("POST", f"{URL}/{{id}}", update, UPDATE_FIELDS),
    Route("DELETE", f"{URL}/{{id}}", delete, BILLING),
)
