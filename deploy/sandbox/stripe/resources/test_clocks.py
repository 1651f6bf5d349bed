"""Test clocks: frozen times that customers hang on, moved forward by a call.

The call only says where to; `scheduler` does what falls due on the way, in the order of its
times, and then sets the clock to `ready`.
"""

from deploy.sandbox.stripe import lifecycle, paging, params
from deploy.sandbox.stripe.api import Route
from deploy.sandbox.stripe.clock import TEST_CLOCK
from deploy.sandbox.stripe.context import Call, Context
from deploy.sandbox.stripe.errors import StripeError, invalid
from deploy.sandbox.stripe.events import emit
from deploy.sandbox.stripe.ids import new_id
from deploy.sandbox.stripe.periods import period_end
from deploy.sandbox.stripe.shapes import JsonObject

KEPT_SECONDS = 30 * 86400
URL = "/v1/test_helpers/test_clocks"
CREATE_FIELDS: params.Fields = {
    "frozen_time": params.integer(required=True),
    "name": params.text(longest=300),
}
MOST_INTERVALS = 2  # of the shortest subscription, in one advance
WITHOUT_SUBSCRIPTIONS = ("year", 2)


def create(call: Call) -> JsonObject:
    """POST /v1/test_helpers/test_clocks."""
    made: JsonObject = {
        "id": new_id(TEST_CLOCK),
        "object": TEST_CLOCK,
        "created": call.now,
        "deletes_after": call.now + KEPT_SECONDS,
        "frozen_time": call.params["frozen_time"],
        "livemode": False,
        "name": call.params.get("name"),
        "status": "ready",
        "status_details": {},
    }
    call.tx.save(TEST_CLOCK, made)
    emit(call.context, "test_helpers.test_clock.created", made)
    return made


def _find(call: Call) -> JsonObject:
    return call.tx.need(TEST_CLOCK, call.path["id"], "test_clock", label="testclock")


def retrieve(call: Call) -> JsonObject:
    """GET /v1/test_helpers/test_clocks/:id."""
    return _find(call)


def advance(call: Call) -> JsonObject:
    """POST /v1/test_helpers/test_clocks/:id/advance: begins to; `ready` says when it is there."""
    found = _find(call)
    target = call.params["frozen_time"]
    if found["status"] != "ready":
        message = f"Test clock advancement underway - cannot perform modifications: {found['id']}"
        raise StripeError(429, message, code="rate_limit")
    if target <= found["frozen_time"]:
        message = "Test clocks can only be advanced to a time after their current frozen time."
        raise invalid(message, "frozen_time")
    if target > _furthest(call, found):
        message = (
            "Cannot advance a test clock by more than two intervals of the shortest subscription "
            "of its customers (two years without subscriptions) at a time."
        )
        raise invalid(message, "frozen_time")
    found |= {
        "status": "advancing",
        "status_details": {"advancing": {"target_frozen_time": target}},
    }
    call.tx.save(TEST_CLOCK, found)
    emit(call.context, "test_helpers.test_clock.advancing", found)
    call.context.world.wake.set()
    return found


def _furthest(call: Call, found: JsonObject) -> int:
    start = found["frozen_time"]
    intervals = [
        (item["price"]["recurring"]["interval"], item["price"]["recurring"]["interval_count"])
        for customer in call.tx.where("customer", "test_clock", found["id"])
        for subscription in call.tx.where("subscription", "customer", customer["id"])
        if subscription["status"] not in lifecycle.ENDED
        for item in subscription["items"]["data"]
    ]
    if not intervals:
        return period_end(start, *WITHOUT_SUBSCRIPTIONS)
    return min(period_end(start, name, count * MOST_INTERVALS) for name, count in intervals)


def arrive(context: Context, found: JsonObject, target: int) -> None:
    """Set an advancing clock to its target, ready for calls again."""
    found |= {"frozen_time": target, "status": "ready", "status_details": {}}
    context.tx.save(TEST_CLOCK, found)
    emit(context.at(target), "test_helpers.test_clock.ready", found)


def delete(call: Call) -> JsonObject:
    """DELETE /v1/test_helpers/test_clocks/:id."""
    return remove(call.context, _find(call))


def remove(context: Context, found: JsonObject) -> JsonObject:
    """Delete a clock with its customers and their subscriptions."""
    timed = context.at(found["frozen_time"])
    for customer in list(context.tx.where("customer", "test_clock", found["id"])):
        for subscription in context.tx.where("subscription", "customer", customer["id"]):
            if subscription["status"] not in lifecycle.ENDED:
                mine = context.tx.need("subscription", subscription["id"], "id")
                lifecycle.end(timed, mine, None)
        stub = {"id": customer["id"], "object": "customer", "deleted": True}
        emit(timed, "customer.deleted", customer)
        context.tx.save("customer", stub)
    context.tx.discard(TEST_CLOCK, found["id"])
    emit(context, "test_helpers.test_clock.deleted", found)
    return {"id": found["id"], "object": TEST_CLOCK, "deleted": True}


def list_all(call: Call) -> JsonObject:
    """GET /v1/test_helpers/test_clocks."""
    return paging.page(call, TEST_CLOCK, URL, label="testclock")


ROUTES = (
    Route("POST", URL, create, CREATE_FIELDS),
    Route("GET", URL, list_all, params.PAGING),
    Route("GET", f"{URL}/{{id}}", retrieve, {}),
    Route("DELETE", f"{URL}/{{id}}", delete, {}),
    Route("POST", f"{URL}/{{id}}/advance", advance, {"frozen_time": params.integer(required=True)}),
)
