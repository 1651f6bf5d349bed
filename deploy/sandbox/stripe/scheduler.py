"""What time does: everything that falls due is done in the order of its times, each at its time.

There are as many times as there are test clocks, and the sandbox's own for all other customers.
One step is one transaction, so that calls see whole steps only.
"""

import asyncio
from collections.abc import Iterator

from deploy.sandbox.stripe.clock import TEST_CLOCK
from deploy.sandbox.stripe.context import Context, World
from deploy.sandbox.stripe.resources import test_clocks
from deploy.sandbox.stripe.shapes import JsonObject
from deploy.sandbox.stripe.sources import SOURCES, Source

TICK_SECONDS = 1.0
MOST_AT_ONCE = 20  # steps of one object at one time; more would never end


class StuckError(RuntimeError):
    """Something falls due again and again at the same time."""


class Scheduler:
    """Does what is due, of the sandbox's own time and of each test clock that moves."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def run(self) -> None:
        """Work until cancelled: every second, and at once when `world.wake` is set."""
        while True:
            self._world.wake.clear()
            for name in _advancing(self._world):
                await advance(self._world, name)
            await catch_up(self._world)
            try:
                await asyncio.wait_for(self._world.wake.wait(), TICK_SECONDS)
            except TimeoutError:
                continue


async def catch_up(world: World) -> None:
    """Do all that is due by the sandbox's own time."""
    steps = _Steps()
    while (done := _step(world, None, int(world.time()))) is not None:
        steps.count(done)
        await asyncio.sleep(0)


async def advance(world: World, clock_id: str) -> None:
    """Bring an advancing test clock to its target, doing what falls due on the way."""
    steps = _Steps()
    while (found := world.begin().tx.get(TEST_CLOCK, clock_id)) is not None:
        target = found["status_details"]["advancing"]["target_frozen_time"]
        done = _step(world, clock_id, target)
        if done is None:
            context = world.begin()
            test_clocks.arrive(context, found, target)
            context.tx.commit()
            return
        steps.count(done)
        await asyncio.sleep(0)


class _Steps:
    """Counts what was done at which time, so that a rule that never settles is found."""

    def __init__(self) -> None:
        self._counts: dict[tuple[int, str, str], int] = {}

    def count(self, done: tuple[int, str, str]) -> None:
        self._counts[done] = self._counts.get(done, 0) + 1
        if self._counts[done] > MOST_AT_ONCE:
            raise StuckError(f"{done[1]} {done[2]} is due again and again at {done[0]}")


def _advancing(world: World) -> list[str]:
    clocks = world.begin().tx.newest(TEST_CLOCK)
    return [clock["id"] for clock in clocks if clock["status"] == "advancing"]


def _step(world: World, clock_id: str | None, until: int) -> tuple[int, str, str] | None:
    """Do the first thing that is due by `until`; what it was and when, or None."""
    context = world.begin()
    found = _first(context) if clock_id is None else _first_on(context, clock_id)
    if found is None or found[0] > until:
        return None
    due, source, object_id = found
    at = _move(context, clock_id, due)
    subject = context.tx.need(source.kind, object_id, "id")
    try:
        source.run(context.at(at), subject)
    except BaseException:
        context.tx.rollback()
        raise
    finally:
        # Its due time may hang on more than the object itself.
        world.store.shelf(source.kind).touched.add(object_id)
    context.tx.commit()
    return due, source.kind, object_id


def _move(context: Context, clock_id: str | None, due: int) -> int:
    """Set a test clock to the time of a step, which is never before the clock's own."""
    if clock_id is None:
        return due
    clock = context.tx.need(TEST_CLOCK, clock_id, "test_clock")
    clock["frozen_time"] = max(clock["frozen_time"], due)
    context.tx.save(TEST_CLOCK, clock)
    return int(clock["frozen_time"])


def _first(context: Context) -> tuple[int, Source, str] | None:
    """What falls due first of those on no test clock."""

    def look(at: int, subject: JsonObject) -> int | None:
        due = SOURCES[at].due(context, subject)
        return None if due is None or _on_a_clock(context, subject) else due

    kinds = [source.kind for source in SOURCES]
    found = context.world.agenda.first(context.world.store, kinds, look)
    return None if found is None else (found[0], SOURCES[found[1]], found[2])


def _first_on(context: Context, clock_id: str) -> tuple[int, Source, str] | None:
    """What falls due first of those on a test clock, of which there are few."""
    best: tuple[int, Source, str] | None = None
    for source in SOURCES:
        for subject in _subjects(context, source, clock_id):
            due = source.due(context, subject)
            if due is not None and (best is None or due < best[0]):
                best = (due, source, subject["id"])
    return best


def _subjects(context: Context, source: Source, clock_id: str) -> Iterator[JsonObject]:
    if not source.of_customers:
        return
    for customer in context.tx.where("customer", "test_clock", clock_id):
        yield from reversed(context.tx.where(source.kind, "customer", customer["id"]))


def _on_a_clock(context: Context, subject: JsonObject) -> bool:
    # Read without the copy that a transaction makes: this is asked for every change.
    name = subject.get("customer")
    customer = context.world.store.shelf("customer").objects.get(name) if name else None
    return bool(customer and customer.get("test_clock"))
