"""Facts that are handed to a relay of the process that wrote them, over both keepings."""

import asyncio
from collections.abc import Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from services.chassis.facts import Delivery, FactRecord, Outcome
from services.chassis.relaying import ClaimedFact, OutboxRows, RelayLoop
from services.chassis.wakeups import Offer
from tests.contract.chassis.backends import Backend, Tx, fact
from tests.contract.chassis.test_loops import Consumer, running

LEASE = 30.0
TOPIC = "outbox:subscription"


class Free:
    """A relay of the process that is always free, and keeps what it is handed."""

    def __init__(self) -> None:
        self.handed: list[ClaimedFact] = []

    def offer(self, _count: int) -> Offer:
        return Offer(LEASE, self.handed.extend)

    @property
    def ids(self) -> list[str]:
        return [row.fact.id for row in self.handed]


class Counted:
    """Rows that count their claims."""

    def __init__(self, rows: OutboxRows) -> None:
        self._rows = rows
        self.claims = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._rows, name)

    async def claim(
        self, destination: str, after_key: str, limit: int, lease: float
    ) -> Sequence[ClaimedFact]:
        self.claims += 1
        return await self._rows.claim(destination, after_key, limit, lease)


async def _append(backend: Backend, *facts: FactRecord) -> None:
    async def append(tx: Tx) -> None:
        await backend.append(tx, facts)

    await backend.run(append)


async def _claim(backend: Backend) -> list[str]:
    return [row.fact.id for row in await backend.outbox.claim("subscription", "", 10, LEASE)]


@contextmanager
def _free(backend: Backend) -> Any:
    relay = Free()
    with backend.wakeups.taking(TOPIC, relay.offer):
        yield relay


async def test_what_is_handed_over_is_nobody_elses_while_its_lease_lasts(
    backend: Backend,
) -> None:
    with _free(backend) as relay:
        await _append(backend, fact(1), fact(2), fact(3, key="acc_2"))
    assert relay.ids == ["fct_1", "fct_2", "fct_3"]
    assert relay.handed[0].fact == fact(1)
    await backend.advance(LEASE - 5)
    assert await _claim(backend) == []
    await backend.advance(10)
    assert await _claim(backend) == ["fct_1", "fct_2", "fct_3"]


async def test_what_is_handed_over_wakes_nobody(backend: Backend) -> None:
    seen = backend.wakeups.seen(TOPIC)
    with _free(backend):
        await _append(backend, fact(1))
    assert backend.wakeups.seen(TOPIC) == seen


async def test_a_transaction_that_failed_hands_nothing_over(backend: Backend) -> None:
    async def fail(tx: Tx) -> None:
        await backend.append(tx, [fact(1)])
        raise LookupError

    with _free(backend) as relay, pytest.raises(LookupError):
        await backend.run(fail)
    assert relay.handed == []


async def test_nothing_is_handed_over_before_the_commit(backend: Backend) -> None:
    with _free(backend) as relay:

        async def append(tx: Tx) -> None:
            await backend.append(tx, [fact(1)])
            assert relay.handed == []

        await backend.run(append)
    assert relay.ids == ["fct_1"]


async def test_what_has_something_older_of_its_key_before_it_is_looked_for(
    backend: Backend,
) -> None:
    await _append(backend, fact(1))
    seen = backend.wakeups.seen(TOPIC)
    with _free(backend) as relay:
        await _append(backend, fact(2), fact(3, key="acc_2"))
    assert relay.ids == ["fct_3"]
    assert backend.wakeups.seen(TOPIC) == seen + 1
    assert await _claim(backend) == ["fct_1", "fct_2"]


async def test_what_is_leased_holds_back_what_comes_after_it(backend: Backend) -> None:
    with _free(backend) as relay:
        await _append(backend, fact(1))
        await _append(backend, fact(2))
    assert relay.ids == ["fct_1"]
    assert await _claim(backend) == []
    await backend.outbox.accepted(relay.handed)
    assert await _claim(backend) == ["fct_2"]


async def test_a_fact_that_waits_already_is_not_handed_over_again(backend: Backend) -> None:
    with _free(backend) as relay:
        await _append(backend, fact(1))
        await _append(backend, fact(1))
    assert relay.ids == ["fct_1"]


