"""Taking webhooks in: bounded, stored once, each answered for itself."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pytest

from services.chassis.errors import InvalidArgument, Unavailable
from services.chassis.groupcommit import GroupCommit
from services.payments import events as ev
from services.payments.errors import TooManyBytes
from services.payments.events import EventState, Ingested, NewEvent, Outcome, RawRequest
from services.payments.ingest import BytesInFlight, ingest_events, refuse_events, store_batch
from services.payments.providers.none.provider import NoProvider
from tests.fakes.payments import BODIES, EVENTS
from tests.unit.payments.world import World, raw


async def test_a_signed_event_is_stored_and_a_second_one_is_called_a_duplicate() -> None:
    world = World()
    first = await world.deliver("evt_1", "checkout.completed", "cs_1")
    second = await world.deliver("evt_1", "checkout.completed", "cs_1")
    assert first == Ingested(Outcome.STORED, event_id="evt_1")
    assert second == Ingested(Outcome.DUPLICATE, event_id="evt_1")
    assert world.event("evt_1").deliveries == 2


async def test_an_event_that_comes_twice_in_one_call_is_stored_once() -> None:
    world = World()
    request = raw("evt_1", "checkout.completed", "cs_1")
    commits: GroupCommit[NewEvent, bool] = GroupCommit(
        partial(store_batch, world.tx),
        key=lambda event: event.event.id,
        size=lambda event: len(event.body.blob),
    )
    stopping = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(commits.run(stopping))
        intake = replace(world.intake(), commit=commits.enter)
        answers = await ingest_events(intake, [request, request, request])
        stopping.set()
    assert sorted(answer.outcome for answer in answers) == ["DUPLICATE", "DUPLICATE", "STORED"]
    assert world.event("evt_1").deliveries == 3


async def test_concurrent_deliveries_of_one_event_store_it_once() -> None:
    world = World()
    answers = await asyncio.gather(
        *(world.deliver("evt_1", "checkout.completed", "cs_1") for _ in range(8))
    )
    assert sum(answer.outcome is Outcome.STORED for answer in answers) == 1
    assert world.event("evt_1").deliveries == 8


async def test_a_batch_with_overlapping_events_in_any_order_does_not_deadlock() -> None:
    world = World()
    names = [f"evt_{number}" for number in range(6)]
    forward = [raw(name, "checkout.completed", "cs_1") for name in names]
    intake = world.intake()
    async with asyncio.TaskGroup() as tasks:
        one = tasks.create_task(ingest_events(intake, forward))
        two = tasks.create_task(ingest_events(intake, forward[::-1]))
    outcomes = [answer.outcome for answer in one.result() + two.result()]
    assert outcomes.count(Outcome.STORED) == len(names)


async def test_an_unsigned_request_is_refused_and_not_stored() -> None:
    world = World()
    unsigned = replace(raw("evt_1", "checkout.completed", "cs_1"), headers={})
    assert await world.ingest([unsigned]) == [Ingested(Outcome.REFUSED, "SIGNATURE_MISSING")]
    assert world.db.committed(EVENTS) == {}


@pytest.mark.parametrize(
    ("headers", "reason"),
    [({"account": "acct_other"}, "OTHER_ACCOUNT"), ({"live": "yes"}, "OTHER_MODE")],
)
async def test_events_of_another_account_or_mode_are_set_aside(
    headers: dict[str, str], reason: str
) -> None:
    world = World()
    await world.ingest([raw("evt_1", "checkout.completed", "cs_1", **headers)])
    judgement = world.event("evt_1").judgement
    assert (judgement.state, judgement.reason) == (EventState.SET_ASIDE, reason)
    await world.settle()
    assert world.provider.fetched == []


async def test_a_type_that_nobody_handles_is_stored_and_ignored() -> None:
    world = World()
    await world.deliver("evt_1", "balance.available", "-")
    assert world.event("evt_1").judgement.state is EventState.IGNORED
    assert world.queue.keys("objects") == {}


async def test_nothing_is_taken_in_while_no_account_is_pinned() -> None:
    world = World()
    world.key.refuse("another account")
    answer = await world.deliver("evt_1", "checkout.completed", "cs_1")
    assert answer == Ingested(Outcome.UNAVAILABLE, event_id="evt_1")
    assert world.db.committed(EVENTS) == {}


async def test_a_request_of_another_provider_finds_nobody() -> None:
    world = World()
    request = replace(raw("evt_1", "checkout.completed", "cs_1"), provider="whmcs")
    assert await world.ingest([request]) == [Ingested(Outcome.NO_PROVIDER)]


async def test_without_a_provider_every_request_finds_nobody() -> None:
    request = replace(raw("evt_1", "checkout.completed", "cs_1"), provider="none")
    assert await refuse_events(NoProvider(), [request]) == [Ingested(Outcome.NO_PROVIDER)]


async def test_a_body_over_a_mebibyte_is_too_large_before_anybody_looks_at_it() -> None:
    world = World()
    world.flight = BytesInFlight(8 << 20)
    request = RawRequest("memory", "/hook", {}, b"x" * (ev.MAX_BODY_BYTES + 1))
    (answer,) = await world.ingest([request])
    assert answer == Ingested(Outcome.TOO_LARGE, "TOO_LARGE")


async def test_too_many_bytes_in_flight_are_refused_until_they_are_stored() -> None:
    world = World()
    world.flight = BytesInFlight(100)
    world.flight.take(90)
    with pytest.raises(TooManyBytes):
        await world.deliver("evt_1", "checkout.completed", "cs_1")
    world.flight.give_back(90)
    answer = await world.deliver("evt_1", "checkout.completed", "cs_1")
    assert answer.outcome is Outcome.STORED


@pytest.mark.parametrize("count", [0, ev.MAX_EVENTS_A_CALL + 1])
async def test_a_call_takes_one_to_256_requests(count: int) -> None:
    with pytest.raises(InvalidArgument):
        await World().ingest([raw("evt_1", "checkout.completed", "cs_1")] * count)


async def test_a_row_that_cannot_be_stored_fails_no_other() -> None:
    world = World()
    stored = world.intake().commit

    async def commit(event: NewEvent) -> bool:
        if event.event.id == "evt_poison":
            raise ValueError("the database does not like it")
        if event.event.id == "evt_busy":
            raise Unavailable("the database is away")
        return await stored(event)

    intake = replace(world.intake(), commit=commit)
    names: Sequence[str] = ("evt_poison", "evt_1", "evt_busy")
    answers = await ingest_events(
        intake, [raw(name, "checkout.completed", "cs_1") for name in names]
    )
    assert [answer.outcome for answer in answers] == [
        Outcome.UNAVAILABLE,
        Outcome.STORED,
        Outcome.UNAVAILABLE,
    ]


async def test_stored_bodies_are_sealed_and_open_only_for_their_own_event() -> None:
    world = World()
    await world.deliver("evt_1", "checkout.completed", "cs_1")
    (_, sealed) = world.db.committed(BODIES)["memory", "evt_1"]
    assert b"checkout" not in sealed.blob
    assert world.sealer.open(sealed, "memory/evt_1") == b"evt_1 checkout.completed cs_1"
