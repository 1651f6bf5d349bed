"""Work that is done at once: what a failure, and the end of who waits, do to it."""

import asyncio

import pytest

from services.chassis.outage import is_being_cancelled
from services.provisioner.ensure import together
from services.provisioner.errors import ClusterUnavailable


async def fails_in_a_moment() -> None:
    await asyncio.sleep(0)
    raise ClusterUnavailable("away")


async def waits(ended: list[str]) -> None:
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        ended.append("ended")
        raise


async def test_the_first_failure_is_raised_and_ends_the_others() -> None:
    ended: list[str] = []
    with pytest.raises(ClusterUnavailable):
        await together([waits(ended), fails_in_a_moment()])
    assert ended == ["ended"]


async def test_who_waited_for_a_failure_is_not_taken_for_cancelled() -> None:
    with pytest.raises(ClusterUnavailable):
        await together([fails_in_a_moment(), fails_in_a_moment()])
    assert not is_being_cancelled()


async def test_who_is_cancelled_while_waiting_ends_the_work_and_is_cancelled() -> None:
    ended: list[str] = []
    begun: asyncio.Queue[None] = asyncio.Queue()

    async def begins_and_waits() -> None:
        begun.put_nowait(None)
        await waits(ended)

    async with asyncio.timeout(10):
        waiting = asyncio.create_task(together([begins_and_waits(), begins_and_waits()]))
        for _ in range(2):
            await begun.get()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert waiting.cancelled()
    assert ended == ["ended", "ended"]
