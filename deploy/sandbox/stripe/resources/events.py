"""The events of the last 30 days."""

from fnmatch import fnmatchcase

from deploy.sandbox.stripe import events, paging, params
from deploy.sandbox.stripe.api import Route
from deploy.sandbox.stripe.context import Call
from deploy.sandbox.stripe.errors import invalid, no_such
from deploy.sandbox.stripe.shapes import JsonObject

KEPT_SECONDS = 30 * 24 * 3600
LIST_FIELDS: params.Fields = {
    **params.PAGING,
    "created": params.time_range(),
    "delivery_success": params.boolean(),
    "type": params.text(),
    "types": params.array(params.text(), most=20),
}


def retrieve(call: Call) -> JsonObject:
    """GET /v1/events/:id."""
    event = call.tx.get("event", call.path["id"])
    if event is None or not _kept(call, event):
        raise no_such("event", call.path["id"], "id")
    return _current(call, event)


def list_all(call: Call) -> JsonObject:
    """GET /v1/events, by type (`*` is a wildcard) or types, time, delivery success."""
    if "type" in call.params and "types" in call.params:
        raise invalid("You may only specify one of these parameters: type, types.")
    patterns = call.params.get("types") or [call.params.get("type", "*")]
    success = call.params.get("delivery_success")

    def keep(item: JsonObject) -> bool:
        if not _kept(call, item) or not any(fnmatchcase(item["type"], at) for at in patterns):
            return False
        return success is None or success == (_waiting(call, item) == 0)

    found = paging.page(call, "event", "/v1/events", keep=keep)
    found["data"] = [_current(call, event) for event in found["data"]]
    return found


def _kept(call: Call, event: JsonObject) -> bool:
    return bool(recorded(event) > int(call.context.world.time()) - KEPT_SECONDS)


def recorded(event: JsonObject) -> int:
    """When an event was written, in seconds of the sandbox's own time."""
    return int(event[events.RECORDED] if events.RECORDED in event else event["created"])


def _waiting(call: Call, event: JsonObject) -> int:
    return events.pending(call.tx.get("delivery", event["id"]))


def _current(call: Call, event: JsonObject) -> JsonObject:
    return {**events.shown(event), "pending_webhooks": _waiting(call, event)}


ROUTES = (
    Route("GET", "/v1/events", list_all, LIST_FIELDS),
    Route("GET", "/v1/events/{id}", retrieve, {}),
)
