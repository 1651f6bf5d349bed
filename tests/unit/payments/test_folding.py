"""From events to facts: once each, from the newest fetch, and never from silence."""

from dataclasses import replace

import pytest

from services.payments import folding
from services.payments.binding import Operation, OperationKind, OperationState
from services.payments.domain import AccountId, ObjectRef, OperationId, RootKind
from services.payments.errors import ObjectUnreadable, ProviderUnreachable
from services.payments.events import EventState, Judgement, Replay, Sealed
from services.payments.usecases import replay_event
from services.payments.views import Marker, Projection, SubscriptionStatus
from tests.fakes.payments import BODIES, OPERATIONS
from tests.unit.payments.world import (
    CHECKOUT,
    DEPLOYMENT,
    INVOICE,
    SUBSCRIPTION,
    World,
    checkout,
    invoice,
    parsed,
    purchase,
    subscription,
)
from tollgate.payments.v1 import events_pb2

DONE = Judgement(EventState.DONE)


async def paid_world() -> World:
    world = World()
    world.provider.objects[CHECKOUT] = purchase()
    await world.deliver("evt_1", "checkout.completed", "cs_1")
    await world.settle()
    return world


async def test_a_paid_checkout_becomes_its_three_facts_in_order() -> None:
    world = await paid_world()
    assert world.fact_types() == ["CheckoutPaid", "InvoicePaid", "ProviderSubscription"]
    assert world.event("evt_1").judgement == DONE
    assert len({fact.key for fact in world.facts()}) == 1
    assert world.facts()[0].key == "customer:memory/acct_memory/cus_1"


async def test_the_paid_fact_says_what_was_bought_by_whom_and_when_we_heard() -> None:
    world = await paid_world()
    fact = parsed(world.facts()[0])
    assert isinstance(fact, events_pb2.CheckoutPaid)
    assert fact.customer.identity == {"user_id": "u1"}
    assert (fact.total.currency, fact.total.minor_units) == ("eur", 4900)
    assert fact.items[0].price_id == "price_1"
    assert fact.customer.account_id == ""
    assert fact.receive_time.ToDatetime(world.clock.now().tzinfo) == world.clock.now()


async def test_events_of_one_object_are_one_fetch_and_its_facts_are_not_doubled() -> None:
    world = World()
    world.provider.objects[CHECKOUT] = purchase()
    for number in range(5):
        await world.deliver(f"evt_{number}", "checkout.completed", "cs_1")
    await world.settle()
    assert world.provider.fetched == [CHECKOUT]
    await world.deliver("evt_late", "checkout.completed", "cs_1")
    await world.settle()
    assert world.fact_types() == ["CheckoutPaid", "InvoicePaid", "ProviderSubscription"]
    assert world.event("evt_late").judgement == DONE


async def test_an_unpaid_checkout_is_no_paid_fact_until_its_money_is_there() -> None:
    world = World()
    world.provider.objects[CHECKOUT] = Projection(CHECKOUT, checkout(paid=False))
    await world.deliver("evt_1", "checkout.completed", "cs_1")
    await world.settle()
    assert world.facts() == []
    assert world.event("evt_1").judgement == DONE
    world.provider.objects[CHECKOUT] = Projection(CHECKOUT, checkout())
    await world.deliver("evt_2", "checkout.async_payment_succeeded", "cs_1")
    await world.settle()
    assert world.fact_types() == ["CheckoutPaid"]


async def test_an_event_that_comes_while_its_object_is_fetched_has_it_fetched_again() -> None:
    world = World()
    world.provider.objects[SUBSCRIPTION] = Projection(SUBSCRIPTION, subscription=subscription())

    async def cancel_meanwhile(_root: ObjectRef) -> None:
        if len(world.provider.fetched) == 1:
            ended = subscription(status=SubscriptionStatus.CANCELED)
            world.provider.objects[SUBSCRIPTION] = Projection(SUBSCRIPTION, subscription=ended)
            await world.deliver("evt_2", "subscription.deleted", "sub_1")

    world.provider.during = cancel_meanwhile
    await world.deliver("evt_1", "subscription.updated", "sub_1")
    assert await world.work() == 1
    assert world.event("evt_1").judgement == DONE
    assert world.event("evt_2").judgement.state is EventState.PENDING
    await world.settle()
    assert world.event("evt_2").judgement == DONE
    assert [fact.revision for fact in world.facts()] == [1, 2]
    last = parsed(world.facts()[-1])
    assert isinstance(last, events_pb2.ProviderSubscription)
    assert last.status == events_pb2.ProviderSubscription.STATUS_CANCELED


