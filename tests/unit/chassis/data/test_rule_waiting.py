"""A caller that hangs up takes nothing back."""

import asyncio
from collections.abc import Sequence

from services.chassis.groupcommit import GroupCommit


async def test_a_row_whose_caller_left_before_its_batch_began_is_written_all_the_same() -> None:
    written: list[list[int]] = []
    began, go_on = asyncio.Event(), asyncio.Event()

    async def write(batch: Sequence[int]) -> list[int]:
        written.append(list(batch))
        began.set()
        await go_on.wait()
        return list(batch)

    commits: GroupCommit[int, int] = GroupCommit(write, key=lambda row: row, size=lambda _: 1)
    stopping = asyncio.Event()
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        group.create_task(commits.run(stopping))
        first = group.create_task(commits.submit(1))
        await began.wait()
        leaves = asyncio.ensure_future(commits.submit(2))
        await asyncio.sleep(0)
        leaves.cancel()
        go_on.set()
        assert await first == 1
        stopping.set()
    assert leaves.cancelled()
    assert written == [[1], [2]]
