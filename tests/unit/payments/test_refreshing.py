"""A subscription that is looked at now: the newest that was seen, whoever else looks at once."""

import asyncio
import itertools
from dataclasses import replace

import pytest

from services.chassis.errors import InvalidArgument
from services.payments import convert
from services.payments.binding import Operation, OperationKind
from services.payments.domain import AccountId, ObjectRef, OperationId
from services.payments.errors import (
    KeyNotVerified,
    NotOurs,
    ObjectForbidden,
    Overtaken,
    ProviderOff,
    ProviderUnreachable,
    TooManyFetches,
    UnknownSubscription,
)
from services.payments.events import EventState, Judgement, Replay
from services.payments.facts import SubscriptionState
from services.payments.folding import FETCHES_PER_SECOND
from services.payments.operations import Selling
from services.payments.providers.none.commerce import NoCommerce
from services.payments.providers.none.provider import NoProvider
from services.payments.usecases import refresh_subscription, refreshing, replay_event
from services.payments.views import Marker, Projection, SubscriptionStatus, SubscriptionView
from tests.fakes.chassis import CommitFate, SequenceIds
from tests.unit.payments.test_crashes import push_on
from tests.unit.payments.world import (
    CHECKOUT,
    DEPLOYMENT,
    SUBSCRIPTION,
    World,
    invoice,
    parsed,
    purchase,
    subscription,
)
from tollgate.payments.v1 import events_pb2
from tollgate.payments.v1 import payments_service_pb2 as pb

ENDED = SubscriptionStatus.CANCELED
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def selling_of(world: World) -> Selling:
    return Selling(
        world.tx,
        world.provider,
        NoCommerce(),
        world.key,
        DEPLOYMENT,
        world.clock,
        SequenceIds(),
    )


async def refresh(world: World, name: str = "sub_1") -> SubscriptionState:
    return await refresh_subscription(selling_of(world), name, TRACE)


def shows(world: World, view: SubscriptionView) -> None:
    world.provider.objects[SUBSCRIPTION] = Projection(SUBSCRIPTION, subscription=view)


def told(world: World) -> list[tuple[int, int]]:
    """The revision and status of every state fact, in the order of the outbox."""
    found = [fact for fact in world.facts() if fact.type.endswith("ProviderSubscription")]
    return [(fact.revision, getattr(parsed(fact), "status", 0)) for fact in found]


ACTIVE_FACT = (1, events_pb2.ProviderSubscription.STATUS_ACTIVE)
ENDED_FACT = (2, events_pb2.ProviderSubscription.STATUS_CANCELED)


async def test_what_is_news_is_answered_exactly_as_the_outbox_tells_it() -> None:
    world = World()
    shows(world, subscription())
    answer = convert.to_proto_refreshed(await refresh(world), TRACE).fact
    (fact,) = world.facts()
    assert (answer.id, answer.key, answer.revision) == (fact.id, fact.key, fact.revision)
    assert (answer.type, answer.payload) == (fact.type, fact.payload)
    assert (answer.traceparent, fact.traceparent) == (TRACE, TRACE)
    assert fact.revision == 1


async def test_what_is_known_is_answered_at_its_revision_and_not_told_again() -> None:
    world = World()
    shows(world, subscription())
    first = await refresh(world)
    await world.deliver_facts()
    assert await refresh(world) == first
    assert world.facts() == []
    shows(world, subscription(status=ENDED))
    assert ((await refresh(world)).revision, told(world)) == (2, [ENDED_FACT])


async def test_the_event_of_what_was_refreshed_has_nothing_to_add() -> None:
    world = World()
    shows(world, subscription())
    await refresh(world)
    await world.deliver("evt_1", "subscription.created", "sub_1")
    assert world.event("evt_1").judgement.state is EventState.PENDING
    await world.settle()
    assert world.event("evt_1").judgement.state is EventState.DONE
    assert told(world) == [ACTIVE_FACT]