async def test_only_the_row_of_a_destination_that_takes_it_is_leased(backend: Backend) -> None:
    both = FactRecord("fct_1", "acc_1", 1, "t", b"", ("subscription", "pricing"))
    with _free(backend) as relay:
        await _append(backend, both)
    assert relay.handed[0].fact.destinations == ("subscription",)
    (claimed,) = await backend.outbox.claim("pricing", "", 10, LEASE)
    assert claimed.fact.id == "fct_1"


async def test_what_was_handed_over_long_ago_counts_for_nothing_once_it_is_claimed(
    backend: Backend,
) -> None:
    with _free(backend) as relay:
        await _append(backend, fact(1))
    await backend.advance(LEASE + 1)
    (claimed,) = await backend.outbox.claim("subscription", "", 10, LEASE)
    assert claimed.epoch > relay.handed[0].epoch


async def test_a_relay_that_waits_needs_no_claim_for_what_its_process_writes(
    live_backend: Backend,
) -> None:
    consumer, rows = Consumer(3), Counted(live_backend.outbox)
    relay = _relay(live_backend, rows, consumer)
    async with running(relay.run):
        await _until_idle(live_backend)
        begun = rows.claims
        for number in range(3):
            await _append(live_backend, fact(number))
            await _until_idle(live_backend)
            assert await live_backend.waiting("subscription") == []
        assert rows.claims == begun
    assert consumer.taken == {"acc_1": ["fct_0", "fct_1", "fct_2"]}


async def test_what_others_write_is_looked_for_though_much_is_handed_over(
    live_backend: Backend,
) -> None:
    consumer, rows = Consumer(1_000_000), Counted(live_backend.outbox)
    relay = _relay(live_backend, rows, consumer, poll=0.05)
    async with running(relay.run):
        await _until_idle(live_backend)
        begun = rows.claims
        async with asyncio.timeout(10):
            number = 0
            while rows.claims < begun + 4:
                number += 1
                await _append(live_backend, fact(number, key=f"acc_{number}"))


async def test_a_relay_whose_destination_is_away_is_handed_nothing(live_backend: Backend) -> None:
    called = asyncio.Event()

    async def deliver(_facts: Sequence[FactRecord]) -> list[Delivery]:
        called.set()
        raise ConnectionError("away")

    relay = RelayLoop(
        live_backend.outbox, "subscription", deliver, wakeups=live_backend.wakeups, poll=60.0
    )
    async with running(relay.run):
        await _until_idle(live_backend)
        await _append(live_backend, fact(1))
        await called.wait()
        # What is refused now is refused for the failed call: that is written down, and both wait.
        await _until_idle(live_backend)
        assert await live_backend.waiting("subscription") == ["fct_1"]
        assert live_backend.wakeups.offer(TOPIC, 1) is None


async def test_an_orderly_stop_delivers_what_was_handed_over(live_backend: Backend) -> None:
    began, go_on = asyncio.Event(), asyncio.Event()
    taken: list[str] = []

    async def deliver(facts: Sequence[FactRecord]) -> list[Delivery]:
        began.set()
        await go_on.wait()
        taken.extend(one.id for one in facts)
        return [Delivery(one.id, Outcome.ACCEPTED) for one in facts]

    relay = RelayLoop(
        live_backend.outbox, "subscription", deliver, wakeups=live_backend.wakeups, poll=60.0
    )
    async with running(relay.run):
        await _until_idle(live_backend)
        await _append(live_backend, fact(1))
        await began.wait()
        # Nobody has begun with this one when the relay is told to stop.
        await _append(live_backend, fact(2, key="acc_2"))
        asyncio.get_running_loop().call_soon(go_on.set)
    assert sorted(taken) == ["fct_1", "fct_2"]
    assert await live_backend.waiting("subscription") == []


def _relay(
    backend: Backend, rows: OutboxRows, consumer: Consumer, *, poll: float = 60.0
) -> RelayLoop:
    return RelayLoop(rows, "subscription", consumer.deliver, wakeups=backend.wakeups, poll=poll)


async def _until_idle(backend: Backend) -> None:
    """Wait until both workers of the relay wait: what they had is settled."""
    async with asyncio.timeout(10):
        await backend.wakeups.waited_for(TOPIC, 2)
