"""What every outbox promises a relay."""

import pytest

from services.chassis.relaying import Postponed, Rejected
from tests.contract.chassis.backends import Backend, Tx, fact

LEASE = 30.0


async def _append(backend: Backend, *numbers: int, key: str = "acc_1") -> None:
    async def append(tx: Tx) -> None:
        await backend.append(tx, [fact(number, key=key) for number in numbers])

    await backend.run(append)


async def _claim(backend: Backend, limit: int = 10, after: str = "") -> list[str]:
    claimed = await backend.outbox.claim("subscription", after, limit, LEASE)
    return [row.fact.id for row in claimed]


async def test_a_fact_comes_out_as_it_went_in(backend: Backend) -> None:
    await _append(backend, 7)
    (claimed,) = await backend.outbox.claim("subscription", "", 10, LEASE)
    assert claimed.fact == fact(7)
    assert claimed.failures == 0


async def test_a_fact_of_a_transaction_that_failed_is_not_there(backend: Backend) -> None:
    async def fail(tx: Tx) -> None:
        await backend.append(tx, [fact(1)])
        raise LookupError

    with pytest.raises(LookupError):
        await backend.run(fail)
    assert await _claim(backend) == []


async def test_the_oldest_facts_of_a_key_are_claimed_together_and_no_more(
    backend: Backend,
) -> None:
    await _append(backend, 2, 1, 3, 7, 6, 5)
    await _append(backend, 4, key="acc_2")
    assert await _claim(backend) == ["fct_2", "fct_1", "fct_3", "fct_7", "fct_4"]
    assert await _claim(backend) == []


async def test_a_limit_is_one_of_keys(backend: Backend) -> None:
    await _append(backend, 1, 2)
    await _append(backend, 4, key="acc_2")
    assert await _claim(backend, limit=1) == ["fct_1", "fct_2"]


async def test_the_next_of_a_key_follows_once_those_before_are_accepted(backend: Backend) -> None:
    await _append(backend, 1, 2, 3, 4, 5)
    claimed = await backend.outbox.claim("subscription", "", 10, LEASE)
    await backend.outbox.accepted(claimed[:3])
    assert await _claim(backend) == []
    await backend.outbox.accepted(claimed[3:])
    assert await _claim(backend) == ["fct_5"]


async def test_what_is_not_due_holds_up_what_comes_after_it(backend: Backend) -> None:
    await _append(backend, 1, 2, 3)
    claimed = await backend.outbox.claim("subscription", "", 10, LEASE)
    waits = [Postponed(claimed[0], 0.0, ""), Postponed(claimed[1], 60.0, "")]
    await backend.outbox.postpone([*waits, Postponed(claimed[2], 0.0, "")])
    assert await _claim(backend) == ["fct_1"]


async def test_a_claim_goes_on_behind_the_key_it_is_told(backend: Backend) -> None:
    for number in range(5):
        await _append(backend, number, key=f"acc_{number}")
    assert await _claim(backend, limit=2) == ["fct_0", "fct_1"]
    assert await _claim(backend, limit=2, after="acc_2") == ["fct_3", "fct_4"]
    assert await _claim(backend) == ["fct_2"]


async def test_a_lease_that_ran_out_is_claimed_again_in_a_new_epoch(backend: Backend) -> None:
    await _append(backend, 1)
    (first,) = await backend.outbox.claim("subscription", "", 10, LEASE)
    await backend.advance(LEASE - 1)
    assert await _claim(backend) == []
    await backend.advance(2)
    (second,) = await backend.outbox.claim("subscription", "", 10, LEASE)
    assert second.epoch > first.epoch


async def test_a_postponed_head_keeps_its_key_waiting(backend: Backend) -> None:
    await _append(backend, 1, 2)
    head, follower = await backend.outbox.claim("subscription", "", 10, LEASE)
    await backend.outbox.postpone([Postponed(head, 60.0, "away"), Postponed(follower, 0.0, "")])
    await backend.advance(59)
    assert await _claim(backend) == []
    await backend.advance(2)
    again, _ = await backend.outbox.claim("subscription", "", 10, LEASE)
    assert (again.fact.id, again.failures) == ("fct_1", 1)


async def test_a_rejected_fact_is_a_dead_letter_and_its_key_goes_on(backend: Backend) -> None:
    await _append(backend, 1)
    (claimed,) = await backend.outbox.claim("subscription", "", 10, LEASE)
    await _append(backend, 2)
    await backend.outbox.reject([Rejected(claimed, "does not parse")])
    assert await backend.dead("subscription") == ["fct_1"]
    assert await _claim(backend) == ["fct_2"]


async def test_what_a_stale_claim_says_counts_for_nothing(backend: Backend) -> None:
    await _append(backend, 1)
    (stale,) = await backend.outbox.claim("subscription", "", 10, LEASE)
    await backend.advance(LEASE + 1)
    assert await _claim(backend) == ["fct_1"]
    await backend.outbox.reject([Rejected(stale, "late")])
    await backend.outbox.postpone([Postponed(stale, 0.0, "late")])
    assert await backend.dead("subscription") == []
    assert await backend.waiting("subscription") == ["fct_1"]
    assert await _claim(backend) == []


async def test_a_fact_that_waits_is_not_doubled(backend: Backend) -> None:
    await _append(backend, 1)
    await _append(backend, 1)
    assert await backend.waiting("subscription") == ["fct_1"]


async def test_each_destination_has_its_own_row(backend: Backend) -> None:
    async def append(tx: Tx) -> None:
        await backend.append(tx, [fact(1, to="subscription"), fact(1, to="pricing")])

    await backend.run(append)
    await backend.outbox.accepted(await backend.outbox.claim("subscription", "", 10, LEASE))
    assert await backend.waiting("subscription") == []
    assert await backend.waiting("pricing") == ["fct_1"]


async def test_a_fact_that_goes_nowhere_is_refused(backend: Backend) -> None:
    lost = fact(1)

    async def append(tx: Tx) -> None:
        await backend.append(tx, [type(lost)(lost.id, lost.key, 1, lost.type, b"")])

    with pytest.raises(ValueError, match="goes nowhere"):
        await backend.run(append)


async def test_an_append_wakes_the_relay_after_its_commit_only(backend: Backend) -> None:
    seen = backend.wakeups.seen("outbox:subscription")

    async def append(tx: Tx) -> None:
        await backend.append(tx, [fact(1)])
        assert backend.wakeups.seen("outbox:subscription") == seen

    await backend.run(append)
    assert backend.wakeups.seen("outbox:subscription") == seen + 1
