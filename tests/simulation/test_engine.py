"""The machine under the simulation does what is said of it."""

import asyncio
import gc
from random import Random

import pytest

from tests.simulation.engine.loop import NothingLeftError, RunawayError, SimLoop
from tests.simulation.engine.process import SimProcess
from tests.simulation.engine.randomness import SimClock, SimIds, Streams


def _loop(seed: int = 1, longest: int = 1_000_000) -> SimLoop:
    return SimLoop(Random(seed), longest)


async def _idle(_process: SimProcess) -> None:
    await asyncio.sleep(1e9)


def test_months_pass_in_no_time_and_timers_come_in_their_order() -> None:
    loop, heard = _loop(), list[float]()

    async def after(seconds: float) -> None:
        await asyncio.sleep(seconds)
        heard.append(loop.time())

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            for seconds in (86_400.0 * 90, 1.5, 86_400.0, 0.0):
                group.create_task(after(seconds))

    loop.run_world(main())
    loop.bury()
    assert heard == [0.0, 1.5, 86_400.0, 86_400.0 * 90]


def test_a_time_out_ends_what_takes_too_long_in_virtual_time() -> None:
    loop = _loop()

    async def main() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3600.0):
                await asyncio.sleep(7200.0)
        return loop.time()

    assert loop.run_world(main()) == 3600.0
    loop.bury()


def test_a_clock_counts_virtual_time_and_may_be_off() -> None:
    loop = _loop()

    async def main() -> None:
        exact, fast = SimClock(loop), SimClock(loop, skew=2.0)
        began = exact.now()
        await exact.sleep(60.0)
        assert (exact.now() - began).total_seconds() == 60.0
        assert (fast.now() - exact.now()).total_seconds() == 2.0
        assert fast.monotonic() == exact.monotonic() == 60.0

    loop.run_world(main())
    loop.bury()


def test_within_a_process_callbacks_run_in_their_order_and_between_processes_in_a_drawn_one() -> (
    None
):
    def order(seed: int) -> list[tuple[str, int]]:
        loop, ran = _loop(seed), list[tuple[str, int]]()

        async def main(process: SimProcess) -> None:
            for number in range(20):
                asyncio.get_running_loop().call_soon(ran.append, (process.name, number))
            await _idle(process)

        async def world() -> None:
            for name in "abc":
                SimProcess(loop, name, main).start()
            await asyncio.sleep(1.0)

        loop.run_world(world())
        loop.bury()
        return ran

    first = order(1)
    for name in "abc":
        assert [number for who, number in first if who == name] == list(range(20))
    assert order(1) == first
    assert order(2) != first


def test_a_crash_runs_no_finally_and_no_except_of_what_was_under_way() -> None:
    loop, told = _loop(), list[str]()

    async def work() -> None:
        try:
            await asyncio.sleep(100.0)
        except BaseException:
            told.append("except")
            raise
        finally:
            told.append("finally")

    async def main(process: SimProcess) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(5):
                group.create_task(work())

    async def world() -> list[str]:
        process = SimProcess(loop, "one", main)
        process.start()
        await asyncio.sleep(1.0)
        process.crash()
        await asyncio.sleep(1000.0)
        return list(told)

    assert loop.run_world(world()) == []
    loop.bury()


def test_a_doomed_process_dies_between_two_of_its_steps() -> None:
    loop, steps = _loop(), list[int]()

    async def main(_process: SimProcess) -> None:
        for number in range(100):
            steps.append(number)
            await asyncio.sleep(0)

    async def world() -> bool:
        process = SimProcess(loop, "one", main)
        process.start()
        process.doom(10)
        await asyncio.sleep(10.0)
        return process.up

    assert not loop.run_world(world())
    loop.bury()
    assert steps == list(range(10))


def test_who_waits_for_a_dead_process_is_left_waiting_and_the_dead_hear_nothing() -> None:
    loop = _loop()

    async def world() -> None:
        shared: asyncio.Future[None] = loop.create_future()
        heard: list[str] = []

        async def main(_process: SimProcess) -> None:
            await shared
            heard.append("dead")

        process = SimProcess(loop, "one", main)
        process.start()
        await asyncio.sleep(1.0)
        process.crash()
        shared.set_result(None)
        await asyncio.sleep(1.0)
        assert heard == []

    loop.run_world(world())
    loop.bury()


