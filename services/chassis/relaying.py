"""The loop that empties an outbox to one destination, whatever the outbox is kept in."""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol, assert_never

import structlog

from services.chassis.backoff import Backoff, Jitter, system_jitter
from services.chassis.clock import Clock, SystemClock
from services.chassis.errors import Unavailable, is_transient
from services.chassis.facts import MAX_FACTS_A_DELIVERY, Delivery, FactRecord, Outcome
from services.chassis.outage import Outage, is_being_cancelled
from services.chassis.wakeups import Offer, Wakeups

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("chassis.outbox")

Deliver = Callable[[Sequence[FactRecord]], Awaitable[Sequence[Delivery]]]

FOLLOWERS = 3
"""Facts that are claimed together with the head of their key: what a purchase says is one call."""

MAX_BYTES_A_DELIVERY = 3 * 1024 * 1024
"""Payload of one Deliver call, well under the four MiB that a server receives."""


@dataclass(frozen=True, slots=True)
class ClaimedFact:
    """A fact leased to one relay, as are all before it of its key; ``seq`` and ``epoch`` say so.

    The first claim begins epoch 1; what was written as leased is in epoch 0.
    """

    seq: int
    epoch: int
    failures: int
    fact: FactRecord


@dataclass(frozen=True, slots=True)
class Postponed:
    """A claimed fact that is to be delivered again ``after`` seconds."""

    claimed: ClaimedFact
    after: float
    error: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """A claimed fact that its destination can never take."""

    claimed: ClaimedFact
    reason: str


class OutboxRows(Protocol):
    """What a relay needs of an outbox. Every method is one transaction; trouble is Unavailable."""

    async def claim(
        self, destination: str, after_key: str, limit: int, lease: float
    ) -> Sequence[ClaimedFact]:
        """Lease due heads of keys greater than ``after_key``, in the order of their keys.

        Only the oldest fact of a key is its head. A fact that is leased, or waits, keeps its key
        from being claimed until the lease (in seconds) or the wait is over. With each of at most
        ``limit`` heads come up to ``FOLLOWERS`` of the due facts that come right after it.
        """
        ...

    async def accepted(self, claimed: Sequence[ClaimedFact]) -> None:
        """Remove facts that stand in the destination's database."""
        ...

    async def postpone(self, postponed: Sequence[Postponed]) -> None:
        """Give leases back and set when to try again; in a later epoch it does nothing."""
        ...

    async def reject(self, rejected: Sequence[Rejected]) -> None:
        """Move facts to the dead letters; in a later epoch it does nothing."""
        ...


def topic(destination: str) -> str:
    """Return the wake-up topic of facts to this destination."""
    return f"outbox:{destination}"


@dataclass(frozen=True, slots=True)
class _Handed:
    """Facts that a transaction of this process wrote as leased, and how long they are.

    ``seen`` are the wake-ups before they were written: one after it may be about what is behind.
    """

    facts: Sequence[ClaimedFact]
    lease_ends: float
    seen: int


