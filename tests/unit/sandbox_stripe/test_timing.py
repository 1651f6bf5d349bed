"""Whose time a call has, and that what falls due is done in the order of its times."""

import pytest

from deploy.sandbox.stripe import clock, scheduler, timing
from deploy.sandbox.stripe.clock import TEST_CLOCK
from deploy.sandbox.stripe.context import MOVED, Account, Context, World
from deploy.sandbox.stripe.errors import StripeError
from deploy.sandbox.stripe.shapes import JsonObject
from deploy.sandbox.stripe.sources import Source
from deploy.sandbox.stripe.state import Store

NOW, FROZEN = 1_800_000_000, 1_900_000_000


class HandClock:
    """A clock that stands."""

    def time(self) -> float:
        return float(NOW)


def _world() -> World:
    world = World(Store(), Account("acct_1", "sk_test_1", url="http://localhost"), HandClock())
    context = world.begin()
    frozen = {"id": "clock_1", "frozen_time": FROZEN, "status": "ready"}
    context.tx.save(TEST_CLOCK, frozen)
    context.tx.save("customer", {"id": "cus_1", "test_clock": "clock_1", "email": None})
    context.tx.save("customer", {"id": "cus_2", "test_clock": None, "email": None})
    item = {"id": "si_1"}
    context.tx.save("subscription", {"id": "sub_1", "customer": "cus_1", "items": {"data": [item]}})
    context.tx.commit()
    return world


@pytest.mark.parametrize(
    ("values", "ids", "now"),
    [
        ({"customer": "cus_1"}, {}, FROZEN),
        ({"customer": "cus_2"}, {}, NOW),
        ({"subscription": "sub_1"}, {}, FROZEN),
        ({}, {"id": "cus_1"}, FROZEN),
        ({}, {"id": "sub_1"}, FROZEN),
        ({}, {"id": "si_1"}, FROZEN),
        ({"test_clock": "clock_1"}, {}, FROZEN),
        ({}, {"id": "in_unknown"}, NOW),
        ({}, {}, NOW),
    ],
)
def test_a_call_has_the_time_of_whom_it_is_about(
    values: JsonObject, ids: dict[str, str], now: int
) -> None:
    context = _world().begin()
    assert timing.of_call(context, values, ids, changes=True).now == now


def test_a_customer_s_time_is_their_clock_s() -> None:
    context = _world().begin()
    times = [clock.now_for(context, customer) for customer in ("cus_1", "cus_2", None)]
    assert times == [FROZEN, NOW, NOW]


def test_a_clock_that_moves_refuses_changes_and_lets_itself_be_read() -> None:
    context = _world().begin()
    found = context.tx.need(TEST_CLOCK, "clock_1", "id")
    context.tx.save(TEST_CLOCK, {**found, "status": "advancing"})
    with pytest.raises(StripeError, match="advancement underway") as refused:
        timing.of_call(context, {"customer": "cus_1"}, {}, changes=True)
    assert refused.value.status == 429
    assert timing.of_call(context, {"customer": "cus_1"}, {}, changes=False).now == FROZEN


def test_the_sandbox_s_time_moves_and_the_machine_s_stays() -> None:
    world = _world()
    context = world.begin()
    context.tx.save(MOVED, {"id": MOVED, "seconds": 100})
    context.tx.commit()
    assert world.begin().now == NOW + 100
    assert world.begin().tx.moment == NOW


def _alarms(monkeypatch: pytest.MonkeyPatch, *, settles: bool = True) -> list[tuple[str, int]]:
    """A source of alarms in place of all others; what rang and when."""
    rang: list[tuple[str, int]] = []

    def ring(context: Context, alarm: JsonObject) -> None:
        rang.append((alarm["id"], context.now))
        if settles:
            context.tx.discard("alarm", alarm["id"])

    source = Source("alarm", lambda _, alarm: int(alarm["due"]), ring)
    monkeypatch.setattr(scheduler, "SOURCES", (source,))
    return rang


def _set(world: World, name: str, due: int, customer: str | None = None) -> None:
    context = world.begin()
    context.tx.save("alarm", {"id": name, "due": due, "customer": customer})
    context.tx.commit()


async def test_what_is_due_is_done_in_order_each_at_its_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rang, world = _alarms(monkeypatch), _world()
    _set(world, "late", NOW)
    _set(world, "early", NOW - 50)
    _set(world, "future", NOW + 1)
    _set(world, "clocked", NOW - 9, "cus_1")
    await scheduler.catch_up(world)
    assert rang == [("early", NOW - 50), ("late", NOW)]


async def test_what_never_settles_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    _alarms(monkeypatch, settles=False)
    world = _world()
    _set(world, "again", NOW - 1)
    with pytest.raises(scheduler.StuckError, match="again and again"):
        await scheduler.catch_up(world)