def test_a_process_that_hangs_goes_on_with_everything_that_became_due() -> None:
    loop, heard = _loop(), list[tuple[int, float]]()

    async def main(_process: SimProcess) -> None:
        for number in range(3):
            await asyncio.sleep(1.0)
            heard.append((number, loop.time()))

    async def world() -> None:
        process = SimProcess(loop, "one", main)
        process.start()
        await asyncio.sleep(1.5)
        process.pause()
        await asyncio.sleep(10.0)
        process.resume()
        await asyncio.sleep(10.0)

    loop.run_world(world())
    loop.bury()
    assert heard == [(0, 1.0), (1, 11.5), (2, 12.5)]


def test_a_restarted_process_begins_a_new_life_with_nothing_of_the_last() -> None:
    loop, lives = _loop(), list[int]()

    async def main(process: SimProcess) -> None:
        lives.append(process.incarnation)
        await _idle(process)

    async def world() -> None:
        process = SimProcess(loop, "one", main)
        for _ in range(3):
            process.start()
            await asyncio.sleep(1.0)
            process.crash()

    loop.run_world(world())
    loop.bury()
    assert lives == [1, 2, 3]


def test_a_world_in_which_nothing_can_happen_any_more_says_so() -> None:
    loop = _loop()

    async def world() -> None:
        await loop.create_future()

    with pytest.raises(NothingLeftError):
        loop.run_world(world())
    loop.bury()


def test_a_world_that_goes_round_in_circles_is_stopped() -> None:
    loop = _loop(longest=1000)

    async def world() -> None:
        async with asyncio.timeout(1.0):
            while loop.time() < 1.0:  # noqa: ASYNC110 - going round in circles is the point
                await asyncio.sleep(0)

    with pytest.raises(RunawayError):
        loop.run_world(world())
    loop.bury()


def test_streams_of_chance_are_independent_of_each_other() -> None:
    alone = [Streams(7).of("one").random() for _ in range(1)]
    streams = Streams(7)
    streams.of("other").random()
    assert streams.of("one").random() == alone[0]
    assert Streams(8).of("one").random() != alone[0]


def test_ids_of_two_lives_never_meet() -> None:
    first, second = SimIds("a#1"), SimIds("a#2")
    made = {one.new("op") for one in (first, second) for _ in range(100)}
    assert len(made) == 200


def test_a_sleep_costs_its_sleeper_one_step_and_nobody_else_any() -> None:
    loop = _loop()

    async def main() -> int:
        clock, before = SimClock(loop), loop.steps
        for _ in range(10):
            await clock.sleep(60.0)
        return loop.steps - before

    assert loop.run_world(main()) == 10
    assert loop.time() == 600.0
    loop.bury()


def test_who_is_cancelled_while_it_sleeps_leaves_nothing_for_time_to_stop_at() -> None:
    loop = _loop()

    async def sleep() -> None:
        await SimClock(loop).sleep(60.0)

    async def main() -> None:
        sleeper = loop.create_task(sleep())
        await asyncio.sleep(1.0)
        sleeper.cancel()
        await asyncio.wait([sleeper])
        await loop.create_future()

    with pytest.raises(NothingLeftError):
        loop.run_world(main())
    assert loop.time() == 1.0
    loop.bury()


def test_what_wakes_a_paused_process_gathers_until_it_is_resumed() -> None:
    loop, woke = _loop(), list[float]()

    async def main(_process: SimProcess) -> None:
        await SimClock(loop).sleep(10.0)
        woke.append(loop.time())
        await _idle(_process)

    async def world() -> None:
        process = SimProcess(loop, "one", main)
        process.start()
        await asyncio.sleep(1.0)
        process.pause()
        await asyncio.sleep(100.0)
        assert woke == []
        process.resume()
        await asyncio.sleep(1.0)

    loop.run_world(world())
    loop.bury()
    assert woke == [101.0]


def test_the_collector_of_cycles_is_off_within_a_world_and_as_it_was_afterwards() -> None:
    loop, enabled = _loop(), gc.isenabled()

    async def main() -> bool:
        return gc.isenabled()

    assert not loop.run_world(main())
    assert gc.isenabled() == enabled
    loop.bury()
