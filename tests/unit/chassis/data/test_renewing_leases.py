"""A long run keeps its key by renewals, over one that fails, and hears when it has lost it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from services.chassis.errors import Unavailable
from services.chassis.wakeups import Wakeups
from services.chassis.working import ClaimedKey, Done, Job, Outcome, WorkerLoop
from tests.fakes import memory_queue
from tests.fakes.chassis import (
    ManualClock,
    MemoryDatabase,
    MemoryQueue,
    MemoryTransactions,
    MemoryTx,
)

QUEUE = "tenants"
LEASE = 0.09
"""Seconds of a clock that a test moves. The look for long runs, a third of it later, is real."""
LONGEST_RUN = 10 * LEASE


class WatchedClock(ManualClock):
    """A clock that tells who sleeps for how long."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: asyncio.Queue[float] = asyncio.Queue()

    async def sleep(self, seconds: float) -> None:
        self.slept.put_nowait(seconds)
        await super().sleep(seconds)


@dataclass
class Renewal:
    """A statement on its way to the database, where the test has it wait."""

    held: list[tuple[str, int]]
    arrives: asyncio.Future[None]

    def arrive(self) -> None:
        self.arrives.set_result(None)

    def fail(self) -> None:
        self.arrives.set_exception(Unavailable("the database is away"))


class WatchedQueue(MemoryQueue):
    """A queue whose renewals wait for the test."""

    def __init__(self, db: MemoryDatabase) -> None:
        super().__init__(db)
        self.renewals: asyncio.Queue[Renewal] = asyncio.Queue()

    async def renew(
        self, queue: str, held: Sequence[tuple[str, int]], lease: float
    ) -> set[tuple[str, int]]:
        renewal = Renewal(list(held), asyncio.get_running_loop().create_future())
        self.renewals.put_nowait(renewal)
        await renewal.arrives
        return await super().renew(queue, held, lease)


