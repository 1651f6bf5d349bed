"""What every reconcile queue promises a worker."""

import asyncio

import pytest

from services.chassis.working import ClaimedKey
from tests.contract.chassis.backends import Backend, Tx

LEASE = 30.0
QUEUE = "tenants"


async def _enqueue(backend: Backend, *keys: str, due_in: float = 0.0, priority: int = 0) -> None:
    async def enqueue(tx: Tx) -> None:
        await backend.enqueue(tx, QUEUE, keys, due_in=due_in, priority=priority)

    await backend.run(enqueue)


async def _claim(backend: Backend, limit: int = 10) -> list[str]:
    return [claimed.key for claimed in await backend.queue.claim(QUEUE, limit, LEASE)]


async def _claim_one(backend: Backend) -> ClaimedKey:
    (claimed,) = await backend.queue.claim(QUEUE, 10, LEASE)
    return claimed


async def test_a_key_enqueued_twice_is_one_job(backend: Backend) -> None:
    await _enqueue(backend, "a", "a")
    await _enqueue(backend, "a")
    assert await _claim(backend) == ["a"]


async def test_a_key_that_went_and_came_anew_is_never_taken_for_the_one_before(
    backend: Backend,
) -> None:
    seen = set[int]()
    for _ in range(3):
        await _enqueue(backend, "a")
        await _enqueue(backend, "a")
        claimed = await _claim_one(backend)
        await backend.queue.finish(QUEUE, claimed)
        assert claimed.generation not in seen
        seen.add(claimed.generation)


async def test_a_key_that_runs_is_not_claimed_again(backend: Backend) -> None:
    await _enqueue(backend, "a")
    await _claim_one(backend)
    await _enqueue(backend, "a")
    assert await _claim(backend) == []


async def test_a_finished_key_is_gone(backend: Backend) -> None:
    await _enqueue(backend, "a")
    await backend.queue.finish(QUEUE, await _claim_one(backend))
    assert await backend.keys(QUEUE) == []


async def test_a_key_enqueued_while_it_ran_is_due_again_at_once(backend: Backend) -> None:
    await _enqueue(backend, "a")
    claimed = await _claim_one(backend)
    await _enqueue(backend, "a")
    await backend.queue.finish(QUEUE, claimed)
    assert await _claim(backend) == ["a"]


async def test_a_later_look_asked_for_while_it_ran_is_kept(backend: Backend) -> None:
    await _enqueue(backend, "a")
    claimed = await _claim_one(backend)
    await _enqueue(backend, "a", due_in=600)
    await backend.queue.finish(QUEUE, claimed)
    assert await _claim(backend) == []
    await backend.advance(601)
    assert await _claim(backend) == ["a"]


async def test_the_earlier_due_time_wins(backend: Backend) -> None:
    await _enqueue(backend, "a", due_in=600)
    await _enqueue(backend, "a", due_in=60)
    await _enqueue(backend, "a", due_in=6000)
    await backend.advance(59)
    assert await _claim(backend) == []
    await backend.advance(2)
    assert await _claim(backend) == ["a"]


async def test_higher_priorities_go_first(backend: Backend) -> None:
    await _enqueue(backend, "renewal")
    await backend.advance(5)
    await _enqueue(backend, "purchase", priority=5)
    assert await _claim(backend, limit=1) == ["purchase"]
    assert await _claim(backend, limit=1) == ["renewal"]


async def test_the_longest_due_go_first_within_a_priority(backend: Backend) -> None:
    for key in ("c", "a", "b"):
        await _enqueue(backend, key)
        await backend.advance(1)
    assert await _claim(backend, limit=2) == ["c", "a"]


async def test_the_longest_due_of_all_priorities_can_be_asked_for(backend: Backend) -> None:
    assert await backend.queue.claim_oldest(QUEUE, LEASE) == []
    for priority, key in ((5, "b"), (0, "a"), (9, "c")):
        await _enqueue(backend, key, priority=priority)
        await backend.advance(1)
    await _enqueue(backend, "later", due_in=60)
    taken = [await backend.queue.claim_oldest(QUEUE, LEASE) for _ in range(4)]
    assert [[one.key for one in some] for some in taken] == [["b"], ["a"], ["c"], []]
    await backend.queue.finish(QUEUE, taken[0][0])
    assert await backend.keys(QUEUE) == ["a", "c", "later"]


