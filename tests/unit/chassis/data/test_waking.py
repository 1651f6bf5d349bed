"""Wake-ups are not lost between a look and a wait, and backoff grows within its bounds."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis import outbox
from services.chassis.backoff import Backoff
from services.chassis.facts import FactRecord
from services.chassis.wakeups import Wakeups, after_commit, gathering


async def test_a_wakeup_between_the_look_and_the_wait_is_not_lost() -> None:
    wakeups = Wakeups()
    seen = wakeups.seen("outbox:pricing")
    wakeups.wake("outbox:pricing")
    async with asyncio.timeout(1):
        await wakeups.wait("outbox:pricing", seen, timeout=60)


async def test_everybody_who_waits_is_woken() -> None:
    wakeups = Wakeups()
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(wakeups.wait("queue:a", wakeups.seen("queue:a"), timeout=60))
        await asyncio.sleep(0)
        wakeups.wake("queue:a")


async def test_a_wait_ends_by_itself_and_other_topics_do_not_end_it() -> None:
    wakeups = Wakeups()
    waiting = asyncio.ensure_future(wakeups.wait("queue:a", 0, timeout=0.02))
    wakeups.wake("queue:b")
    await asyncio.sleep(0)
    assert not waiting.done()
    async with asyncio.timeout(5):
        await waiting


def test_topics_are_gathered_by_transaction() -> None:
    after_commit("dropped: no transaction")
    with gathering(Wakeups()) as outer:
        after_commit("a")
        with gathering(Wakeups()) as inner:
            after_commit("b")
        after_commit("a")
    assert (outer.topics, inner.topics) == ({"a"}, {"b"})


async def test_a_nudge_ends_one_wait_and_is_no_wakeup() -> None:
    wakeups = Wakeups()
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        waits = [group.create_task(wakeups.wait("a", 0, timeout=60)) for _ in range(2)]
        await asyncio.sleep(0)
        wakeups.nudge("a")
        done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        assert [wait.result() for wait in done] == [False]
        assert wakeups.seen("a") == 0
        wakeups.wake("a")


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_delays_stay_between_half_the_base_and_the_cap(failures: int, chance: float) -> None:
    backoff = Backoff(base=0.1, cap=60.0, jitter=lambda: chance)
    assert 0.05 <= backoff.delay(failures) <= 60.0


def test_delays_double() -> None:
    backoff = Backoff(base=1.0, cap=10.0, jitter=lambda: 1.0)
    assert [backoff.delay(failures) for failures in range(1, 7)] == pytest.approx(
        [1, 2, 4, 8, 10, 10]
    )


@pytest.mark.parametrize(("at_once", "woken"), [(True, {"outbox:here"}), (False, set())])
def test_what_need_not_be_told_at_once_wakes_no_relay(at_once: bool, woken: set[str]) -> None:
    fact = FactRecord("f1", "key", 1, "type", b"", ("here",))
    with gathering(Wakeups()) as gathered:
        parameters = outbox.written(fact, at_once=at_once)
    assert (gathered.topics or set()) == woken
    assert parameters[0] == ["here"]
