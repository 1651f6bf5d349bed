"""Relay and worker over both keepings, on the machine's clock."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from services.chassis.backoff import Backoff
from services.chassis.errors import Unavailable
from services.chassis.facts import Delivery, FactRecord, Outcome
from services.chassis.relaying import Deliver, RelayLoop, topic
from services.chassis.working import Again, Done, Handle, Job, QueueRows, WorkerLoop
from services.chassis.working import Outcome as RunOutcome
from tests.contract.chassis.backends import Backend, Tx, fact

QUICK = Backoff(base=0.01, cap=0.05)


@asynccontextmanager
async def running(
    *loops: Callable[[asyncio.Event], Awaitable[None]],
) -> AsyncIterator[None]:
    """Run loops for the block, then stop them the orderly way."""
    stopping = asyncio.Event()
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        for loop in loops:
            group.create_task(_as_coroutine(loop(stopping)))
        yield
        stopping.set()


async def _as_coroutine(awaitable: Awaitable[None]) -> None:
    await awaitable


class Consumer:
    """Takes facts, and says when it has as many as expected."""

    def __init__(self, expected: int) -> None:
        self.taken: defaultdict[str, list[str]] = defaultdict(list)
        self.complete = asyncio.Event()
        self._expected = expected

    def take(self, one: FactRecord) -> Delivery:
        self.taken[one.key].append(one.id)
        if sum(len(ids) for ids in self.taken.values()) >= self._expected:
            self.complete.set()
        return Delivery(one.id, Outcome.ACCEPTED)

    async def deliver(self, facts: Sequence[FactRecord]) -> list[Delivery]:
        await asyncio.sleep(0)
        return [self.take(one) for one in facts]


class Renewed:
    """A queue that tells when what was first claimed has been renewed beyond its first lease."""

    def __init__(self, rows: QueueRows) -> None:
        self._rows = rows
        self._times = 0
        self.outlasted = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._rows, name)

    async def renew(
        self, queue: str, held: Sequence[tuple[str, int]], lease: float
    ) -> set[tuple[str, int]]:
        kept = await self._rows.renew(queue, held, lease)
        self._times += len(kept)
        # Renewals are a third of a lease apart, and so is the first one from the claim.
        if self._times > 3:
            self.outlasted.set()
        return kept


def _relay(backend: Backend, deliver: Deliver, **options: float) -> RelayLoop:
    poll = options.get("poll", 0.05)
    return RelayLoop(
        backend.outbox,
        "subscription",
        deliver,
        wakeups=backend.wakeups,
        batch=4,
        lease=5.0,
        deliver_timeout=2.0,
        poll=poll,
        backoff=QUICK,
    )


def _worker(
    backend: Backend, handle: Handle, *, lease: float = 5.0, concurrency: int = 3
) -> WorkerLoop:
    return WorkerLoop(
        backend.queue,
        "tenants",
        handle,
        wakeups=backend.wakeups,
        concurrency=concurrency,
        lease=lease,
        poll=0.05,
        backoff=QUICK,
    )


async def _append(backend: Backend, facts: Sequence[FactRecord]) -> None:
    async def append(tx: Tx) -> None:
        await backend.append(tx, facts)

    await backend.run(append)


async def _enqueue(backend: Backend, *keys: str, priority: int = 0) -> None:
    async def enqueue(tx: Tx) -> None:
        await backend.enqueue(tx, "tenants", keys, priority=priority)

    await backend.run(enqueue)


async def _empty(look: Callable[[str], Awaitable[list[str]]], name: str) -> None:
    while await look(name):  # noqa: ASYNC110 - a row's absence has no event; bounded by `running`
        await asyncio.sleep(0.005)


async def test_two_relays_deliver_every_key_in_order(live_backend: Backend) -> None:
    consumer = Consumer(60)
    relays = [_relay(live_backend, consumer.deliver) for _ in range(2)]
    async with running(*(relay.run for relay in relays)):
        for number in range(60):
            await _append(live_backend, [fact(number, key=f"acc_{number % 7}")])
        await consumer.complete.wait()
        await _empty(live_backend.waiting, "subscription")
    for remainder in range(7):
        ids = [f"fct_{number}" for number in range(60) if number % 7 == remainder]
        assert consumer.taken[f"acc_{remainder}"] == ids


async def test_a_commit_wakes_the_relay_before_its_poll(live_backend: Backend) -> None:
    consumer = Consumer(1)
    async with running(_relay(live_backend, consumer.deliver, poll=60.0).run):
        # Both its workers wait, and their first look is over.
        await live_backend.wakeups.waited_for(topic("subscription"), 2)
        async with asyncio.timeout(5):
            await _append(live_backend, [fact(1)])
            await consumer.complete.wait()


async def test_a_destination_that_is_away_gets_everything_later(live_backend: Backend) -> None:
    consumer = Consumer(4)
    # A call whose channel is closed is cancelled from below.
    away = iter([Unavailable("away"), asyncio.CancelledError(), KeyError("a bug over there")])

    async def deliver(facts: Sequence[FactRecord]) -> list[Delivery]:
        for trouble in away:
            raise trouble
        return await consumer.deliver(facts)

    async with running(_relay(live_backend, deliver).run):
        await _append(live_backend, [fact(number, key=f"acc_{number % 2}") for number in range(4)])
        await consumer.complete.wait()
        await _empty(live_backend.waiting, "subscription")
    assert consumer.taken == {"acc_0": ["fct_0", "fct_2"], "acc_1": ["fct_1", "fct_3"]}
    assert await live_backend.dead("subscription") == []


async def test_retry_holds_back_its_key_and_rejection_does_not(live_backend: Backend) -> None:
    consumer = Consumer(4)
    refusals = {"fct_0": [Outcome.RETRY, Outcome.RETRY], "fct_1": [Outcome.REJECTED]}

    async def deliver(facts: Sequence[FactRecord]) -> list[Delivery]:
        """Answer as the sink does: what comes after a fact to be retried waits for it."""
        waiting: set[str] = set()
        answers: list[Delivery] = []
        for one in facts:
            refused = Outcome.RETRY if one.key in waiting else _next(refusals.get(one.id))
            waiting |= {one.key} if refused is Outcome.RETRY else set()
            answers.append(Delivery(one.id, refused, "no") if refused else consumer.take(one))
        return answers

    async with running(_relay(live_backend, deliver).run):
        facts = [fact(number, key=f"acc_{number % 2}") for number in range(6)]
        await _append(live_backend, facts)
        await consumer.complete.wait()
        await _empty(live_backend.waiting, "subscription")
    assert consumer.taken["acc_0"] == ["fct_0", "fct_2", "fct_4"]
    assert consumer.taken["acc_1"] == ["fct_3", "fct_5"]
    assert await live_backend.dead("subscription") == ["fct_1"]


def _next(outcomes: list[Outcome] | None) -> Outcome | None:
    return outcomes.pop() if outcomes else None


async def test_many_facts_of_one_key_leave_without_waiting_for_a_poll(
    live_backend: Backend,
) -> None:
    consumer = Consumer(10)
    async with running(_relay(live_backend, consumer.deliver, poll=60.0).run):
        async with asyncio.timeout(10):
            await _append(live_backend, [fact(number, key="acc_1") for number in range(10)])
            await consumer.complete.wait()
    assert consumer.taken["acc_1"] == [f"fct_{number}" for number in range(10)]


async def test_what_is_written_while_its_key_is_under_way_does_not_wait_for_a_poll(
    live_backend: Backend,
) -> None:
    consumer = Consumer(2)
    first = iter([True])

    async def deliver(facts: Sequence[FactRecord]) -> list[Delivery]:
        if next(first, False):
            await _append(live_backend, [fact(2, key="acc_1")])
        return await consumer.deliver(facts)

    async with running(_relay(live_backend, deliver, poll=60.0).run):
        async with asyncio.timeout(10):
            await _append(live_backend, [fact(1, key="acc_1")])
            await consumer.complete.wait()
    assert consumer.taken["acc_1"] == ["fct_1", "fct_2"]


async def test_a_fact_that_got_no_answer_is_delivered_again(live_backend: Backend) -> None:
    consumer = Consumer(1)
    silent = iter([True])

    async def deliver(facts: Sequence[FactRecord]) -> list[Delivery]:
        return [] if next(silent, False) else await consumer.deliver(facts)

    async with running(_relay(live_backend, deliver).run):
        await _append(live_backend, [fact(1)])
        await consumer.complete.wait()


async def test_a_key_never_runs_twice_at_once_and_every_change_is_seen(
    live_backend: Backend,
) -> None:
    """What a run read before a change never stays the last word."""
    wanted: defaultdict[str, int] = defaultdict(int)
    made: dict[str, int] = {}
    inside: set[str] = set()

    async def reconcile(job: Job) -> RunOutcome:
        assert job.key not in inside
        inside.add(job.key)
        read = wanted[job.key]
        await asyncio.sleep(0.002)
        made[job.key] = read
        inside.discard(job.key)
        return Done()

    workers = [_worker(live_backend, reconcile) for _ in range(2)]
    async with running(*(worker.run for worker in workers)):
        for number in range(40):
            key = f"ten_{number % 3}"
            wanted[key] += 1
            await _enqueue(live_backend, key)
        await _empty(live_backend.keys, "tenants")
    assert made == wanted


async def test_a_run_that_fails_is_tried_again_and_counts_its_failures(
    live_backend: Backend,
) -> None:
    attempts: list[int] = []

    async def handle(job: Job) -> RunOutcome:
        attempts.append(job.attempts)
        if len(attempts) == 1:
            raise ValueError("not yet")
        if len(attempts) == 2:
            raise asyncio.CancelledError
        return Done()

    async with running(_worker(live_backend, handle).run):
        await _enqueue(live_backend, "a")
        await _empty(live_backend.keys, "tenants")
    assert attempts == [0, 1, 2]


async def test_what_is_not_urgent_waits_for_some_of_what_is_and_not_for_all_of_it(
    live_backend: Backend,
) -> None:
    runs: list[str] = []
    enough = asyncio.Event()

    async def handle(job: Job) -> RunOutcome:
        runs.append(job.key)
        if len(runs) < 40:
            await _enqueue(live_backend, f"bought {len(runs)}", priority=5)
        else:
            enough.set()
        return Done()

    bought = [f"bought before {number}" for number in range(4)]
    await _enqueue(live_backend, "heard of")
    await _enqueue(live_backend, *bought, priority=5)
    async with running(_worker(live_backend, handle, concurrency=2).run):
        await enough.wait()
    assert 4 <= runs.index("heard of") < 12


async def test_again_is_another_run_and_no_failure(live_backend: Backend) -> None:
    attempts: list[int] = []

    async def handle(job: Job) -> RunOutcome:
        attempts.append(job.attempts)
        return Done() if len(attempts) == 2 else Again(0.01)

    async with running(_worker(live_backend, handle).run):
        await _enqueue(live_backend, "a")
        await _empty(live_backend.keys, "tenants")
    assert attempts == [0, 0]


async def test_the_lease_of_a_long_run_is_renewed(live_backend: Backend) -> None:
    runs: list[float] = []
    queue = Renewed(live_backend.queue)

    async def handle(job: Job) -> RunOutcome:
        runs.append(job.lease.remaining())
        await queue.outlasted.wait()
        runs.append(job.lease.remaining())
        return Done()

    backend = replace(live_backend, queue=queue)
    workers = [_worker(backend, handle, lease=0.5) for _ in range(2)]
    async with running(*(worker.run for worker in workers)):
        await _enqueue(live_backend, "a")
        await _empty(live_backend.keys, "tenants")
    assert len(runs) == 2
    assert all(0 < remaining <= 0.5 for remaining in runs)


async def test_an_orderly_stop_finishes_what_runs(live_backend: Backend) -> None:
    began, go_on, finished = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def handle(_job: Job) -> RunOutcome:
        began.set()
        await go_on.wait()
        finished.set()
        return Done()

    async with running(_worker(live_backend, handle).run):
        await _enqueue(live_backend, "a")
        await began.wait()
        # Comes after the end of this block, by which the worker is told to stop.
        asyncio.get_running_loop().call_soon(go_on.set)
    assert finished.is_set()
    assert await live_backend.keys("tenants") == []