async def test_a_payment_that_a_refresh_shows_is_told_once() -> None:
    world = World()
    world.provider.objects[SUBSCRIPTION] = Projection(
        SUBSCRIPTION, None, (invoice(),), subscription()
    )
    world.provider.objects[CHECKOUT] = purchase()
    await refresh(world)
    await world.deliver("evt_1", "checkout.completed", "cs_1")
    await world.settle()
    assert world.fact_types() == ["InvoicePaid", "ProviderSubscription", "CheckoutPaid"]


async def test_a_refresh_that_a_later_fold_overtook_writes_and_answers_nothing() -> None:
    world = World()
    shows(world, subscription())

    async def fold_meanwhile(_root: ObjectRef) -> None:
        if len(world.provider.fetched) == 1:
            shows(world, subscription(status=ENDED))
            await world.deliver("evt_1", "subscription.deleted", "sub_1")
            await world.settle()

    world.provider.during = fold_meanwhile
    with pytest.raises(Overtaken):
        await refresh(world)
    assert told(world) == [(1, events_pb2.ProviderSubscription.STATUS_CANCELED)]
    again = await refresh(world)
    assert (again.view.status, again.revision) == (ENDED, 1)


async def test_a_fold_that_a_later_refresh_overtook_writes_nothing_older() -> None:
    world = World()
    shows(world, subscription())
    seen: list[SubscriptionState] = []

    async def refresh_meanwhile(_root: ObjectRef) -> None:
        if len(world.provider.fetched) == 1:
            shows(world, subscription(status=ENDED))
            seen.append(await refresh(world))

    world.provider.during = refresh_meanwhile
    await world.deliver("evt_1", "subscription.updated", "sub_1")
    await world.settle()
    assert (seen[0].view.status, seen[0].revision) == (ENDED, 1)
    assert told(world) == [(1, events_pb2.ProviderSubscription.STATUS_CANCELED)]
    assert world.event("evt_1").judgement.state is EventState.DONE
    assert (await refresh(world)).revision == 1


async def test_a_replay_that_was_overtaken_sends_what_is_newest_and_nothing_older() -> None:
    world = World()
    shown = Projection(SUBSCRIPTION, subscription=subscription())
    world.provider.objects[SUBSCRIPTION] = shown
    await world.deliver("evt_1", "subscription.updated", "sub_1")
    await world.settle()
    await world.deliver_facts()
    ended = subscription(status=ENDED)

    async def checkout_meanwhile(root: ObjectRef) -> None:
        if root == SUBSCRIPTION and len(world.provider.fetched) == 2:
            world.provider.objects[CHECKOUT] = replace(purchase(), subscription=ended)
            world.provider.objects[SUBSCRIPTION] = Projection(SUBSCRIPTION, subscription=ended)
            await world.deliver("evt_2", "checkout.completed", "cs_1")
            await world.work()
            await world.deliver_facts()

    world.provider.during = checkout_meanwhile
    asked = Replay("evt_1", "root", "the consumer lost it")
    await replay_event(world.tx, world.provider, world.key, asked)
    await world.settle()
    assert world.provider.fetched == [SUBSCRIPTION, SUBSCRIPTION, CHECKOUT, SUBSCRIPTION]
    (fact,) = world.facts()
    newest = parsed(fact)
    assert isinstance(newest, events_pb2.ProviderSubscription)
    assert newest.status == events_pb2.ProviderSubscription.STATUS_CANCELED
    assert fact.revision == 2
    assert not world.event("evt_1").replay
    assert world.event("evt_1").judgement == Judgement(EventState.DONE)


async def test_many_at_once_tell_what_is_news_once() -> None:
    world = World()
    shows(world, subscription())

    async def let_others(_root: ObjectRef) -> None:
        await asyncio.sleep(0)

    world.provider.during = let_others
    answers = await asyncio.gather(*(refresh(world) for _ in range(8)), return_exceptions=True)
    states = [one for one in answers if isinstance(one, SubscriptionState)]
    overtaken = [one for one in answers if isinstance(one, Overtaken)]
    assert len(states) + len(overtaken) == 8
    assert {state.revision for state in states} == {1}
    assert told(world) == [ACTIVE_FACT]