async def test_a_slow_fetch_never_overwrites_what_a_later_one_saw() -> None:
    world = World()
    world.provider.objects[CHECKOUT] = purchase()
    ended = subscription(status=SubscriptionStatus.CANCELED)
    world.provider.objects[SUBSCRIPTION] = Projection(SUBSCRIPTION, subscription=ended)

    async def other_key_meanwhile(root: ObjectRef) -> None:
        if root == CHECKOUT:
            await world.deliver("evt_2", "subscription.deleted", "sub_1")
            await world.work()

    world.provider.during = other_key_meanwhile
    await world.deliver("evt_1", "checkout.completed", "cs_1")
    await world.settle()
    states = [parsed(fact) for fact in world.facts() if fact.type.endswith("Subscription")]
    assert [getattr(state, "status", None) for state in states] == [
        events_pb2.ProviderSubscription.STATUS_CANCELED
    ]
    assert "CheckoutPaid" in world.fact_types()


async def test_the_revision_grows_only_when_something_changed() -> None:
    world = World()
    world.provider.objects[SUBSCRIPTION] = Projection(SUBSCRIPTION, subscription=subscription())
    for number in range(3):
        await world.deliver(f"evt_{number}", "subscription.updated", "sub_1")
        await world.settle()
    assert [fact.revision for fact in world.facts()] == [1]


async def test_an_object_out_of_reach_says_nothing_and_is_tried_again() -> None:
    world = World()
    await world.deliver("evt_1", "checkout.completed", "cs_1")
    await world.settle()
    assert world.facts() == []
    assert world.event("evt_1").judgement.state is EventState.PENDING
    assert world.queue.keys("objects")["checkout:cs_1"].failures == 1
    world.provider.objects[CHECKOUT] = purchase()
    world.clock.advance(2)
    await world.settle()
    assert world.event("evt_1").judgement == DONE


