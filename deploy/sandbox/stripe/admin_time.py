"""The sandbox's own calls for time and billing: `/sandbox/clock` and `/sandbox/billing`."""

import orjson
from aiohttp import web

from deploy.sandbox.stripe import dunning, scheduler
from deploy.sandbox.stripe.context import MOVED, World
from deploy.sandbox.stripe.shapes import JsonObject

FURTHEST_SECONDS = 10 * 366 * 86400
MOST_RETRIES = 8


class TimeAdmin:
    """Handlers for people and tests; they need no key."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[web.RouteDef]:
        """Where they live."""
        return [
            web.get("/sandbox/clock", self.show_clock),
            web.post("/sandbox/clock", self.move_clock),
            web.get("/sandbox/billing", self.show_billing),
            web.post("/sandbox/billing", self.set_billing),
        ]

    async def show_clock(self, request: web.Request) -> web.Response:
        """The sandbox's time in seconds, and how far it is from the machine's."""
        return _json(self._clock())

    def _clock(self) -> JsonObject:
        now = self._world.time()
        return {"now": int(now), "moved_seconds": round(now - self._world.clock.time())}

    async def move_clock(self, request: web.Request) -> web.Response:
        """`advance`: seconds forward. Answers when all that fell due is done.

        Deliveries and their signatures keep the machine's time; test clocks keep theirs.
        """
        given = await _body(request)
        seconds = given.get("advance") if given is not None and len(given) == 1 else None
        if not isinstance(seconds, int) or not 0 < seconds <= FURTHEST_SECONDS:
            return _json({"error": "advance: a whole number of seconds, at most ten years"}, 400)
        context = self._world.begin()
        moved = context.tx.get(MOVED, MOVED) or {"id": MOVED, "seconds": 0}
        context.tx.save(MOVED, {**moved, "seconds": moved["seconds"] + seconds})
        context.tx.commit()
        await scheduler.catch_up(self._world)
        return _json(self._clock())

    async def show_billing(self, request: web.Request) -> web.Response:
        """What follows on failed renewals."""
        return _json(self._billing())

    def _billing(self) -> JsonObject:
        found = dunning.settings(self._world.begin())
        return {"retry_days": list(found.retry_days), "after_retries": found.after_retries}

    async def set_billing(self, request: web.Request) -> web.Response:
        """`retry_days`: days between attempts. `after_retries`: cancel, unpaid or past_due."""
        given = await _body(request)
        if given is None or not given.keys() <= {"retry_days", "after_retries"}:
            return _json({"error": "only retry_days and after_retries can be set"}, 400)
        wanted = {**self._billing(), **given}
        if wanted["after_retries"] not in dunning.AFTERWARDS:
            return _json({"error": f"after_retries: one of {', '.join(dunning.AFTERWARDS)}"}, 400)
        if not _days(wanted["retry_days"]):
            return _json({"error": f"retry_days: at most {MOST_RETRIES} numbers above 0"}, 400)
        context = self._world.begin()
        settings = dunning.Settings(tuple(wanted["retry_days"]), wanted["after_retries"])
        dunning.keep(context, settings)
        context.tx.commit()
        return _json(self._billing())


def _days(value: object) -> bool:
    if not isinstance(value, list) or len(value) > MOST_RETRIES:
        return False
    return all(isinstance(day, int | float) and 0 < day <= 365 for day in value)


async def _body(request: web.Request) -> JsonObject | None:
    """The JSON object of a request, None if it is not one."""
    try:
        found = orjson.loads(await request.read() or b"{}")
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def _json(value: JsonObject, status: int = 200) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(value), content_type="application/json")
