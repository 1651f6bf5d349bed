"""One read for all who ask at the same time, never an older truth than each asked for."""

import asyncio

import pytest

from services.chassis import sharing
from services.chassis.sharing import SharedRead

A_WHILE = 3600.0
"""Seconds that no test waits for."""


class Source:
    """Something that changes, and says how often it was read; a read waits until it may go on."""

    def __init__(self) -> None:
        self.value = 0
        self.reads = 0
        self.go_on = asyncio.Semaphore(0)
        self.fails = 0

    async def read(self) -> int:
        self.reads += 1
        seen = self.value
        await self.go_on.acquire()
        if self.fails:
            self.fails -= 1
            raise OSError("away")
        return seen


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_all_who_ask_during_a_read_share_the_next_one() -> None:
    source = Source()
    shared = SharedRead(source.read)
    async with asyncio.TaskGroup() as group:
        first = group.create_task(shared())
        await settle()
        source.value = 1
        others = [group.create_task(shared()) for _ in range(10)]
        await settle()
        source.go_on.release()
        source.go_on.release()
    assert first.result() == 0
    assert {other.result() for other in others} == {1}
    assert source.reads == 2


async def test_nothing_is_kept_for_who_asks_later() -> None:
    source = Source()
    shared = SharedRead(source.read)
    for value in (1, 2):
        source.value = value
        source.go_on.release()
        assert await shared() == value


async def test_who_goes_away_leaves_the_read_to_the_others() -> None:
    source = Source()
    shared = SharedRead(source.read)
    gone = asyncio.create_task(shared())
    other = asyncio.create_task(shared())
    await settle()
    gone.cancel()
    await settle()
    source.go_on.release()
    assert await other == 0
    with pytest.raises(asyncio.CancelledError):
        await gone


async def test_a_read_that_fails_fails_for_one_and_the_others_read_again() -> None:
    source = Source()
    source.fails = 1
    shared = SharedRead(source.read)
    asked = [asyncio.create_task(shared()) for _ in range(3)]
    await settle()
    source.go_on.release()
    source.go_on.release()
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert sorted(str(one) for one in found) == ["0", "0", "away"]


async def test_who_asks_alone_waits_for_nothing() -> None:
    source = Source()
    shared = SharedRead(source.read, pause=A_WHILE)
    for _ in range(3):
        source.go_on.release()
        await shared()
    assert source.reads == 3


async def worked(done: list[str], name: str, shared: SharedRead[int]) -> int:
    def work(found: int) -> int:
        done.append(f"{name} worked")
        if name == "bad":
            raise ValueError("no such thing")
        return found + 1

    found = await shared.each(work)
    done.append(f"{name} went on")
    return found


async def all_worked(source: Source, *names: str) -> tuple[list[str], list[str]]:
    """Have these share a read, behind one who reads alone; return what was done, and what for."""
    done: list[str] = []
    shared = SharedRead(source.read)
    alone = asyncio.create_task(shared())
    await settle()
    asked = [asyncio.create_task(worked(done, name, shared)) for name in names]
    await settle()
    source.go_on.release()
    source.go_on.release()
    found = await asyncio.gather(alone, *asked, return_exceptions=True)
    return done, [str(one) for one in found[1:]]


async def test_works_of_all_who_wait_are_done_in_one_go() -> None:
    source = Source()
    done, found = await all_worked(source, "one", "two", "six")
    assert found == ["1", "1", "1"]
    assert source.reads == 2
    assert sorted(done[:3]) == ["one worked", "six worked", "two worked"]


async def test_a_work_that_fails_fails_for_its_caller_only() -> None:
    _, found = await all_worked(Source(), "one", "bad", "two")
    assert found == ["1", "no such thing", "1"]


async def test_no_work_is_done_for_who_went_away() -> None:
    source, done = Source(), list[str]()
    shared = SharedRead(source.read)
    alone = asyncio.create_task(shared())
    await settle()
    first, gone = [asyncio.create_task(worked(done, name, shared)) for name in ("one", "gone")]
    await settle()
    gone.cancel()
    source.go_on.release()
    source.go_on.release()
    assert (await alone, await first) == (0, 1)
    assert "gone worked" not in done


async def test_works_that_take_long_are_done_by_their_callers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sharing, "_ONE_GO", 0.0)
    done, found = await all_worked(Source(), "one", "two", "six")
    assert found == ["1", "1", "1"]
    assert done.index("two went on") < done.index("six worked")