async def test_after_many_tries_an_object_out_of_reach_is_left_to_a_person(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(folding, "MAX_TRIES", 2)
    world = World()
    await world.deliver("evt_1", "checkout.completed", "cs_1")
    for _ in range(3):
        await world.settle()
        world.clock.advance(2)
    judgement = world.event("evt_1").judgement
    assert judgement == Judgement(EventState.FAILED, "OBJECT_NOT_FOUND")
    assert world.queue.keys("objects") == {}
    assert world.facts() == []


async def test_a_provider_that_is_away_never_makes_an_event_fail(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(folding, "MAX_TRIES", 0)
    world = World()
    world.provider.objects[CHECKOUT] = ProviderUnreachable("away")
    await world.deliver("evt_1", "checkout.completed", "cs_1")
    for _ in range(5):
        await world.settle()
        world.clock.advance(2)
    assert world.event("evt_1").judgement.state is EventState.PENDING


async def test_an_object_of_unknown_shape_fails_alone() -> None:
    world = World()
    world.provider.objects[CHECKOUT] = purchase()
    poison = ObjectRef(RootKind.CHECKOUT, "cs_poison")
    world.provider.objects[poison] = ObjectUnreadable("cs_poison.mode is no text")
    await world.deliver("evt_poison", "checkout.completed", "cs_poison")
    await world.deliver("evt_1", "checkout.completed", "cs_1")
    await world.settle()
    failed = Judgement(EventState.FAILED, "OBJECT_UNREADABLE")
    assert world.event("evt_poison").judgement == failed
    assert world.event("evt_1").judgement == DONE


async def test_a_body_that_was_tampered_with_fails_only_its_event() -> None:
    world = World()
    world.provider.objects[INVOICE] = Projection(INVOICE, invoices=(invoice(),))
    await world.deliver("evt_bad", "invoice.failed", "in_1")
    await world.deliver("evt_good", "invoice.paid", "in_1")
    at, sealed = world.db.committed(BODIES)["memory", "evt_bad"]
    world.db.tables[BODIES.name]["memory", "evt_bad"] = (at, Sealed(sealed.key_id, b"x" * 40))
    await world.settle()
    assert world.event("evt_bad").judgement == Judgement(EventState.FAILED, "BODY_UNREADABLE")
    assert world.event("evt_good").judgement == DONE
    assert world.fact_types() == ["InvoicePaid"]


async def test_paid_and_payment_succeeded_are_one_fact_for_each_invoice() -> None:
    world = World()
    world.provider.objects[INVOICE] = Projection(INVOICE, invoices=(invoice(),))
    await world.deliver("evt_1", "invoice.paid", "in_1")
    await world.settle()
    await world.deliver("evt_2", "invoice.payment_succeeded", "in_1")
    await world.settle()
    assert world.fact_types() == ["InvoicePaid"]


async def test_a_failed_payment_is_a_fact_of_its_attempt() -> None:
    world = World()
    for attempt in (1, 2):
        failed = invoice(paid=False, attempts=attempt, failure_code="card_declined")
        world.provider.objects[INVOICE] = Projection(INVOICE, invoices=(failed,))
        await world.deliver(f"evt_{attempt}", "invoice.failed", "in_1")
        await world.settle()
    facts = [parsed(fact) for fact in world.facts()]
    assert [getattr(fact, "attempt", None) for fact in facts] == [1, 2]
    assert len({fact.id for fact in world.facts()}) == 2


async def test_nothing_is_folded_while_the_key_is_not_verified() -> None:
    world = World()
    world.provider.objects[CHECKOUT] = purchase()
    await world.deliver("evt_1", "checkout.completed", "cs_1")
    world.key.assume(world.key.identity, "Stripe cannot be reached.")
    await world.settle()
    assert world.provider.fetched == []
    assert world.event("evt_1").judgement.state is EventState.PENDING


async def test_a_replay_sends_the_same_facts_again() -> None:
    world = await paid_world()
    first = {fact.id: fact for fact in world.facts()}
    await world.deliver_facts()
    asked = Replay("evt_1", "root", "the consumer lost it")
    await replay_event(world.tx, world.provider, world.key, asked)
    await world.settle()
    assert {fact.id: fact for fact in world.facts()} == first
    assert not world.event("evt_1").replay


async def test_replicas_share_the_pace_of_fetches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folding, "FETCHES_PER_SECOND", 2.0)
    world = World()
    for number in range(5):
        ref = ObjectRef(RootKind.CHECKOUT, f"cs_{number}")
        world.provider.objects[ref] = Projection(ref, checkout(id=ref.id))
        await world.deliver(f"evt_{number}", "checkout.completed", ref.id)
    await world.work()
    assert len(world.provider.fetched) == 2
    world.clock.advance(1)
    await world.work()
    assert len(world.provider.fetched) == 4


async def test_a_purchase_is_fetched_before_renewals_that_came_earlier(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(folding, "FETCHES_PER_SECOND", 25.0)
    world = World()
    world.provider.objects[CHECKOUT] = purchase()
    world.provider.objects[INVOICE] = Projection(INVOICE, invoices=(invoice(),))
    await world.deliver("evt_1", "invoice.paid", "in_1")
    world.clock.advance(1)
    await world.deliver("evt_2", "checkout.completed", "cs_1")
    await world.work()
    assert world.provider.fetched == [CHECKOUT, INVOICE]


def operation(**changes: object) -> Operation:
    made = Operation(
        id=OperationId("op_1"),
        kind=OperationKind.CHECKOUT,
        account_id=AccountId("acc_1"),
        provider="memory",
        provider_account="acct_memory",
        deployment=DEPLOYMENT,
        parameters=b"{}",
        parameters_hash=b"h" * 32,
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # named by the test


OURS = Marker("op_1", DEPLOYMENT, "acc_1")


async def test_a_marker_that_an_operation_proves_binds_the_account() -> None:
    world = World()
    world.provider.objects[CHECKOUT] = purchase(checkout(marker=OURS))
    await world.tx.run(lambda store: store.put_operation(operation()))
    await world.deliver("evt_1", "checkout.completed", "cs_1")
    await world.settle()
    fact = parsed(world.facts()[0])
    assert isinstance(fact, events_pb2.CheckoutPaid)
    assert (fact.customer.account_id, fact.operation_id) == ("acc_1", "op_1")
    known = world.db.committed(OPERATIONS)[OperationId("op_1")]
    assert (known.object_id, known.state) == ("cs_1", OperationState.MADE)


@pytest.mark.parametrize(
    ("marker", "changes", "expected"),
    [
        (OURS, None, Judgement(EventState.FAILED, "OPERATION_UNKNOWN")),
        (
            Marker("op_1", DEPLOYMENT, "acc_2"),
            {},
            Judgement(EventState.FAILED, "OPERATION_MISMATCH"),
        ),
        (OURS, {"object_id": "cs_2"}, Judgement(EventState.FAILED, "OPERATION_MISMATCH")),
        (
            OURS,
            {"provider_account": "acct_other"},
            Judgement(EventState.FAILED, "OPERATION_MISMATCH"),
        ),
        (
            Marker("op_1", "elsewhere", "acc_1"),
            {},
            Judgement(EventState.IGNORED, "OTHER_DEPLOYMENT"),
        ),
    ],
)
async def test_a_marker_that_nothing_proves_has_no_effect(
    marker: Marker, changes: dict[str, object] | None, expected: Judgement
) -> None:
    world = World()
    world.provider.objects[CHECKOUT] = purchase(checkout(marker=marker))
    if changes is not None:
        await world.tx.run(lambda store: store.put_operation(operation(**changes)))
    await world.deliver("evt_1", "checkout.completed", "cs_1")
    await world.settle()
    assert world.event("evt_1").judgement == expected
    assert world.facts() == []


async def test_a_parked_object_is_looked_at_again_when_its_operation_is_there() -> None:
    world = World()
    world.provider.objects[CHECKOUT] = purchase(checkout(marker=OURS))
    await world.deliver("evt_1", "checkout.completed", "cs_1")
    await world.settle()
    await world.tx.run(lambda store: store.put_operation(operation()))
    world.clock.advance(folding.PARKED_WAIT)
    await world.settle()
    assert world.event("evt_1").judgement == DONE
    assert "CheckoutPaid" in world.fact_types()


async def test_a_holder_that_lost_its_lease_writes_nothing() -> None:
    world = World()
    world.provider.objects[CHECKOUT] = purchase()

    async def oversleep(_root: ObjectRef) -> None:
        if len(world.provider.fetched) == 1:
            world.clock.advance(31)
            world.provider.objects[CHECKOUT] = ProviderUnreachable("away")
            await world.work()

    world.provider.during = oversleep
    await world.deliver("evt_1", "checkout.completed", "cs_1")
    await world.work()
    assert len(world.provider.fetched) == 2
    assert world.facts() == []
    assert world.event("evt_1").judgement.state is EventState.PENDING
    world.provider.objects[CHECKOUT] = purchase()
    world.clock.advance(2)
    await world.settle()
    assert world.fact_types() == ["CheckoutPaid", "InvoicePaid", "ProviderSubscription"]


async def test_a_fact_that_was_delivered_is_not_appended_again_by_a_later_event() -> None:
    world = await paid_world()
    await world.deliver_facts()
    await world.deliver("evt_2", "checkout.completed", "cs_1")
    world.provider.objects[INVOICE] = Projection(INVOICE, invoices=(invoice(),))
    await world.deliver("evt_3", "invoice.paid", "in_1")
    await world.settle()
    assert world.event("evt_3").judgement == DONE
    assert world.facts() == []
