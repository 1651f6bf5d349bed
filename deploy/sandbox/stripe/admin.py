"""The sandbox's own calls under `/sandbox/…`: make delivery hard, set limits, make calls fail."""

import dataclasses
from collections.abc import Callable

import orjson
from aiohttp import web

from deploy.sandbox.stripe.context import DeliverySettings, World
from deploy.sandbox.stripe.events import replan
from deploy.sandbox.stripe.limits import HANG_UP, ONLY_SLOW, Fault, Limits
from deploy.sandbox.stripe.shapes import JsonObject

FAULT_STATUSES = frozenset({HANG_UP, ONLY_SLOW, 429, 500, 502, 503})
FAULT_CODES = frozenset({"rate_limit", "lock_timeout"})
MOST_COPIES = 50


class AdminError(Exception):
    """A value that cannot be used; the text says why."""


class Admin:
    """Handlers for people and tests; they need no key."""

    def __init__(self, world: World, limits: Limits) -> None:
        self._world = world
        self._limits = limits

    def routes(self) -> list[web.RouteDef]:
        """Where they live."""
        return [
            web.get("/sandbox/health", self.health),
            web.get("/sandbox/delivery", self.show_delivery),
            web.post("/sandbox/delivery", self.set_delivery),
            web.get("/sandbox/deliveries", self.deliveries),
            web.post("/sandbox/events/{id}/resend", self.resend),
            web.get("/sandbox/limits", self.show_limits),
            web.post("/sandbox/limits", self.set_limits),
            web.get("/sandbox/faults", self.show_faults),
            web.post("/sandbox/faults", self.add_fault),
            web.delete("/sandbox/faults", self.clear_faults),
        ]

    async def health(self, request: web.Request) -> web.Response:
        """That it runs, and for which account."""
        account = self._world.account
        return _json({"status": "ok", "account": account.id, "api_version": account.api_version})

    async def show_delivery(self, request: web.Request) -> web.Response:
        """How events are delivered now."""
        return _json(dataclasses.asdict(self._world.delivery))

    async def set_delivery(self, request: web.Request) -> web.Response:
        """Change how events that happen from now on are delivered; what is not named stays."""
        return await _changing(request, self._set_delivery)

    def _set_delivery(self, given: JsonObject) -> JsonObject:
        wanted = dataclasses.asdict(self._world.delivery)
        _only(given, set(wanted))
        wanted |= given
        _require(_whole(wanted["copies"], 0, MOST_COPIES), f"copies: 0 to {MOST_COPIES}")
        _require(isinstance(wanted["shuffle"], bool), "shuffle: true or false")
        _require(_share(wanted["loss"]), "loss: 0 to 1")
        _require(_whole(wanted["same_second"], 1, 3600), "same_second: 1 to 3600 seconds")
        delay = wanted["delay"]
        pair = isinstance(delay, list | tuple) and len(delay) == 2 and all(map(_seconds, delay))
        _require(pair and delay[0] <= delay[1], "delay: two numbers of seconds, least first")
        wanted["delay"] = (float(delay[0]), float(delay[1]))
        self._world.delivery = DeliverySettings(**wanted)
        return dataclasses.asdict(self._world.delivery)

    async def deliveries(self, request: web.Request) -> web.Response:
        """Every event's deliveries, newest first; `?event=evt_…` for one."""
        wanted = request.query.get("event")
        tx = self._world.begin().tx
        groups = (item for item in tx.newest("delivery") if wanted in (None, item["id"]))
        return _json({"data": [_summary(group) for group in groups]})

    async def resend(self, request: web.Request) -> web.Response:
        """Send an event once more to each endpoint that takes it."""
        context = self._world.begin()
        event = context.tx.get("event", request.match_info["id"])
        if event is None:
            return _json({"error": "there is no such event"}, 404)
        group = replan(context, event)
        context.tx.commit()
        return _json(_summary(group))

    async def show_limits(self, request: web.Request) -> web.Response:
        """The limits now."""
        return _json({"per_endpoint": self._limits.per_endpoint})

    async def set_limits(self, request: web.Request) -> web.Response:
        """`per_endpoint`: requests a second, null for no limit."""
        return await _changing(request, self._set_limits)

    def _set_limits(self, given: JsonObject) -> JsonObject:
        _only(given, {"per_endpoint"})
        wanted = given.get("per_endpoint", 25)
        _require(wanted is None or _whole(wanted, 1, 100_000), "per_endpoint: 1 or more, or null")
        self._limits.per_endpoint = wanted
        return {"per_endpoint": wanted}

    async def show_faults(self, request: web.Request) -> web.Response:
        """The faults that still wait for their calls."""
        return _json(self._faults())

    async def add_fault(self, request: web.Request) -> web.Response:
        """The next `count` matching calls fail with `status`."""
        return await _changing(request, self._add_fault)

    def _add_fault(self, given: JsonObject) -> JsonObject:
        _only(given, {field.name for field in dataclasses.fields(Fault)})
        _require(given.get("status") in FAULT_STATUSES, f"status: one of {sorted(FAULT_STATUSES)}")
        fault = Fault(**{"count": 1, **given})
        _require(_whole(fault.count, 1, 100_000), "count: 1 or more")
        _require(isinstance(fault.applied, bool), "applied: true or false")
        words = isinstance(fault.method, str) and isinstance(fault.path, str)
        _require(words, "method and path: text")
        _require(_seconds(fault.slow), "slow: seconds, at most an hour")
        idle = fault.status == ONLY_SLOW and fault.slow == 0
        _require(not idle, "slow: more than 0 where status is 200")
        _require(fault.code in FAULT_CODES, f"code: one of {sorted(FAULT_CODES)}")
        self._limits.faults.append(fault)
        return self._faults()

    async def clear_faults(self, request: web.Request) -> web.Response:
        """No more faults."""
        self._limits.faults.clear()
        return _json(self._faults())

    def _faults(self) -> JsonObject:
        return {"data": [dataclasses.asdict(fault) for fault in self._limits.faults]}


def _summary(group: JsonObject) -> JsonObject:
    plans = group["plans"]
    statuses = [plan["last_status"] for plan in plans if plan["last_status"] is not None]
    return {
        "event": group["id"],
        "type": group["type"],
        "attempts": sum(plan["attempts"] for plan in plans),
        "last_status": statuses[-1] if statuses else None,
        "pending": sum(plan["status"] == "pending" for plan in plans),
        "deliveries": plans,
    }


async def _changing(
    request: web.Request, change: Callable[[JsonObject], JsonObject]
) -> web.Response:
    try:
        given = orjson.loads(await request.read() or b"{}")
        _require(isinstance(given, dict), "a JSON object is wanted")
        return _json(change(given))
    except orjson.JSONDecodeError:
        return _json({"error": "the body is not JSON"}, 400)
    except AdminError as wrong:
        return _json({"error": str(wrong)}, 400)


def _require(holds: bool, words: str) -> None:
    if not holds:
        raise AdminError(words)


def _only(given: JsonObject, names: set[str]) -> None:
    unknown = sorted(given.keys() - names)
    _require(not unknown, f"unknown: {', '.join(unknown)}")


def _whole(value: object, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _seconds(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 3600


def _share(value: object) -> bool:
    return _seconds(value) and isinstance(value, int | float) and value <= 1


def _json(value: JsonObject, status: int = 200) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(value), content_type="application/json")