class World:
    """A worker whose runs last until they are told to end."""

    def __init__(self) -> None:
        self.clock, self.database_clock = WatchedClock(), ManualClock()
        self.db = MemoryDatabase(self.database_clock)
        self.rows = WatchedQueue(self.db)
        self.began: asyncio.Queue[Job] = asyncio.Queue()
        self.end = asyncio.Event()
        self._wakeups = Wakeups()
        self._tx = MemoryTransactions(self.db, lambda tx: tx, wakeups=self._wakeups)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Work within the block, and let all runs end at its end."""
        loop = WorkerLoop(
            self.rows,
            QUEUE,
            self._handle,
            wakeups=self._wakeups,
            clock=self.clock,
            lease=LEASE,
            longest_run=LONGEST_RUN,
            poll=60.0,
        )
        stopping = asyncio.Event()
        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            group.create_task(loop.run(stopping))
            yield
            self.end.set()
            stopping.set()

    def advance(self, seconds: float) -> None:
        """Let time pass here and at the database."""
        self.database_clock.advance(seconds)
        self.clock.advance(seconds)

    async def run_of(self, key: str) -> Job:
        """Ask for a run, and return it once it has begun."""
        (job,) = await self.runs_of(key)
        return job

    async def runs_of(self, *keys: str) -> list[Job]:
        """Ask for runs at once, and return them once they have begun, in the order of the keys."""

        async def enqueue(tx: MemoryTx) -> None:
            await memory_queue.enqueue(tx, QUEUE, keys)

        await self._tx.run(enqueue)
        return [await self.began.get() for _ in keys]

    async def still_ours(self, job: Job) -> bool:
        return await self._tx.run(job.lease.still_ours)

    async def claim(self) -> list[ClaimedKey]:
        """Claim as another replica does."""
        return list(await self.rows.claim(QUEUE, 10, LEASE))

    async def _handle(self, job: Job) -> Outcome:
        self.began.put_nowait(job)
        await self.end.wait()
        return Done()


@pytest.fixture
def world() -> World:
    return World()


async def test_a_renewal_counts_from_before_it_was_sent(world: World) -> None:
    async with world.working():
        job = await world.run_of("a")
        assert job.lease.remaining() == LEASE
        renewal = await world.rows.renewals.get()
        world.advance(LEASE / 2)
        renewal.arrive()
        # The next one begins when this one is over.
        renewal = await world.rows.renewals.get()
        assert job.lease.remaining() == pytest.approx(LEASE / 2)
        renewal.arrive()
        await world.rows.renewals.get()
        assert job.lease.remaining() == pytest.approx(LEASE)


async def test_a_renewal_that_failed_is_sent_again_after_a_pause(world: World) -> None:
    async with world.working():
        job = await world.run_of("a")
        (await world.rows.renewals.get()).fail()
        pause = await world.clock.slept.get()
        assert 0 < pause < LEASE
        assert world.rows.renewals.empty()
        world.advance(pause)
        again = await world.rows.renewals.get()
        # What failed has prolonged nothing.
        assert job.lease.remaining() == pytest.approx(LEASE - pause)
        assert again.held == [("a", job.epoch)]
        again.arrive()
        (await world.rows.renewals.get()).arrive()
        assert job.lease.remaining() == pytest.approx(LEASE)
        assert await world.still_ours(job)
        assert await world.claim() == []
    assert world.rows.keys(QUEUE) == {}


async def test_a_run_whose_lease_ran_out_while_renewals_failed_has_it_back_if_nobody_took_it(
    world: World,
) -> None:
    async with world.working():
        job = await world.run_of("a")
        (await world.rows.renewals.get()).fail()
        await world.clock.slept.get()
        world.advance(LEASE)
        again = await world.rows.renewals.get()
        assert job.lease.remaining() == 0
        assert not await world.still_ours(job)
        again.arrive()
        await world.rows.renewals.get()
        assert job.lease.remaining() == pytest.approx(LEASE)
        assert await world.still_ours(job)
    assert world.rows.keys(QUEUE) == {}


async def test_a_run_whose_key_another_took_has_no_time_left_and_settles_nothing(
    world: World,
) -> None:
    async with world.working():
        job = await world.run_of("a")
        renewal = await world.rows.renewals.get()
        # As when this machine was suspended: its own clock does not count that.
        world.database_clock.advance(LEASE)
        (taken,) = await world.claim()
        assert taken.epoch > job.epoch
        assert job.lease.remaining() == LEASE
        renewal.arrive()
        await world.rows.renewals.get()
        assert job.lease.remaining() == 0
        assert not await world.still_ours(job)
    # The run said that it was done; the key is the other's all the same, until that one says so.
    assert world.rows.keys(QUEUE)["a"].epoch == taken.epoch
    assert await world.rows.finish(QUEUE, taken)
    assert world.rows.keys(QUEUE) == {}


async def test_a_lost_lease_takes_none_from_the_other_runs(world: World) -> None:
    async with world.working():
        lost, kept = await world.runs_of("a", "b")
        renewal = await world.rows.renewals.get()
        assert sorted(renewal.held) == [("a", lost.epoch), ("b", kept.epoch)]
        world.database_clock.advance(LEASE)
        (taken,) = await world.rows.claim(QUEUE, 1, LEASE)
        assert taken.key == lost.key
        renewal.arrive()
        again = await world.rows.renewals.get()
        assert lost.lease.remaining() == 0
        assert kept.lease.remaining() == LEASE
        again.arrive()
        await world.rows.renewals.get()
        assert await world.still_ours(kept)


async def test_a_run_that_lasts_too_long_is_renewed_no_more_and_another_begins(
    world: World,
) -> None:
    async with world.working():
        long = await world.run_of("a")
        world.advance(LONGEST_RUN + LEASE)
        after = await world.run_of("a")
        renewal = await world.rows.renewals.get()
        assert renewal.held == [("a", after.epoch)]
        assert after.epoch > long.epoch
        assert long.lease.remaining() == 0