async def test_the_longest_due_is_left_to_the_run_that_commits_with_it(backend: Backend) -> None:
    await _enqueue(backend, "a")
    claimed = await _claim_one(backend)

    async def effect(tx: Tx) -> None:
        assert await backend.queue.holds(tx, QUEUE, claimed)
        await backend.advance(LEASE + 1)
        assert await backend.queue.claim_oldest(QUEUE, LEASE) == []

    await backend.run(effect)
    (again,) = await backend.queue.claim_oldest(QUEUE, LEASE)
    assert (again.key, again.epoch > claimed.epoch) == ("a", True)


async def test_a_lease_that_ran_out_is_claimed_in_a_higher_epoch(backend: Backend) -> None:
    await _enqueue(backend, "a")
    first = await _claim_one(backend)
    await backend.advance(LEASE + 1)
    second = await _claim_one(backend)
    assert second.epoch > first.epoch


async def test_an_epoch_never_comes_back_after_a_key_was_gone(backend: Backend) -> None:
    await _enqueue(backend, "a")
    first = await _claim_one(backend)
    await backend.queue.finish(QUEUE, first)
    await _enqueue(backend, "a")
    assert (await _claim_one(backend)).epoch > first.epoch


async def test_a_stale_run_finishes_nothing(backend: Backend) -> None:
    await _enqueue(backend, "a")
    stale = await _claim_one(backend)
    await backend.advance(LEASE + 1)
    live = await _claim_one(backend)
    await backend.queue.finish(QUEUE, stale)
    await backend.queue.again(QUEUE, stale, 0.0, "late")
    assert await _claim(backend) == []
    await backend.queue.finish(QUEUE, live)
    assert await backend.keys(QUEUE) == []


async def test_failures_are_counted_until_a_run_succeeds(backend: Backend) -> None:
    await _enqueue(backend, "a")
    await backend.queue.again(QUEUE, await _claim_one(backend), 10.0, "away")
    assert await _claim(backend) == []
    await backend.advance(11)
    second = await _claim_one(backend)
    assert second.failures == 1
    await backend.queue.again(QUEUE, second, 0.0, None)
    assert (await _claim_one(backend)).failures == 0


async def test_an_enqueue_cuts_a_backoff_short(backend: Backend) -> None:
    await _enqueue(backend, "a")
    await backend.queue.again(QUEUE, await _claim_one(backend), 600.0, "away")
    await _enqueue(backend, "a")
    assert (await _claim_one(backend)).failures == 1


async def test_a_renewed_lease_lasts(backend: Backend) -> None:
    await _enqueue(backend, "a")
    claimed = await _claim_one(backend)
    await backend.advance(LEASE - 1)
    held = [("a", claimed.epoch), ("gone", 1)]
    assert await backend.queue.renew(QUEUE, held, LEASE) == {("a", claimed.epoch)}
    await backend.advance(LEASE - 1)
    assert await _claim(backend) == []


async def test_only_the_live_run_holds_its_key(backend: Backend) -> None:
    await _enqueue(backend, "a")
    stale = await _claim_one(backend)

    async def holds(tx: Tx) -> bool:
        return await backend.queue.holds(tx, QUEUE, stale)

    assert await backend.run(holds)
    await backend.advance(LEASE + 1)
    assert not await backend.run(holds)
    await _claim_one(backend)
    assert not await backend.run(holds)


async def test_nobody_gets_a_key_while_its_run_commits_and_enqueues_go_through(
    backend: Backend,
) -> None:
    await _enqueue(backend, "a")
    claimed = await _claim_one(backend)

    async def effect(tx: Tx) -> None:
        assert await backend.queue.holds(tx, QUEUE, claimed)
        async with asyncio.timeout(5):
            await _enqueue(backend, "a")
        await backend.advance(LEASE + 1)
        assert await _claim(backend) == []

    await backend.run(effect)
    assert await _claim(backend) == ["a"]


async def test_a_priority_out_of_bounds_is_refused(backend: Backend) -> None:
    with pytest.raises(Exception, match="priority"):
        await _enqueue(backend, "a", priority=10)


async def test_only_what_is_due_now_wakes_the_worker(backend: Backend) -> None:
    seen = backend.wakeups.seen(f"queue:{QUEUE}")
    await _enqueue(backend, "later", due_in=60)
    assert backend.wakeups.seen(f"queue:{QUEUE}") == seen
    await _enqueue(backend, "now")
    assert backend.wakeups.seen(f"queue:{QUEUE}") == seen + 1