@pytest.mark.parametrize("fate", [CommitFate.LOST_BEFORE, CommitFate.LOST_AFTER])
async def test_a_lost_answer_to_the_commit_is_no_other_fetch(fate: CommitFate) -> None:
    commits = itertools.count(1)
    world = World(fate=lambda: fate if next(commits) == 2 else CommitFate.COMMITTED)
    shows(world, subscription())
    answers: list[SubscriptionState] = []

    async def look() -> None:
        answers.append(await refresh(world))

    await push_on(world, look())
    assert [one.revision for one in answers] == [1]
    assert told(world) == [ACTIVE_FACT]
    assert next(commits) > 3, "the commit was lost and made again"


async def test_a_subscription_that_is_not_shown_is_unknown() -> None:
    world = World()
    with pytest.raises(UnknownSubscription):
        await refresh(world)
    world.provider.objects[SUBSCRIPTION] = ObjectForbidden("not for this key")
    with pytest.raises(UnknownSubscription):
        await refresh(world)
    assert world.facts() == []


@pytest.mark.parametrize(
    ("marker", "verdict"),
    [
        (Marker("op_1", "elsewhere", "acc_1"), "OTHER_DEPLOYMENT"),
        (Marker("op_unknown", DEPLOYMENT, "acc_1"), "OPERATION_UNKNOWN"),
        (Marker("op_1", DEPLOYMENT, "acc_2"), "OPERATION_MISMATCH"),
    ],
)
async def test_a_subscription_of_others_is_refused_and_not_written(
    marker: Marker, verdict: str
) -> None:
    world = World()
    account = AccountId("acc_1")
    operation = Operation(
        OperationId("op_1"),
        OperationKind.CHECKOUT,
        account,
        "memory",
        "acct_memory",
        DEPLOYMENT,
        b"",
        b"",
    )
    await world.tx.run(lambda store: store.put_operation(operation))
    shows(world, subscription(marker=marker))
    with pytest.raises(NotOurs) as refused:
        await refresh(world)
    assert refused.value.metadata == {"verdict": verdict}
    assert world.facts() == []
    shows(world, subscription(marker=Marker("op_1", DEPLOYMENT, "acc_1")))
    ours = await refresh(world)
    assert (ours.revision, ours.payer.account_id) == (1, account)


async def test_nothing_is_fetched_without_a_provider_or_with_a_key_that_was_not_compared() -> None:
    world = World()
    shows(world, subscription())
    off = replace(selling_of(world), provider=NoProvider())
    with pytest.raises(ProviderOff):
        await refresh_subscription(off, "sub_1")
    world.key.assume(world.key.identity, "Stripe cannot be reached.")
    with pytest.raises(ProviderUnreachable):
        await refresh(world)
    world.key.refuse("The key belongs to somebody else.")
    with pytest.raises(KeyNotVerified):
        await refresh(world)
    assert world.provider.fetched == []


async def test_more_than_the_provider_takes_at_once_are_told_when_to_come_again() -> None:
    world = World()
    shows(world, subscription())
    for _ in range(int(FETCHES_PER_SECOND)):
        await refresh(world)
    with pytest.raises(TooManyFetches) as refused:
        await refresh(world)
    assert refused.value.retry_after is not None
    assert 0.0 < refused.value.retry_after <= 1.0
    assert len(world.provider.fetched) == FETCHES_PER_SECOND
    world.clock.advance(refused.value.retry_after + 0.001)
    assert (await refresh(world)).revision == 1


async def test_a_provider_that_is_too_slow_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(refreshing, "PATIENCE", 0.01)
    world = World()
    shows(world, subscription())

    async def never(_root: ObjectRef) -> None:
        await asyncio.Event().wait()

    world.provider.during = never
    with pytest.raises(ProviderUnreachable):
        await refresh(world)
    assert world.facts() == []


@pytest.mark.parametrize("name", ["", "s" * 256, "sub\0"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(InvalidArgument):
        convert.from_proto_refresh(pb.RefreshSubscriptionRequest(provider_subscription_id=name))
