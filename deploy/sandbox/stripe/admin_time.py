"""The sandbox's own calls for time and billing: `/sandbox/clock` and `/sandbox/billing`."""

from aiohttp import web

from deploy.sandbox.stripe import dunning, scheduler
from deploy.sandbox.stripe.admin_calls import answered, given, require, whole
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
            web.get("/sandbox/clock", answered(self.show_clock)),
            web.post("/sandbox/clock", answered(self.move_clock)),
            web.get("/sandbox/billing", answered(self.show_billing)),
            web.post("/sandbox/billing", answered(self.set_billing)),
        ]

    async def show_clock(self, request: web.Request) -> JsonObject:
        """The sandbox's time in seconds, and how far it is from the machine's."""
        return self._clock()

    def _clock(self) -> JsonObject:
        now = self._world.time()
        return {"now": int(now), "moved_seconds": round(now - self._world.clock.time())}

    async def move_clock(self, request: web.Request) -> JsonObject:
        """`advance`: seconds forward. Answers when all that fell due is done.

        Deliveries and their signatures keep the machine's time; test clocks keep theirs.
        """
        seconds = (await given(request, ["advance"])).get("advance")
        possible = whole(seconds, 1, FURTHEST_SECONDS)
        require(possible, "advance: a whole number of seconds, at most ten years")
        context = self._world.begin()
        moved = context.tx.get(MOVED, MOVED) or {"id": MOVED, "seconds": 0}
        context.tx.save(MOVED, {**moved, "seconds": moved["seconds"] + seconds})
        context.tx.commit()
        await scheduler.catch_up(self._world)
        return self._clock()

    async def show_billing(self, request: web.Request) -> JsonObject:
        """What follows on failed renewals."""
        return self._billing()

    def _billing(self) -> JsonObject:
        found = dunning.settings(self._world.begin())
        return {"retry_days": list(found.retry_days), "after_retries": found.after_retries}

    async def set_billing(self, request: web.Request) -> JsonObject:
        """`retry_days`: days between attempts. `after_retries`: cancel, unpaid or past_due."""
        asked = await given(request, ["retry_days", "after_retries"])
        wanted = self._billing() | asked
        known = wanted["after_retries"] in dunning.AFTERWARDS
        require(known, f"after_retries: one of {', '.join(dunning.AFTERWARDS)}")
        usable = _days(wanted["retry_days"])
        require(usable, f"retry_days: at most {MOST_RETRIES} numbers above 0")
        context = self._world.begin()
        settings = dunning.Settings(tuple(wanted["retry_days"]), wanted["after_retries"])
        dunning.keep(context, settings)
        context.tx.commit()
        return self._billing()


def _days(value: object) -> bool:
    if not isinstance(value, list) or len(value) > MOST_RETRIES:
        return False
    return all(isinstance(day, int | float) and 0 < day <= 365 for day in value)
