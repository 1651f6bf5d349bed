"""A purchase is told of by events of three objects; the fetch of its checkout shows all of them."""

from dataclasses import replace

from services.payments.domain import ObjectRef
from services.payments.errors import ObjectOutOfReach
from services.payments.events import EventState
from services.payments.ingest import FOLLOWING_SECONDS
from services.payments.store import QUEUE
from tests.unit.payments.world import CHECKOUT, INVOICE, SUBSCRIPTION, World, invoice, purchase

PARTS = (
    ("evt_1", "subscription.created", "sub_1"),
    ("evt_2", "invoice.paid", "in_1"),
    ("evt_3", "checkout.completed", "cs_1"),
)


def a_world() -> World:
    world = World()
    world.provider.shows = {"cs_1": (SUBSCRIPTION, INVOICE)}
    whole = purchase()
    world.provider.objects = {
        CHECKOUT: whole,
        SUBSCRIPTION: replace(whole, root=SUBSCRIPTION, checkout=None),
        INVOICE: replace(whole, root=INVOICE, checkout=None, subscription=None),
    }
    return world


def states(world: World) -> list[EventState]:
    return [world.event(name).judgement.state for name, _, _ in PARTS]


async def test_one_fetch_answers_for_all_events_of_a_purchase() -> None:
    world = a_world()
    for part in PARTS:
        await world.deliver(*part)
    await world.settle()
    world.clock.advance(FOLLOWING_SECONDS)
    await world.settle()
    assert world.provider.fetched == [CHECKOUT]
    assert states(world) == [EventState.DONE] * 3
    assert world.fact_types() == ["CheckoutPaid", "InvoicePaid", "ProviderSubscription"]
    assert world.queue.keys(QUEUE) == {}


async def test_a_part_of_which_no_checkout_comes_is_fetched_by_itself() -> None:
    world = a_world()
    await world.deliver(*PARTS[1])
    await world.settle()
    assert world.provider.fetched == []
    world.clock.advance(FOLLOWING_SECONDS)
    await world.settle()
    assert world.provider.fetched == [INVOICE]
    assert world.event("evt_2").judgement.state is EventState.DONE


async def test_a_part_that_is_told_of_while_the_checkout_is_fetched_is_fetched_after_it() -> None:
    world = a_world()

    async def meanwhile(root: ObjectRef) -> None:
        if root == CHECKOUT:
            await world.deliver(*PARTS[1])

    world.provider.during = meanwhile
    await world.deliver(*PARTS[0])
    await world.deliver(*PARTS[2])
    await world.settle()
    assert states(world) == [EventState.DONE, EventState.PENDING, EventState.DONE]
    world.clock.advance(FOLLOWING_SECONDS)
    await world.settle()
    assert world.provider.fetched == [CHECKOUT, INVOICE]
    assert states(world) == [EventState.DONE] * 3


async def test_a_second_event_of_a_part_during_the_fetch_has_it_fetched_again() -> None:
    world = a_world()

    async def meanwhile(root: ObjectRef) -> None:
        if root == CHECKOUT:
            await world.deliver("evt_4", "invoice.succeeded", "in_1")

    world.provider.during = meanwhile
    for part in PARTS:
        await world.deliver(*part)
    await world.settle()
    assert states(world) == [EventState.DONE] * 3
    assert world.event("evt_4").judgement.state is EventState.PENDING
    world.clock.advance(FOLLOWING_SECONDS)
    await world.settle()
    assert world.provider.fetched == [CHECKOUT, INVOICE]
    assert world.event("evt_4").judgement.state is EventState.DONE


async def test_what_a_checkout_names_and_its_fetch_does_not_show_is_fetched_by_itself() -> None:
    world = a_world()
    world.provider.objects[CHECKOUT] = replace(purchase(), invoices=(invoice(id="in_2"),))
    for part in PARTS:
        await world.deliver(*part)
    await world.settle()
    assert states(world) == [EventState.DONE, EventState.PENDING, EventState.DONE]
    world.clock.advance(FOLLOWING_SECONDS)
    await world.settle()
    assert world.provider.fetched == [CHECKOUT, INVOICE]
    assert states(world) == [EventState.DONE] * 3


async def test_a_checkout_out_of_reach_keeps_no_part_from_its_own_fetch() -> None:
    world = a_world()
    world.provider.objects[CHECKOUT] = ObjectOutOfReach("not now")
    for part in PARTS:
        await world.deliver(*part)
    await world.work()
    world.clock.advance(FOLLOWING_SECONDS)
    await world.work()
    assert world.provider.fetched == [CHECKOUT, INVOICE, SUBSCRIPTION]
    assert states(world) == [EventState.DONE, EventState.DONE, EventState.PENDING]
