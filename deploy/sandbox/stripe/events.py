"""Events: a snapshot of an object when something happened to it, and who is to be told."""

from typing import Any

from deploy.sandbox.stripe.context import Context
from deploy.sandbox.stripe.ids import new_id
from deploy.sandbox.stripe.shapes import JsonObject, copy_of

# When an event was written by the sandbox's own time; `created` is that of a test clock. Not shown.
RECORDED = "recorded"
SHUFFLE_WINDOW = 0.05  # seconds over which shuffled events are spread, so that calls mix too


def emit(
    context: Context, kind: str, subject: JsonObject, previous: JsonObject | None = None
) -> None:
    """Write an event about `subject` as it is now and plan its deliveries."""
    data: JsonObject = {"object": copy_of(subject)}
    if previous is not None:
        data["previous_attributes"] = copy_of(previous)
    plans = _plans(context, kind)
    event: JsonObject = {
        "id": new_id("event"),
        "object": "event",
        "api_version": context.world.account.api_version,
        "created": context.now - context.now % context.world.delivery.same_second,
        "data": data,
        "livemode": False,
        RECORDED: int(context.world.time()),
        "pending_webhooks": len({plan["endpoint"] for plan in plans}),
        "request": {"id": context.request_id, "idempotency_key": context.idempotency_key},
        "type": kind,
    }
    context.tx.give("event", event)
    if plans:
        context.tx.give("delivery", {"id": event["id"], "type": kind, "plans": plans})


def replan(context: Context, event: JsonObject) -> JsonObject:
    """Plan one more delivery of an event to each endpoint that takes it, at once."""
    group = context.tx.get("delivery", event["id"])
    group = group or {"id": event["id"], "type": event["type"], "plans": []}
    for endpoint in _takers(context, event["type"]):
        copy = sum(plan["endpoint"] == endpoint["id"] for plan in group["plans"])
        group["plans"].append(_plan(endpoint["id"], copy, context.tx.moment, lost=False))
    return context.tx.save("delivery", group)


def takes(endpoint: JsonObject, kind: str) -> bool:
    """Whether an endpoint is on and asked for events of this type."""
    wanted = endpoint["enabled_events"]
    return endpoint["status"] == "enabled" and ("*" in wanted or kind in wanted)


def shown(event: JsonObject) -> JsonObject:
    """An event as everybody may see it."""
    return {name: value for name, value in event.items() if name != RECORDED}


def pending(group: JsonObject | None) -> int:
    """How many endpoints still wait for an event: its `pending_webhooks`."""
    plans: list[JsonObject] = group["plans"] if group else []
    return len({plan["endpoint"] for plan in plans if plan["status"] == "pending"})


def _takers(context: Context, kind: str) -> list[JsonObject]:
    endpoints = list(context.tx.newest("webhook_endpoint"))[::-1]
    return [endpoint for endpoint in endpoints if takes(endpoint, kind)]


def _plans(context: Context, kind: str) -> list[JsonObject]:
    settings, rng = context.world.delivery, context.world.rng
    plans = []
    for endpoint in _takers(context, kind):
        for copy in range(settings.copies):
            wait = rng.uniform(*settings.delay)
            if settings.shuffle:
                wait += rng.uniform(0, SHUFFLE_WINDOW)
            lost = rng.random() < settings.loss
            plans.append(_plan(endpoint["id"], copy, context.tx.moment + wait, lost=lost))
    return plans


def _plan(endpoint: str, copy: int, due: float, *, lost: bool) -> dict[str, Any]:
    return {
        "endpoint": endpoint,
        "copy": copy,
        "due": due,
        "status": "lost" if lost else "pending",
        "attempts": 0,
        "last_status": None,
        "last_error": None,
    }
