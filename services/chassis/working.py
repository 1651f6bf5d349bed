"""The loop that reconciles keys, whatever the queue is kept in.

A key is a name of something to look at, never an instruction: the handler reads what is wanted now
and makes it so. However often a key is enqueued it is one row; a run that began before the last
enqueue does not finish it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeAlias, assert_never

import structlog

from services.chassis.backoff import Backoff, Jitter, system_jitter
from services.chassis.clock import Clock, SystemClock
from services.chassis.errors import Refusal, Unavailable, is_transient
from services.chassis.outage import Outage, is_being_cancelled
from services.chassis.wakeups import Wakeups

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("chassis.queue")

HIGHEST_PRIORITY = 9

_URGENT_IN_A_ROW = 7
"""Of so many and one keys that a full worker takes, one is what has waited longest."""


@dataclass(frozen=True, slots=True)
class ClaimedKey:
    """A key leased to one run. ``epoch`` is this run's alone and higher than all before."""

    key: str
    generation: int
    epoch: int
    failures: int


class QueueRows(Protocol):
    """What a worker needs of a queue. Every method is one transaction; trouble is Unavailable."""

    async def claim(self, queue: str, limit: int, lease: float) -> Sequence[ClaimedKey]:
        """Lease due keys, highest priority first, then the longest due. ``lease`` is in seconds."""
        ...

    async def claim_oldest(self, queue: str, lease: float) -> Sequence[ClaimedKey]:
        """Lease the longest due key of any priority; none if there is none, or another is at it."""
        ...

    async def renew(
        self, queue: str, held: Sequence[tuple[str, int]], lease: float
    ) -> set[tuple[str, int]]:
        """Prolong leases of (key, epoch); return those that are still held."""
        ...

    async def finish(self, queue: str, claimed: ClaimedKey) -> bool:
        """Remove the key, or make it due as asked if it was enqueued since the claim.

        Returns whether it is gone.
        """
        ...

    async def again(self, queue: str, claimed: ClaimedKey, after: float, error: str | None) -> None:
        """Make the key due ``after`` seconds, or earlier if asked; an error counts as a failure."""
        ...

    async def holds(self, conn: Any, queue: str, claimed: ClaimedKey) -> bool:
        """Tell whether this run still holds the key, and keep it so until ``conn`` commits.

        ``conn`` is the implementation's own kind of transaction.
        """
        ...


class Lease:
    """How long a run may count on being the only one with its key."""

    def __init__(self, clock: Clock, ends: float, holds: Callable[[Any], Awaitable[bool]]) -> None:
        self._clock = clock
        self._ends = ends
        self._holds = holds

    def remaining(self) -> float:
        """Return monotonic seconds left, counted from before the claim was sent; 0 when over.

        A call to the outside gets a shorter time-out than this.
        """
        return max(0.0, self._ends - self._clock.monotonic())

    async def still_ours(self, conn: Any) -> bool:
        """Ask the database, in the caller's transaction; nobody else gets the key before it ends.

        ``conn`` is the connection of a store of the same database as the queue.
        """
        return await self._holds(conn)

    def prolong(self, ends: float) -> None:
        """Note a renewal; only the worker calls it."""
        self._ends = ends

    def lose(self) -> None:
        """Note that another run has the key; only the worker calls it."""
        self._ends = self._clock.monotonic()


@dataclass(frozen=True, slots=True)
class Job:
    """One run for one key. ``attempts`` counts the failures in a row before it."""

    key: str
    generation: int
    epoch: int
    attempts: int
    lease: Lease


@dataclass(frozen=True, slots=True)
class Done:
    """The world is as it should be; look again when the key is enqueued."""


@dataclass(frozen=True, slots=True)
class Again:
    """Look again after so many seconds, though nothing failed."""

    after_seconds: float


Outcome: TypeAlias = Done | Again
Handle = Callable[[Job], Awaitable[Outcome]]


def topic(queue: str) -> str:
    """Return the wake-up topic of this queue."""
    return f"queue:{queue}"


