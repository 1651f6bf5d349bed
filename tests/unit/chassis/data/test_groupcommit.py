"""Group commit: every waiter gets the answer to its own row, whatever happens to the others."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.chassis.errors import InvalidArgument, ResourceExhausted, Unavailable
from services.chassis.groupcommit import GroupCommit
from tests.fakes.chassis import ManualClock

Item = tuple[int, str]


@dataclass
class Table:
    """Rows that are written together or not at all; poison fails its whole batch."""

    rows: list[Item] = field(default_factory=list)
    batches: list[list[Item]] = field(default_factory=list)
    began: asyncio.Event = field(default_factory=asyncio.Event)
    hold: asyncio.Event = field(default_factory=asyncio.Event)
    away: bool = False

    async def write(self, batch: Sequence[Item]) -> list[str]:
        self.batches.append(list(batch))
        self.began.set()
        await self.hold.wait()
        if self.away:
            raise Unavailable("away")
        if any(text == "poison" for _, text in batch):
            raise InvalidArgument("a NUL byte")
        self.rows.extend(batch)
        return [f"row {number}" for number, _ in batch]


@asynccontextmanager
async def running(
    table: Table, *, max_batch: int = 4, max_bytes: int = 10_000, at_once: int = 1
) -> AsyncIterator[GroupCommit[Item, str]]:
    """A group commit that runs for the block."""
    group_commit: GroupCommit[Item, str] = GroupCommit(
        table.write,
        key=lambda item: item[0],
        size=lambda item: len(item[1]),
        max_batch=max_batch,
        max_bytes=max_bytes,
        at_once=at_once,
    )
    stopping = asyncio.Event()
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        group.create_task(group_commit.run(stopping))
        yield group_commit
        stopping.set()


async def _answers(
    group_commit: GroupCommit[Item, str], items: Sequence[Item]
) -> list[str | BaseException]:
    return await asyncio.gather(
        *(group_commit.submit(item) for item in items), return_exceptions=True
    )


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.sampled_from(["good", "poison", "fine"]), max_size=20),
    st.integers(1, 7),
    st.integers(1, 3),
)
async def test_every_waiter_gets_its_own_answer_and_poison_fails_only_itself(
    texts: list[str], max_batch: int, at_once: int
) -> None:
    table = Table()
    table.hold.set()
    items = list(reversed(list(enumerate(texts))))
    async with running(table, max_batch=max_batch, at_once=at_once) as group_commit:
        answers = await _answers(group_commit, items)
    for (number, text), answer in zip(items, answers, strict=True):
        if text == "poison":
            assert isinstance(answer, InvalidArgument)
        else:
            assert answer == f"row {number}"
    assert sorted(table.rows) == sorted(item for item in items if item[1] != "poison")
    assert all(batch == sorted(batch) and len(batch) <= max_batch for batch in table.batches)


async def test_what_gathers_during_a_write_goes_into_the_next() -> None:
    table = Table()
    async with running(table, max_batch=100) as group_commit, asyncio.TaskGroup() as group:
        group.create_task(group_commit.submit((0, "first")))
        await table.began.wait()
        for number in (3, 1, 2):
            group.create_task(group_commit.submit((number, "later")))
        await asyncio.sleep(0)
        table.hold.set()
    assert [[number for number, _ in batch] for batch in table.batches] == [[0], [1, 2, 3]]


async def test_full_batches_leave_while_others_are_written_and_the_rest_waits() -> None:
    table = Table()
    async with running(table, max_batch=2, at_once=3) as group_commit:
        answers = [group_commit.enter((number, "row")) for number in range(9)]
        await _turns()
        assert [[number for number, _ in batch] for batch in table.batches] == [
            [0, 1],
            [2, 3],
            [4, 5],
        ]
        table.hold.set()
        assert await asyncio.gather(*answers) == [f"row {number}" for number in range(9)]
    assert [len(batch) for batch in table.batches] == [2, 2, 2, 2, 1]


async def test_what_is_no_full_batch_waits_for_the_one_that_is_written() -> None:
    table = Table()
    async with running(table, max_batch=2, at_once=3) as group_commit:
        answers = [group_commit.enter((0, "first"))]
        await table.began.wait()
        answers.append(group_commit.enter((1, "later")))
        await _turns()
        assert len(table.batches) == 1
        table.hold.set()
        assert await asyncio.gather(*answers) == ["row 0", "row 1"]
    assert len(table.batches) == 2


async def test_a_full_batch_does_not_linger() -> None:
    table, clock = Table(), ManualClock()
    group_commit: GroupCommit[Item, str] = GroupCommit(
        table.write,
        key=lambda item: item[0],
        size=lambda item: 1,
        max_batch=2,
        linger=0.004,
        at_once=2,
        clock=clock,
    )
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        stopping = asyncio.Event()
        group.create_task(group_commit.run(stopping))
        await _turns()
        answers = [group_commit.enter((number, "row")) for number in range(2)]
        await _turns()
        assert [len(batch) for batch in table.batches] == [2]
        stopping.set()
        clock.advance(0.004)
        table.hold.set()
        assert await asyncio.gather(*answers) == ["row 0", "row 1"]


async def test_a_caller_that_goes_away_cancels_nothing() -> None:
    table = Table()
    async with running(table) as group_commit:
        gone = asyncio.ensure_future(group_commit.submit((1, "mine")))
        stays = asyncio.ensure_future(group_commit.submit((2, "other")))
        await table.began.wait()
        gone.cancel()
        table.hold.set()
        assert await stays == "row 2"
    assert table.rows == [(1, "mine"), (2, "other")]
    assert gone.cancelled()


async def test_while_the_database_is_away_rows_are_not_tried_one_by_one() -> None:
    table = Table(away=True)
    table.hold.set()
    async with running(table, max_batch=50) as group_commit:
        answers = await _answers(group_commit, [(number, "x") for number in range(50)])
    assert all(isinstance(answer, Unavailable) for answer in answers)
    assert len(table.batches) == 1


async def test_more_bytes_than_allowed_are_refused_until_there_is_room() -> None:
    table = Table()
    async with running(table, max_bytes=10) as group_commit:
        waiting = asyncio.ensure_future(group_commit.submit((1, "12345678")))
        await asyncio.sleep(0)
        with pytest.raises(ResourceExhausted):
            await group_commit.submit((2, "123"))
        table.hold.set()
        await waiting
        assert await group_commit.submit((2, "123")) == "row 2"


@pytest.mark.parametrize("at_once", [1, 2])
async def test_who_waits_when_it_ends_is_told_so(at_once: int) -> None:
    table = Table()
    group_commit: GroupCommit[Item, str] = GroupCommit(
        table.write, key=lambda item: item[0], size=lambda item: 1, max_batch=1, at_once=at_once
    )
    flusher = asyncio.ensure_future(group_commit.run())
    waiting = asyncio.ensure_future(_answers(group_commit, [(1, "being written"), (2, "waits")]))
    await table.began.wait()
    flusher.cancel()
    answers = await waiting
    assert all(isinstance(answer, Unavailable) for answer in answers)
    with pytest.raises(Unavailable):
        await group_commit.submit((3, "late"))


async def test_one_that_lingers_writes_what_comes_in_a_burst_at_once() -> None:
    table, clock = Table(), ManualClock()
    table.hold.set()
    group_commit: GroupCommit[Item, str] = GroupCommit(
        table.write, key=lambda item: item[0], size=lambda item: 1, linger=0.004, clock=clock
    )
    stopping = asyncio.Event()
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        group.create_task(group_commit.run(stopping))
        answers = []
        for number in range(3):
            answers.append(group_commit.enter((number, "of one burst")))
            await _turns()
        assert table.batches == []
        clock.advance(0.004)
        assert await asyncio.gather(*answers) == ["row 0", "row 1", "row 2"]
        last = group_commit.enter((3, "when it stops"))
        stopping.set()
        clock.advance(0.004)
        assert await last == "row 3"
    assert [len(batch) for batch in table.batches] == [3, 1]


async def _turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)
