"""Steps that are taken on the spot are the steps that a loop would have taken one by one."""

import asyncio
from random import Random

import pytest

from tests.simulation.engine.database import SimDatabase
from tests.simulation.engine.loop import RunawayError, SimLoop
from tests.simulation.engine.process import SimProcess
from tests.simulation.engine.randomness import SimClock


class Plain(SimLoop):
    """A loop that goes round for every step."""

    def goes_on(self) -> bool:
        """Never."""
        return False

    def passes(self, when: float) -> bool:
        """Never."""
        return False


Seen = tuple[list[tuple[str, float, int]], int, int, float]


def _played(loop: SimLoop, seed: int, *, troubled: bool) -> Seen:
    """Play three processes that read, rest and are killed; return what was to be seen of it."""
    chance, clock = Random(seed), SimClock(loop)
    db = SimDatabase(loop, clock, Random(seed))
    if troubled:
        db.trouble.slow = 0.3
    seen: list[tuple[str, float, int]] = []

    async def main(process: SimProcess) -> None:
        while True:
            for _ in range(chance.randrange(1, 6)):
                await db.step()
                seen.append((process.name, loop.seconds, loop.steps))
            await clock.sleep(chance.choice([0.0, 0.001, 1.0, 1.0, 60.0]))

    async def world() -> None:
        processes = [SimProcess(loop, name, main) for name in "abc"]
        for _ in range(20):
            for process in processes:
                process.start()
            chance.choice(processes[1:]).doom(chance.randrange(1, 30))
            await loop.after_steps(chance.randrange(1, 60))
            await clock.sleep(chance.choice([0.5, 30.0]))

    loop.run_world(world())
    loop.bury()
    return seen, loop.fingerprint, loop.steps, loop.seconds


@pytest.mark.parametrize("troubled", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_what_is_seen_and_drawn_and_killed_is_the_same(seed: int, troubled: bool) -> None:
    at_once = _played(SimLoop(Random(seed)), seed, troubled=troubled)
    assert at_once == _played(Plain(Random(seed)), seed, troubled=troubled)
    assert len(at_once[0]) > 100


def test_who_is_alone_takes_its_steps_without_the_loop() -> None:
    loop, rounds = SimLoop(Random(1)), list[int]()
    plain, call_soon = SimClock(loop), loop.call_soon

    async def main() -> None:
        loop.call_soon = lambda *args, **kwargs: rounds.append(1) or call_soon(*args, **kwargs)  # type: ignore[func-returns-value, method-assign]  # it counts
        for _ in range(10):
            await plain.sleep(0.0)
            await plain.sleep(5.0)

    loop.run_world(main())
    loop.bury()
    assert (loop.steps, loop.seconds) == (21, 50.0)
    assert not rounds


def test_who_goes_round_in_circles_alone_is_stopped_too() -> None:
    loop = SimLoop(Random(1), 1_000)

    async def main() -> None:
        clock = SimClock(loop)
        while True:
            await clock.sleep(1.0)

    with pytest.raises(RunawayError):
        loop.run_world(main())
    loop.bury()


def test_a_failure_that_nobody_listened_to_is_told() -> None:
    loop = SimLoop(Random(1))

    async def fail() -> None:
        raise ValueError("nobody listens")

    async def main() -> list[str]:
        loop.spawn(loop.root, fail())
        await asyncio.sleep(1.0)
        return [repr(one.get("exception")) for one in loop.problems]

    assert loop.run_world(main()) == ["ValueError('nobody listens')"]
    loop.bury()


def test_a_task_that_fails_ends_its_group_in_a_step_of_its_own() -> None:
    loop, told = SimLoop(Random(1)), list[str]()

    async def fail() -> None:
        raise ValueError

    async def rest() -> None:
        try:
            await asyncio.sleep(10.0)
        except asyncio.CancelledError:
            told.append("cancelled")
            raise

    async def together() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(rest())
            group.create_task(fail())

    async def main() -> None:
        with pytest.raises(ExceptionGroup):
            await together()
        async with asyncio.TaskGroup() as group:
            done = [group.create_task(asyncio.sleep(1.0, "well")) for _ in range(3)]
        told.extend(task.result() for task in done)

    loop.run_world(main())
    loop.bury()
    assert told == ["cancelled", "well", "well", "well"]
