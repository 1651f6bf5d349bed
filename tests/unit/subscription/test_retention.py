"""The retention timer: who is deleted, when, and how many at once."""

from datetime import timedelta

import pytest

from services.subscription import usecases
from services.subscription.auditing import Actor
from services.subscription.commands import parse, perform
from services.subscription.domain import Phase, State
from services.subscription.incoming import ProviderStatus
from tests.fakes.memory_db import MemoryDatabase
from tests.fakes.memory_outbox import MemoryOutbox
from tests.fakes.subscription import AUDIT
from tests.fakes.subscription_world import SteadyClock, World, checkout, memory_world, seen

WEEK = timedelta(days=7)


@pytest.fixture
def clock() -> SteadyClock:
    return SteadyClock()


@pytest.fixture
def db(clock: SteadyClock) -> MemoryDatabase:
    return MemoryDatabase(clock)


@pytest.fixture
def world(db: MemoryDatabase) -> World:
    return memory_world(db)


async def ended(world: World, price: str = "price_a", who: str = "cus_1") -> None:
    sub = f"sub_{who}"
    await world.give(checkout(f"cs_{who}", who, price=price, sub=sub))
    await world.give(seen(sub, ProviderStatus.CANCELED, who, price=price, ended=5), revision=2)


async def state(world: World) -> State:
    [sub] = await world.subscriptions()
    return sub.state


async def test_nothing_is_deleted_before_its_time(world: World, clock: SteadyClock) -> None:
    await ended(world)
    clock.advance(WEEK - timedelta(seconds=1))
    assert (await usecases.sweep_retention(world.tx)).done == 0
    assert (await world.order()).phase is Phase.SUSPENDED


async def test_an_ended_subscription_is_deleted_when_its_time_is_over_and_only_once(
    world: World, clock: SteadyClock, db: MemoryDatabase
) -> None:
    await ended(world)
    clock.advance(WEEK)
    assert (await usecases.sweep_retention(world.tx)).done == 1
    assert (await world.order()).phase is Phase.DELETED
    facts = MemoryOutbox(db).waiting("provisioner")
    assert (await usecases.sweep_retention(world.tx)).done == 0
    assert MemoryOutbox(db).waiting("provisioner") == facts


async def test_a_fact_that_comes_after_the_due_time_is_no_permit(
    world: World, clock: SteadyClock
) -> None:
    await ended(world)
    clock.advance(WEEK * 2)
    await world.give(
        seen("sub_cus_1", ProviderStatus.CANCELED, ended=5, price="price_b"), revision=3
    )
    assert (await world.order()).phase is Phase.SUSPENDED


async def test_a_policy_that_becomes_deletion_after_another_grace_is_no_permit(
    world: World, clock: SteadyClock
) -> None:
    await ended(world, "price_keep")
    clock.advance(WEEK)
    await usecases.sweep_retention(world.tx)
    await world.give(seen("sub_cus_1", ProviderStatus.CANCELED, ended=5), revision=3)
    await usecases.sweep_retention(world.tx)
    assert (await world.order()).phase is Phase.SUSPENDED
    clock.advance(WEEK)
    await usecases.sweep_retention(world.tx)
    assert (await world.order()).phase is Phase.DELETED


async def test_suspend_then_cancel_shows_canceled_after_its_grace_and_keeps_everything(
    world: World, clock: SteadyClock
) -> None:
    await ended(world, "price_keep")
    assert await state(world) is State.SUSPENDED
    clock.advance(WEEK)
    await usecases.sweep_retention(world.tx)
    assert await state(world) is State.CANCELED
    assert (await world.order()).phase is Phase.SUSPENDED


async def test_a_free_fallback_is_kept_without_a_timer(world: World, clock: SteadyClock) -> None:
    await ended(world, "price_free")
    clock.advance(WEEK * 100)
    assert (await usecases.sweep_retention(world.tx)).due == 0
    assert (await world.order()).phase is Phase.SUSPENDED


async def test_a_payment_before_the_permit_keeps_the_incarnation(
    world: World, clock: SteadyClock
) -> None:
    await ended(world)
    clock.advance(WEEK)
    await world.give(checkout("cs_late", sub="sub_late", at=60))
    await usecases.sweep_retention(world.tx)
    order = await world.order()
    assert (order.phase, order.incarnation) == (Phase.RUNNING, 1)


