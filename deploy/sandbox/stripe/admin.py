"""The sandbox's own calls under `/sandbox/…`: make delivery hard, set limits, make calls fail."""

import dataclasses

from aiohttp import web

from deploy.sandbox.stripe.admin_calls import AdminError, answered, given, require, whole
from deploy.sandbox.stripe.context import DeliverySettings, World
from deploy.sandbox.stripe.events import replan
from deploy.sandbox.stripe.limits import HANG_UP, ONLY_SLOW, Fault, Limits
from deploy.sandbox.stripe.shapes import JsonObject

FAULT_STATUSES = frozenset({HANG_UP, ONLY_SLOW, 429, 500, 502, 503})
FAULT_CODES = frozenset({"rate_limit", "lock_timeout"})
MOST_COPIES = 50


class Admin:
    """Handlers for people and tests; they need no key."""

    def __init__(self, world: World, limits: Limits) -> None:
        self._world = world
        self._limits = limits

    def routes(self) -> list[web.RouteDef]:
        """Where they live."""
        return [
            web.get("/sandbox/health", answered(self.health)),
            web.get("/sandbox/delivery", answered(self.show_delivery)),
            web.post("/sandbox/delivery", answered(self.set_delivery)),
            web.get("/sandbox/deliveries", answered(self.deliveries)),
            web.post("/sandbox/events/{id}/resend", answered(self.resend)),
            web.get("/sandbox/limits", answered(self.show_limits)),
            web.post("/sandbox/limits", answered(self.set_limits)),
            web.get("/sandbox/faults", answered(self.show_faults)),
            web.post("/sandbox/faults", answered(self.add_fault)),
            web.delete("/sandbox/faults", answered(self.clear_faults)),
        ]

    async def health(self, request: web.Request) -> JsonObject:
        """That it runs, and for which account."""
        account = self._world.account
        return {"status": "ok", "account": account.id, "api_version": account.api_version}

    async def show_delivery(self, request: web.Request) -> JsonObject:
        """How events are delivered now."""
        return dataclasses.asdict(self._world.delivery)

    async def set_delivery(self, request: web.Request) -> JsonObject:
        """Change how events that happen from now on are delivered; what is not named stays."""
        asked = await given(request, _names(DeliverySettings))
        wanted = dataclasses.asdict(self._world.delivery) | asked
        require(whole(wanted["copies"], 0, MOST_COPIES), f"copies: 0 to {MOST_COPIES}")
        require(isinstance(wanted["shuffle"], bool), "shuffle: true or false")
        require(_share(wanted["loss"]), "loss: 0 to 1")
        require(whole(wanted["same_second"], 1, 3600), "same_second: 1 to 3600 seconds")
        delay = wanted["delay"]
        pair = isinstance(delay, list | tuple) and len(delay) == 2 and all(map(_seconds, delay))
        require(pair and delay[0] <= delay[1], "delay: two numbers of seconds, least first")
        wanted["delay"] = (float(delay[0]), float(delay[1]))
        self._world.delivery = DeliverySettings(**wanted)
        return dataclasses.asdict(self._world.delivery)

    async def deliveries(self, request: web.Request) -> JsonObject:
        """Every event's deliveries, newest first; `?event=evt_…` for one."""
        wanted = request.query.get("event")
        tx = self._world.begin().tx
        groups = (item for item in tx.newest("delivery") if wanted in (None, item["id"]))
        return {"data": [_summary(group) for group in groups]}

    async def resend(self, request: web.Request) -> JsonObject:
        """Send an event once more to each endpoint that takes it."""
        context = self._world.begin()
        event = context.tx.get("event", request.match_info["id"])
        if event is None:
            raise AdminError("there is no such event", 404)
        group = replan(context, event)
        context.tx.commit()
        return _summary(group)

    async def show_limits(self, request: web.Request) -> JsonObject:
        """The limits now."""
        return {"per_endpoint": self._limits.per_endpoint}

    async def set_limits(self, request: web.Request) -> JsonObject:
        """`per_endpoint`: requests a second, null for no limit."""
        wanted = (await given(request, ["per_endpoint"])).get("per_endpoint", 25)
        require(wanted is None or whole(wanted, 1, 100_000), "per_endpoint: 1 or more, or null")
        self._limits.per_endpoint = wanted
        return {"per_endpoint": wanted}

    async def show_faults(self, request: web.Request) -> JsonObject:
        """The faults that still wait for their calls."""
        return self._faults()

    async def add_fault(self, request: web.Request) -> JsonObject:
        """The next `count` matching calls fail with `status`."""
        asked = await given(request, _names(Fault))
        require(asked.get("status") in FAULT_STATUSES, f"status: one of {sorted(FAULT_STATUSES)}")
        fault = Fault(**{"count": 1, **asked})
        require(whole(fault.count, 1, 100_000), "count: 1 or more")
        require(isinstance(fault.applied, bool), "applied: true or false")
        words = isinstance(fault.method, str) and isinstance(fault.path, str)
        require(words, "method and path: text")
        require(_seconds(fault.slow), "slow: seconds, at most an hour")
        idle = fault.status == ONLY_SLOW and fault.slow == 0
        require(not idle, "slow: more than 0 where status is 200")
        require(fault.code in FAULT_CODES, f"code: one of {sorted(FAULT_CODES)}")
        self._limits.faults.append(fault)
        return self._faults()

    async def clear_faults(self, request: web.Request) -> JsonObject:
        """No more faults."""
        self._limits.faults.clear()
        return self._faults()

    def _faults(self) -> JsonObject:
        return {"data": [dataclasses.asdict(fault) for fault in self._limits.faults]}


def _names(kind: type[DeliverySettings] | type[Fault]) -> list[str]:
    return [field.name for field in dataclasses.fields(kind)]


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


def _seconds(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 3600


def _share(value: object) -> bool:
    return _seconds(value) and isinstance(value, int | float) and value <= 1
