"""The in-memory store keeps the promises of the real one that the fakes lean on."""

import asyncio

import pytest

from services.chassis.errors import Aborted, Unavailable
from tests.fakes.chassis import (
    CommitFate,
    ManualClock,
    MemoryDatabase,
    MemoryTransactions,
    MemoryTx,
    Table,
)

COUNTS: Table[str, int] = Table("counts")


def _transactions(db: MemoryDatabase) -> MemoryTransactions[MemoryTx]:
    return MemoryTransactions(db, lambda tx: tx)


async def _increment(tx: MemoryTx) -> int:
    value = (await tx.lock(COUNTS, "a") or 0) + 1
    await tx.put(COUNTS, "a", value)
    return value


async def test_writes_are_seen_by_others_after_the_commit_only() -> None:
    db = MemoryDatabase()
    writer, reader = db.begin(), db.begin()
    await writer.put(COUNTS, "a", 1)
    assert (writer.get(COUNTS, "a"), reader.get(COUNTS, "a")) == (1, None)
    assert reader.rows(COUNTS) == []
    writer.commit()
    assert reader.rows(COUNTS) == [("a", 1)]


async def test_a_failed_transaction_leaves_nothing_and_holds_nothing() -> None:
    db = MemoryDatabase()

    async def fail(tx: MemoryTx) -> None:
        await tx.put(COUNTS, "a", 1)
        raise LookupError

    with pytest.raises(LookupError):
        await _transactions(db).run(fail)
    assert db.committed(COUNTS) == {}
    assert await _transactions(db).run(_increment) == 1


async def test_a_row_lock_makes_others_wait_for_the_commit() -> None:
    db = MemoryDatabase()
    answers = await asyncio.gather(*(_transactions(db).run(_increment) for _ in range(20)))
    assert sorted(answers) == list(range(1, 21))


async def test_of_two_inserts_of_one_key_the_second_waits_and_loses() -> None:
    db = MemoryDatabase()

    async def insert(tx: MemoryTx) -> bool:
        return await tx.insert(COUNTS, "a", 1)

    transactions = _transactions(db)
    answers = await asyncio.gather(transactions.run(insert), transactions.run(insert))
    assert sorted(answers) == [False, True]


async def test_a_circle_of_locks_is_broken_and_the_loser_runs_again() -> None:
    db = MemoryDatabase()
    both_hold_one = asyncio.Barrier(2)
    runs: list[str] = []

    async def take(first: str, second: str, tx: MemoryTx) -> None:
        runs.append(first)
        await tx.put(COUNTS, first, 1)
        if len(runs) <= 2:
            await both_hold_one.wait()
        await tx.put(COUNTS, second, 1)

    async with asyncio.timeout(5):
        await asyncio.gather(
            _transactions(db).run(lambda tx: take("a", "b", tx)),
            _transactions(db).run(lambda tx: take("b", "a", tx)),
        )
    assert len(runs) == 3
    assert db.holders == {}


async def test_a_crashed_process_lets_go_of_its_locks() -> None:
    db = MemoryDatabase()
    crashed = db.begin()
    await crashed.put(COUNTS, "a", 1)
    waiting = asyncio.ensure_future(_transactions(db).run(_increment))
    async with asyncio.timeout(5):
        while not db.waiting:  # noqa: ASYNC110 - the database tells nobody
            await asyncio.sleep(0)
        assert not waiting.done()
        db.crash([crashed])
        assert await waiting == 1


async def test_both_fates_of_a_lost_commit_look_alike_and_run_again() -> None:
    fates = [CommitFate.COMMITTED, CommitFate.LOST_AFTER, CommitFate.LOST_BEFORE]
    db = MemoryDatabase(fate=lambda: fates.pop())
    await _transactions(db).run(_increment)
    # Lost before: nothing stands. Lost after: it stands, and runs once more.
    assert db.committed(COUNTS) == {"a": 2}


async def test_trouble_without_an_end_is_unavailable_and_contention_aborted() -> None:
    db = MemoryDatabase(fate=lambda: CommitFate.LOST_BEFORE)
    with pytest.raises(Unavailable):
        await _transactions(db).run(_increment, timeout=0.05)
    holder = db.begin()
    await holder.put(COUNTS, "a", 1)
    with pytest.raises((Aborted, Unavailable)):
        await _transactions(db).run(_increment, timeout=0.05)


async def test_a_manual_clock_wakes_sleepers_in_order() -> None:
    clock = ManualClock()
    woken: list[float] = []

    async def sleep(seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(seconds)

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        for seconds in (3.0, 1.0, 2.0):
            group.create_task(sleep(seconds))
        await asyncio.sleep(0)
        clock.advance(2.5)
        await asyncio.sleep(0)
        assert woken == [1.0, 2.0]
        clock.advance(1)
