"""One read for all who ask at the same time, never an older truth than each asked for."""

import asyncio

import pytest

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