class RelayLoop:
    """Delivers at least once, each key in order, several replicas at once.

    ``batch`` is the number of keys a call takes, ``concurrency`` the number of calls under way,
    ``lease`` and ``deliver_timeout`` are in seconds: the lease outlives the call, so that a fact
    is under way once. ``poll`` is how long an idle relay waits without a wake-up, in seconds, and
    is spread over its upper half. While it waits, transactions of its process hand it what they
    wrote, leased to it; it looks for the rest.
    """

    def __init__(
        self,
        rows: OutboxRows,
        destination: str,
        deliver: Deliver,
        *,
        wakeups: Wakeups | None = None,
        clock: Clock | None = None,
        batch: int = 64,
        concurrency: int = 2,
        lease: float = 30.0,
        deliver_timeout: float = 10.0,
        poll: float = 1.0,
        backoff: Backoff | None = None,
        jitter: Jitter = system_jitter,
    ) -> None:
        most = MAX_FACTS_A_DELIVERY // (1 + FOLLOWERS)
        if not 1 <= batch <= most:
            raise ValueError(f"a batch has 1 to {most} keys, not {batch}")
        if deliver_timeout >= lease:
            raise ValueError("a delivery has to end before its lease does")
        self._rows = rows
        self._destination = destination
        self._topic = topic(destination)
        self._deliver = deliver
        self._wakeups = wakeups or Wakeups()
        self._clock = clock or SystemClock()
        self._batch = batch
        self._concurrency = concurrency
        self._lease = lease
        self._deliver_timeout = deliver_timeout
        self._poll = Backoff(base=poll, cap=poll, jitter=jitter)
        self._backoff = backoff or Backoff(base=0.2, cap=60.0, jitter=jitter)
        self._away = Backoff(base=0.2, cap=5.0, jitter=jitter)
        self._failed_calls = 0
        self._after_key = ""
        # What was committed up to this wake-up, a claim has begun after.
        self._looked_at = -1
        self._idle = 0
        self._handed: deque[_Handed] = deque()
        # Waits that were ended for what was handed over, not because it is time to look.
        self._nudged = 0

    async def run(self, stopping: asyncio.Event | None = None) -> None:
        """Relay until ``stopping`` is set (calls under way are finished) or it is cancelled."""
        stopping = stopping or asyncio.Event()
        name = self._topic
        async with asyncio.TaskGroup() as group:
            group.create_task(self._wakeups.wake_when(stopping, name))
            with self._wakeups.taking(name, self._offer):
                async with asyncio.TaskGroup() as work:
                    for _ in range(self._concurrency):
                        work.create_task(self._work(stopping))

    def _offer(self, count: int) -> Offer | None:
        """Offer to take facts while nobody else has to wait for it, and calls get through."""
        waiting = sum(len(handed.facts) for handed in self._handed)
        if not self._idle or self._failed_calls or waiting + count > self._batch:
            return None
        ends = self._clock.monotonic() + self._lease
        seen = self._wakeups.seen(self._topic)
        return Offer(self._lease, lambda facts: self._take(_Handed(facts, ends, seen)))

    def _take(self, handed: _Handed) -> None:
        self._handed.append(handed)
        if self._wakeups.nudge(self._topic):
            self._nudged += 1

    async def _work(self, stopping: asyncio.Event) -> None:
        outage = Outage(f"The outbox relay to {self._destination}", self._clock)
        name = self._topic
        due, look_at = True, 0.0
        while self._handed or not stopping.is_set():
            seen = self._wakeups.seen(name)
            try:
                if self._handed:
                    due = await self._deliver_handed() or due
                # One look is enough for a wake-up that reached several of these.
                elif due or self._looked_at < seen:
                    self._looked_at = seen
                    due = await self.step()
                    # Not put off by what is handed over: others write facts too.
                    look_at = self._clock.monotonic() + self._poll.delay(1)
                else:
                    due = await self._wait(name, seen, look_at)
            except Unavailable as exc:
                await outage.pause(exc)
                due = True
            else:
                outage.over()

    async def _wait(self, name: str, seen: int, look_at: float) -> bool:
        """Wait for work; return whether it is time to look for some."""
        self._idle += 1
        try:
            woken = await self._wakeups.wait(
                name, seen, max(0.0, look_at - self._clock.monotonic())
            )
        finally:
            self._idle -= 1
        if woken or not self._nudged:
            return not woken
        self._nudged -= 1
        # A wait that is ended again and again must not put off the look.
        return self._clock.monotonic() >= look_at

    async def _deliver_handed(self) -> bool:
        """Deliver what was handed over; return whether there may be more behind it."""
        facts: list[ClaimedFact] = []
        first = self._handed[0]
        lease_ends, seen = first.lease_ends, first.seen
        while self._handed and len(facts) + len(self._handed[0].facts) <= MAX_FACTS_A_DELIVERY:
            handed = self._handed.popleft()
            facts += handed.facts
            lease_ends, seen = min(lease_ends, handed.lease_ends), min(seen, handed.seen)
        await self._deliver_all(facts, lease_ends)
        return self._wakeups.seen(self._topic) != seen

    async def step(self) -> bool:
        """Claim once and deliver what was claimed; return whether there may be more at once."""
        seen = self._wakeups.seen(self._topic)
        lease_ends = self._clock.monotonic() + self._lease
        claimed = await self._claim()
        await self._deliver_all(claimed, lease_ends)
        # A fact that was written while its key was leased has woken somebody in vain.
        woken = self._wakeups.seen(self._topic) != seen
        return bool(claimed) and (woken or self._may_be_more(claimed))

    async def _deliver_all(self, claimed: Sequence[ClaimedFact], lease_ends: float) -> None:
        held_up: set[str] = set()
        for chunk in chunks(claimed):
            free = [row for row in chunk if row.fact.key not in held_up]
            late = [row for row in chunk if row.fact.key in held_up]
            if free and self._clock.monotonic() + self._deliver_timeout < lease_ends:
                held_up |= await self._deliver_chunk(free, lease_ends)
            else:
                late = list(chunk)
            if late:
                held_up |= {row.fact.key for row in late}
                given = [Postponed(row, 0.0, "it waits for its turn") for row in late]
                await self._persist(partial(self._rows.postpone, given), lease_ends)

    def _may_be_more(self, claimed: Sequence[ClaimedFact]) -> bool:
        """Tell whether the claim took all that it may, of keys or of a key."""
        of_key = Counter(row.fact.key for row in claimed)
        return len(of_key) >= self._batch or max(of_key.values()) > FOLLOWERS

    async def _claim(self) -> Sequence[ClaimedFact]:
        """Go round the keys, so that a full batch of early keys does not starve the late ones."""
        start = self._after_key
        claimed = await self._rows.claim(self._destination, start, self._batch, self._lease)
        if not claimed and start:
            claimed = await self._rows.claim(self._destination, "", self._batch, self._lease)
        full = len({row.fact.key for row in claimed}) >= self._batch
        self._after_key = claimed[-1].fact.key if full else ""
        return claimed

    async def _deliver_chunk(self, chunk: Sequence[ClaimedFact], lease_ends: float) -> set[str]:
        """Deliver and write down what came of it; returns the keys that have to wait."""
        try:
            async with asyncio.timeout(self._deliver_timeout):
                answers = await self._deliver([row.fact for row in chunk])
        except (Exception, asyncio.CancelledError) as exc:  # nothing over there ends the relay
            if is_being_cancelled():
                raise
            postponed = self._call_failed(chunk, exc)
            await self._persist(partial(self._rows.postpone, postponed), lease_ends)
            return {row.fact.key for row in chunk}
        if self._failed_calls:
            _log.info(f"Facts reach {self._destination} again.", failures=self._failed_calls)
            self._failed_calls = 0
        return await self._settle(chunk, {answer.id: answer for answer in answers}, lease_ends)

    def _call_failed(self, chunk: Sequence[ClaimedFact], exc: BaseException) -> list[Postponed]:
        """Postpone all alike: the destination is away, the facts are not to blame."""
        self._failed_calls += 1
        if self._failed_calls == 1:
            passing = is_transient(exc) or isinstance(exc, TimeoutError)
            _log.warning(
                f"Facts do not reach {self._destination}: {exc}",
                error=type(exc).__name__,
                exc_info=None if passing else exc,
            )
        after = self._away.delay(self._failed_calls)
        return [Postponed(row, after, type(exc).__name__) for row in chunk]

    async def _settle(
        self, chunk: Sequence[ClaimedFact], answers: Mapping[str, Delivery], lease_ends: float
    ) -> set[str]:
        accepted: list[ClaimedFact] = []
        postponed: list[Postponed] = []
        rejected: list[Rejected] = []
        waiting: set[str] = set()
        for row in chunk:
            answer = answers.get(row.fact.id) or Delivery(row.fact.id, Outcome.RETRY, "no answer")
            match answer.outcome:
                case Outcome.ACCEPTED:
                    accepted.append(row)
                case Outcome.RETRY:
                    # Behind a fact that waits, one is not to blame; its key waits anyway.
                    behind = row.fact.key in waiting
                    after = 0.0 if behind else self._backoff.delay(row.failures + 1)
                    postponed.append(Postponed(row, after, answer.reason))
                    waiting.add(row.fact.key)
                case Outcome.REJECTED:
                    rejected.append(Rejected(row, answer.reason))
                case _:
                    assert_never(answer.outcome)
        if accepted:
            await self._persist(partial(self._rows.accepted, accepted), lease_ends)
        if postponed:
            await self._persist(partial(self._rows.postpone, postponed), lease_ends)
        if rejected:
            await self._persist(partial(self._rows.reject, rejected), lease_ends)
            self._mourn(rejected)
        return waiting

    async def _persist(self, write: Callable[[], Awaitable[None]], lease_ends: float) -> None:
        """Say what happened even over a restart of the database, as long as the lease lasts.

        After that the facts are claimed and delivered once more.
        """
        outage = Outage(f"The outbox relay to {self._destination}", self._clock)
        while True:
            try:
                await write()
            except Unavailable as exc:
                if self._clock.monotonic() >= lease_ends:
                    raise
                await outage.pause(exc)
            else:
                outage.over()
                return

    def _mourn(self, rejected: Sequence[Rejected]) -> None:
        for dead in rejected:
            fact = dead.claimed.fact
            _log.error(
                f"{self._destination} can never take a fact; it is kept as a dead letter.",
                fact_id=fact.id,
                fact_key=fact.key,
                fact_type=fact.type,
                reason=dead.reason,
            )


def chunks(claimed: Sequence[ClaimedFact]) -> Iterator[Sequence[ClaimedFact]]:
    """Split a claim into calls that a server receives; a huge fact goes alone."""
    chunk: list[ClaimedFact] = []
    size = 0
    for row in claimed:
        length = len(row.fact.payload)
        if chunk and size + length > MAX_BYTES_A_DELIVERY:
            yield chunk
            chunk, size = [], 0
        chunk.append(row)
        size += length
    if chunk:
        yield chunk
