"""Many callers, few reads; and each caller has what was true after it asked."""

import asyncio
from collections.abc import Collection

import pytest

from services.chassis.sharing import GatheredRead

A_WHILE = 3600.0
"""Seconds that no test waits for."""


class Shelf:
    """Something that is read by key, and the reads of it; a read waits until it may go on."""

    def __init__(self) -> None:
        self.holds = {"a": 1, "b": 2}
        self.reads: list[list[str]] = []
        self.may_go_on = asyncio.Semaphore(0)
        self.broken = False

    async def read(self, keys: Collection[str]) -> dict[str, int]:
        self.reads.append(list(keys))
        seen = {key: self.holds[key] for key in keys}
        await asyncio.sleep(0)
        await self.may_go_on.acquire()
        if self.broken:
            self.broken = False
            raise ConnectionError
        return seen


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def read(shelf: Shelf) -> GatheredRead[str, dict[str, int]]:
    return GatheredRead(shelf.read, pause=0.0, most=3)


async def settled() -> None:
    """Let everybody come as far as they can."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_what_is_asked_for_while_a_read_is_under_way_is_read_together_after_it(
    shelf: Shelf, read: GatheredRead[str, dict[str, int]]
) -> None:
    async with asyncio.TaskGroup() as callers:
        first = callers.create_task(read(["a"]))
        await settled()
        shelf.holds["a"] = 7
        later = [callers.create_task(read([key])) for key in ("a", "b", "a")]
        await settled()
        assert shelf.reads == [["a"]]
        for _ in range(2):
            shelf.may_go_on.release()
    assert shelf.reads == [["a"], ["a", "b"]]
    assert first.result() == {"a": 1}
    assert [task.result() for task in later] == [{"a": 7, "b": 2}] * 3


async def test_a_read_that_fails_fails_for_one_caller_and_the_others_read_again(
    shelf: Shelf, read: GatheredRead[str, dict[str, int]]
) -> None:
    holder = asyncio.create_task(read(["a"]))
    await settled()
    waiting = [asyncio.create_task(read([key])) for key in ("a", "b")]
    await settled()
    shelf.may_go_on.release()
    await holder
    shelf.broken = True
    for _ in range(2):
        shelf.may_go_on.release()
    unlucky, lucky = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(unlucky, ConnectionError)
    assert lucky == {"a": 1, "b": 2}


async def test_who_goes_away_while_reading_leaves_the_others_their_answer(
    shelf: Shelf, read: GatheredRead[str, dict[str, int]]
) -> None:
    first = asyncio.create_task(read(["a"]))
    await settled()
    second = asyncio.create_task(read(["b"]))
    await settled()
    first.cancel()
    shelf.may_go_on.release()
    assert await second == {"b": 2}
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_a_read_that_is_full_leaves_the_rest_to_the_next(
    shelf: Shelf, read: GatheredRead[str, dict[str, int]]
) -> None:
    shelf.holds = dict.fromkeys("abcdefg", 0)
    async with asyncio.TaskGroup() as callers:
        for key in "abcdefg":
            callers.create_task(read([key]))
        for _ in range(3):
            shelf.may_go_on.release()
    assert shelf.reads == [["a"], ["b", "c", "d"], ["e", "f", "g"]]


async def test_who_asks_alone_waits_for_nobody(shelf: Shelf) -> None:
    read = GatheredRead(shelf.read, pause=A_WHILE)
    for _ in range(3):
        shelf.may_go_on.release()
        await read(["a"])
    assert shelf.reads == [["a"]] * 3


async def test_where_several_ask_at_a_time_the_next_read_waits_for_more(shelf: Shelf) -> None:
    read = GatheredRead(shelf.read, pause=A_WHILE)
    together = [asyncio.create_task(read([key])) for key in ("a", "a", "b")]
    shelf.may_go_on.release()
    await together[0]
    await settled()
    assert shelf.reads == [["a"]]
    for task in together:
        task.cancel()
    await asyncio.gather(*together, return_exceptions=True)


async def test_who_comes_alone_after_several_waits_for_more_as_well(shelf: Shelf) -> None:
    read = GatheredRead(shelf.read, pause=0.05)
    for _ in range(3):
        shelf.may_go_on.release()
    await asyncio.gather(read(["a"]), read(["a"]), read(["b"]))
    assert shelf.reads == [["a"], ["a", "b"]]
    loop = asyncio.get_running_loop()
    began = loop.time()
    await read(["b"])
    # At least: how much longer decides the machine.
    assert loop.time() - began >= 0.04


async def test_who_goes_away_before_reading_leaves_it_to_the_next_who_waits(
    shelf: Shelf, read: GatheredRead[str, dict[str, int]]
) -> None:
    under_way = asyncio.create_task(read(["a"]))
    await settled()
    waiting = [asyncio.create_task(read([key])) for key in ("a", "b", "b")]
    await settled()
    # The second is given the reading, and goes away before it can begin.
    for task in waiting[:2]:
        task.cancel()
    for _ in range(2):
        shelf.may_go_on.release()
    assert await waiting[2] == {"a": 1, "b": 2}
    assert await under_way == {"a": 1}
    assert all(one.cancelled() for one in waiting[:2])


async def test_nobody_waits_for_those_who_all_went_away(
    shelf: Shelf, read: GatheredRead[str, dict[str, int]]
) -> None:
    under_way = asyncio.create_task(read(["a"]))
    await settled()
    gone = [asyncio.create_task(read(["b"])) for _ in range(2)]
    await settled()
    gone[0].cancel()
    await asyncio.sleep(0)
    gone[1].cancel()
    await settled()
    later = asyncio.create_task(read(["b"]))
    for _ in range(2):
        shelf.may_go_on.release()
    assert await later == {"b": 2}
    assert await under_way == {"a": 1}
    assert all(one.cancelled() for one in gone)


async def test_all_who_waited_are_told_by_one_read(
    shelf: Shelf, read: GatheredRead[str, dict[str, int]]
) -> None:
    under_way = asyncio.create_task(read(["a"]))
    await settled()
    waiting = [asyncio.create_task(read(["b"])) for _ in range(5)]
    await settled()
    waiting[3].cancel()
    for _ in range(2):
        shelf.may_go_on.release()
    await settled()
    assert [one.done() for one in (under_way, *waiting)] == [True] * 6
    assert shelf.reads == [["a"], ["b"]]
