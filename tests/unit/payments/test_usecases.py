"""What operators ask: pages of events, a fold done again, old bodies gone."""

from datetime import timedelta

import pytest

from services.chassis.errors import InvalidArgument
from services.chassis.idempotency import IdempotencyConflict
from services.chassis.identity import Principal
from services.payments import convert
from services.payments.errors import KeyNotVerified, ProviderOff, ProviderUnreachable, UnknownEvent
from services.payments.events import EventState, Replay, StoredEvent
from services.payments.pinning import KeyState
from services.payments.providers.none.provider import NoProvider
from services.payments.usecases import (
    BODIES_KEPT,
    drop_old_bodies,
    get_provider,
    list_events,
    replay_event,
)
from tests.fakes.payments import AUDIT, BODIES, EVENTS
from tests.unit.payments.world import CHECKOUT, World, purchase
from tollgate.payments.v1 import payments_pb2
from tollgate.payments.v1 import payments_service_pb2 as pb

ADMIN = Principal("root", "user")


async def world_with(count: int) -> World:
    world = World()
    for number in range(count):
        await world.deliver(f"evt_{number}", "checkout.completed", f"cs_{number}")
        world.clock.advance(number % 2)  # Pairs share their time.
    return world


async def all_pages(world: World, size: int, state: EventState | None = None) -> list[StoredEvent]:
    found: list[StoredEvent] = []
    token = ""
    while True:
        page = await list_events(world.tx, state, convert.from_proto_page_token(token), size)
        assert len(page.events) <= size
        found += page.events
        token = convert.to_proto_event_page(page).next_page_token
        if not token:
            return found


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
async def test_pages_of_any_size_show_each_event_once_newest_first(size: int) -> None:
    world = await world_with(7)
    found = await all_pages(world, size)
    places = [(event.receive_time, event.event.id) for event in found]
    assert places == sorted(places, reverse=True)
    assert len(set(places)) == 7


async def test_a_state_is_filtered() -> None:
    world = await world_with(2)
    await world.deliver("evt_x", "balance.available", "-")
    found = await all_pages(world, 10, EventState.IGNORED)
    assert [event.event.id for event in found] == ["evt_x"]


@pytest.mark.parametrize("token", ["x", "WyJhIiwiYiJd", "WzEsMl0", "é"])
def test_a_page_token_that_we_did_not_give_is_refused(token: str) -> None:
    with pytest.raises(InvalidArgument):
        convert.from_proto_page_token(token)


def test_a_state_that_is_none_is_refused() -> None:
    request = pb.ListEventsRequest()
    request.state = 99  # type: ignore[assignment]  # as a newer client might send
    with pytest.raises(InvalidArgument):
        convert.from_proto_state(request.state)


async def test_a_replay_is_audited_and_repeated_under_its_key_without_effect() -> None:
    world = await world_with(1)
    asked = Replay("evt_0", "root", "why not", "key-1")
    first = await replay_event(world.tx, world.provider, world.key, asked)
    again = await replay_event(world.tx, world.provider, world.key, asked)
    assert first == again
    (entry,) = world.db.committed(AUDIT).values()
    assert (entry.actor, entry.object, entry.reason) == ("root", "evt_0", "why not")


async def test_a_key_that_was_used_for_another_replay_is_refused() -> None:
    world = await world_with(2)
    await replay_event(world.tx, world.provider, world.key, Replay("evt_0", "root", "", "key-1"))
    with pytest.raises(IdempotencyConflict):
        await replay_event(
            world.tx, world.provider, world.key, Replay("evt_1", "root", "", "key-1")
        )


async def test_an_event_that_failed_is_folded_after_a_replay() -> None:
    world = await world_with(0)
    await world.deliver("evt_1", "balance.available", "-")
    answer = await replay_event(
        world.tx, world.provider, world.key, Replay("evt_1", "root", "maybe now")
    )
    assert answer.judgement.state is EventState.IGNORED
    await world.deliver("evt_2", "checkout.completed", "cs_1")
    world.provider.objects[CHECKOUT] = purchase()
    await world.settle()
    answer = await replay_event(world.tx, world.provider, world.key, Replay("evt_2", "root", ""))
    assert answer.judgement.state is EventState.PENDING
    await world.settle()
    assert world.event("evt_2").judgement.state is EventState.DONE


async def test_an_event_that_was_never_stored_is_unknown() -> None:
    world = World()
    with pytest.raises(UnknownEvent):
        await replay_event(world.tx, world.provider, world.key, Replay("evt_1", "root", ""))


async def test_nothing_is_replayed_without_a_provider_or_its_account() -> None:
    world = await world_with(1)
    with pytest.raises(ProviderOff):
        await replay_event(world.tx, NoProvider(), world.key, Replay("evt_0", "root", ""))
    key = KeyState()
    with pytest.raises(ProviderUnreachable):
        await replay_event(world.tx, world.provider, key, Replay("evt_0", "root", ""))
    key.refuse("of another account")
    with pytest.raises(KeyNotVerified):
        await replay_event(world.tx, world.provider, key, Replay("evt_0", "root", ""))


async def test_bodies_are_dropped_after_thirty_days_and_events_stay() -> None:
    world = await world_with(3)
    world.clock.advance((BODIES_KEPT - timedelta(hours=1)).total_seconds())
    assert await drop_old_bodies(world.tx, world.clock) == 0
    world.clock.advance(3601)
    assert await drop_old_bodies(world.tx, world.clock) == 3
    assert world.db.committed(BODIES) == {}
    assert len(world.db.committed(EVENTS)) == 3


def test_the_provider_that_is_on_is_shown_with_its_account() -> None:
    world = World()
    shown = convert.to_proto_provider(get_provider(world.provider, world.key))
    assert shown == payments_pb2.Provider(
        name="memory", checkout=True, webhooks=True, account="acct_memory"
    )
    none = convert.to_proto_provider(get_provider(NoProvider(), KeyState()))
    assert none == payments_pb2.Provider(name="none")


@pytest.mark.parametrize(
    "request_",
    [
        pb.ReplayEventRequest(),
        pb.ReplayEventRequest(name="e" * 256),
        pb.ReplayEventRequest(name="evt\0"),
        pb.ReplayEventRequest(name="evt_1", request_id="k" * 256),
        pb.ReplayEventRequest(name="evt_1", reason="r" * 1001),
    ],
)
def test_a_replay_with_a_field_out_of_bounds_is_refused(request_: pb.ReplayEventRequest) -> None:
    with pytest.raises(InvalidArgument):
        convert.from_proto_replay(request_, ADMIN, "")