class WorkerLoop:
    """Handles each key in one run at a time, several keys and several replicas at once.

    ``lease`` is in seconds; it is renewed while a run lasts, for at most ``longest_run`` seconds,
    after which the key goes to another run. ``poll`` is how long an idle worker waits without a
    wake-up, in seconds, and is spread over its upper half.
    """

    def __init__(
        self,
        rows: QueueRows,
        queue: str,
        handle: Handle,
        *,
        wakeups: Wakeups | None = None,
        clock: Clock | None = None,
        concurrency: int = 8,
        lease: float = 30.0,
        longest_run: float = 600.0,
        poll: float = 1.0,
        backoff: Backoff | None = None,
        jitter: Jitter = system_jitter,
    ) -> None:
        self._rows = rows
        self._queue = queue
        self._topic = topic(queue)
        self._handle = handle
        self._wakeups = wakeups or Wakeups()
        self._clock = clock or SystemClock()
        self._concurrency = concurrency
        self._lease = lease
        self._longest_run = longest_run
        self._poll = Backoff(base=poll, cap=poll, jitter=jitter)
        self._backoff = backoff or Backoff(base=0.5, cap=300.0, jitter=jitter)
        self._name = f"The worker of queue {queue}"
        self._running: dict[tuple[str, int], tuple[Lease, float]] = {}
        # Set when a run has lasted so long that leases have to be renewed.
        self._long = asyncio.Event()
        self._next_look: asyncio.TimerHandle | None = None
        # Whether the last claim took all that it could, so that there may be more.
        self._full = False
        # Keys in a row that were taken by their priority while there may have been more.
        self._by_priority = 0

    async def run(self, stopping: asyncio.Event | None = None) -> None:
        """Work until ``stopping`` is set (runs under way are finished) or it is cancelled."""
        stopping = stopping or asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._wakeups.wake_when(stopping, self._topic))
            renewals = group.create_task(self._renew_leases())
            async with asyncio.TaskGroup() as runs:
                await self._dispatch(runs, stopping)
            renewals.cancel()
            if self._next_look is not None:
                self._next_look.cancel()

    async def _dispatch(self, runs: asyncio.TaskGroup, stopping: asyncio.Event) -> None:
        outage = Outage(self._name, self._clock)
        while not stopping.is_set():
            seen = self._wakeups.seen(self._topic)
            free = self._concurrency - len(self._running)
            if free:
                try:
                    await self._start(runs, free)
                except Unavailable as exc:
                    await outage.pause(exc)
                    continue
                outage.over()
            if not (free and self._full):
                # A run that ends wakes a full worker, which waits here for room.
                await self._wakeups.wait(self._topic, seen, self._poll.delay(1))

    async def _start(self, runs: asyncio.TaskGroup, free: int) -> None:
        ends = self._clock.monotonic() + self._lease
        for claimed in await self._claim(free):
            lease = Lease(self._clock, ends, self._check(claimed))
            renew_until = ends + self._longest_run - self._lease
            self._running[claimed.key, claimed.epoch] = (lease, renew_until)
            runs.create_task(self._run_one(claimed, lease))
        self._look_for_long_runs()

    async def _claim(self, free: int) -> Sequence[ClaimedKey]:
        """Take what is most urgent, and now and then, if that never ends, what waits longest."""
        if self._by_priority >= _URGENT_IN_A_ROW:
            self._by_priority = 0
            oldest = await self._rows.claim_oldest(self._queue, self._lease)
            if oldest:
                return oldest
        claimed = await self._rows.claim(self._queue, free, self._lease)
        self._full = len(claimed) == free
        self._by_priority = self._by_priority + free if self._full else 0
        return claimed

    def _check(self, claimed: ClaimedKey) -> Callable[[Any], Awaitable[bool]]:
        return lambda conn: self._rows.holds(conn, self._queue, claimed)

    async def _run_one(self, claimed: ClaimedKey, lease: Lease) -> None:
        job = Job(claimed.key, claimed.generation, claimed.epoch, claimed.failures, lease)
        due = True
        try:
            settle = await self._outcome(job, claimed)
            due = await self._persist(settle, lease)
        finally:
            # Frees a slot of this process only; the key itself needs no more than its lease.
            self._running.pop((claimed.key, claimed.epoch), None)
            if due or self._full:
                self._wakeups.wake(self._topic)

    async def _outcome(self, job: Job, claimed: ClaimedKey) -> Callable[[], Awaitable[bool]]:
        try:
            outcome = await self._handle(job)
        except (Exception, asyncio.CancelledError) as exc:  # tried again, whatever it was
            if is_being_cancelled():
                raise
            after = self._after_failure(job, exc)
            error = _short(exc)
            return partial(self._again, claimed, after, error)
        match outcome:
            case Done():
                return partial(self._finish, claimed)
            case Again(after_seconds=after):
                return partial(self._again, claimed, after, None)
            case _:
                assert_never(outcome)

    async def _finish(self, claimed: ClaimedKey) -> bool:
        """Say that it is done; returns whether the key is due all the same."""
        return not await self._rows.finish(self._queue, claimed)

    async def _again(self, claimed: ClaimedKey, after: float, error: str | None) -> bool:
        await self._rows.again(self._queue, claimed, after, error)
        # It may have been asked for while it ran, but then nobody could take it.
        return True

    def _after_failure(self, job: Job, exc: BaseException) -> float:
        after = self._backoff.delay(job.attempts + 1)
        if isinstance(exc, Refusal) and exc.retry_after is not None:
            after = max(after, exc.retry_after)
        _log.warning(
            f"A run of {self._queue} failed and is tried again.",
            key=job.key,
            error=_short(exc),
            attempts=job.attempts + 1,
            after_seconds=round(after, 3),
            exc_info=None if is_transient(exc) else exc,
        )
        return after

    async def _persist(self, settle: Callable[[], Awaitable[bool]], lease: Lease) -> bool:
        """Say how the run ended, over a restart of the database too, while the lease lasts.

        If that fails the lease runs out and the key is run again. Returns whether it may be due.
        """
        outage = Outage(self._name, self._clock)
        while True:
            try:
                due = await settle()
            except Unavailable as exc:
                if not lease.remaining():
                    return True
                await outage.pause(exc)
            else:
                outage.over()
                return due

    def _look_for_long_runs(self) -> None:
        """Look after a third of a lease whether something runs: most runs are over by then."""
        if self._running and self._next_look is None:
            loop = asyncio.get_running_loop()
            self._next_look = loop.call_later(self._lease / 3, self._look)

    def _look(self) -> None:
        self._next_look = None
        if self._running:
            self._long.set()

    async def _renew_leases(self) -> None:
        outage = Outage(f"{self._name} (renewing leases)", self._clock)
        while True:
            await self._long.wait()
            try:
                await self._renew_once()
            except Unavailable as exc:
                await outage.pause(exc)
            else:
                outage.over()
                self._long.clear()
                self._look_for_long_runs()

    async def _renew_once(self) -> None:
        now = self._clock.monotonic()
        held = {claim: lease for claim, (lease, until) in self._running.items() if now < until}
        if not held:
            return
        kept = await self._rows.renew(self._queue, list(held), self._lease)
        for claim, lease in held.items():
            if claim in kept:
                lease.prolong(now + self._lease)
            else:
                lease.lose()


def _short(exc: BaseException) -> str:
    reason = exc.reason if isinstance(exc, Refusal) else type(exc).__name__
    return f"{reason}: {exc}"[:500]