async def test_a_payment_after_the_permit_buys_the_next_incarnation(
    world: World, clock: SteadyClock
) -> None:
    await ended(world)
    clock.advance(WEEK)
    await usecases.sweep_retention(world.tx)
    await world.give(checkout("cs_late", sub="sub_late", at=60))
    first, second = await world.orders(await world.owner())
    assert (first.phase, second.phase) == (Phase.DELETED, Phase.RUNNING)
    assert (first.incarnation, second.incarnation) == (1, 2)
    assert second.generation > first.generation


async def test_an_unpaid_subscription_that_is_paid_late_runs_again(
    world: World, clock: SteadyClock
) -> None:
    await world.give(checkout("cs_1", sub="sub_1"))
    await world.give(seen(status=ProviderStatus.UNPAID), revision=1)
    clock.advance(WEEK)
    await usecases.sweep_retention(world.tx)
    assert await state(world) is State.CANCELED
    await world.give(seen(status=ProviderStatus.ACTIVE), revision=2)
    assert await state(world) is State.ACTIVE
    order = await world.order()
    assert (order.phase, order.incarnation) == (Phase.RUNNING, 1)


async def test_an_end_after_being_unpaid_begins_a_grace_of_its_own(
    world: World, clock: SteadyClock
) -> None:
    await world.give(checkout("cs_1", sub="sub_1"))
    await world.give(seen(status=ProviderStatus.UNPAID), revision=1)
    clock.advance(WEEK)
    await usecases.sweep_retention(world.tx)
    await world.give(seen(status=ProviderStatus.CANCELED, ended=9), revision=2)
    await usecases.sweep_retention(world.tx)
    assert (await world.order()).phase is Phase.SUSPENDED
    clock.advance(WEEK)
    await usecases.sweep_retention(world.tx)
    assert (await world.order()).phase is Phase.DELETED


async def test_a_sweep_that_would_touch_too_many_accounts_stops(
    world: World, clock: SteadyClock
) -> None:
    for number in range(6):
        await ended(world, who=f"cus_{number}")
    clock.advance(WEEK)
    swept = await usecases.sweep_retention(world.tx)
    assert (swept.stopped, swept.due, swept.limit, swept.done) == (True, 6, 5, 0)
    assert (await world.order("cus_0")).phase is Phase.SUSPENDED


async def test_a_trickle_within_the_hour_counts_like_one_sweep(
    world: World, clock: SteadyClock
) -> None:
    for number in range(5):
        await ended(world, who=f"cus_{number}")
    clock.advance(timedelta(minutes=1))
    await ended(world, who="cus_5")
    clock.advance(WEEK - timedelta(minutes=1))
    assert (await usecases.sweep_retention(world.tx)).done == 5
    clock.advance(timedelta(minutes=1))
    assert (await usecases.sweep_retention(world.tx)).stopped
    clock.advance(timedelta(hours=1))
    assert (await usecases.sweep_retention(world.tx)).done == 1


async def test_an_operator_lets_one_sweep_touch_more_on_record(
    world: World, clock: SteadyClock, db: MemoryDatabase
) -> None:
    for number in range(6):
        await ended(world, who=f"cus_{number}")
    clock.advance(WEEK)
    command = ["sweep-retention", "--reason", "the fair", "--actor", "eve", "--limit"]
    assert "Nothing is done" in await perform(world.tx, parse([*command, "5"]))
    assert "6 accounts" in await perform(world.tx, parse([*command, "6"]))
    assert (await world.order("cus_0")).phase is Phase.DELETED
    [line] = [line for line in db.committed(AUDIT).values() if line.action == "retention.sweep"]
    assert (line.actor, line.reason) == (Actor("eve"), "the fair")


async def test_a_raised_epoch_gives_every_order_again(
    world: World, clock: SteadyClock, db: MemoryDatabase
) -> None:
    await ended(world)
    clock.advance(WEEK)
    await usecases.sweep_retention(world.tx)
    await world.give(checkout("cs_late", sub="sub_late", at=60))
    await world.give(checkout("cs_2", "cus_2"))
    before = {order.incarnation: order for order in await world.orders(await world.owner())}
    said = await perform(world.tx, parse(["raise-epoch", "--reason", "restored"]))
    assert "2 accounts" in said
    after = {order.incarnation: order for order in await world.orders(await world.owner())}
    for incarnation, order in after.items():
        assert order.epoch == 2
        assert order.generation > before[incarnation].generation
        assert order.phase is before[incarnation].phase
    sent = {fact.id for fact in MemoryOutbox(db).waiting("provisioner")}
    assert await usecases.resend_behind(world.tx, Actor("x")) == 0
    assert {fact.id for fact in MemoryOutbox(db).waiting("provisioner")} == sent
