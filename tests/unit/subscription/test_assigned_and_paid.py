"""What is given by hand beside what is paid: neither takes anything from the other."""

from datetime import timedelta

import pytest

from services.chassis.errors import (
    FailedPrecondition,
)
from services.subscription import usecases
from services.subscription.domain import AccountKind, Phase, State
from services.subscription.incoming import ProviderStatus
from services.subscription.usecases import (
    cancel_subscription,
    create_subscription,
    update_subscription,
)
from tests.fakes.memory_db import MemoryDatabase
from tests.fakes.subscription_world import (
    SteadyClock,
    World,
    memory_world,
)
from tests.unit.subscription.assigned import WEEK, give, order, pays, pools, snapshot, take
from tests.unit.subscription.people import BOSS, account_of, assign, buy, cancel, end, update


@pytest.fixture
def clock() -> SteadyClock:
    return SteadyClock()


@pytest.fixture
def db(clock: SteadyClock) -> MemoryDatabase:
    return MemoryDatabase(clock)


@pytest.fixture
def world(db: MemoryDatabase) -> World:
    return memory_world(db, pools())


@pytest.fixture
async def acme(world: World) -> str:
    return (await account_of(world, AccountKind.ORGANIZATION, "acme")).name


async def test_nothing_is_given_beside_what_is_paid_and_what_is_paid_is_named(
    world: World, acme: str
) -> None:
    await pays(world)
    [paid] = await world.subscriptions()
    for only_say in (True, False):
        with pytest.raises(FailedPrecondition) as refused:
            await give(world, assign(acme, "dc/large", only_say=only_say))
        assert refused.value.reason == "ACCOUNT_HAS_SUBSCRIPTION"
        assert refused.value.metadata == {"subscription": paid.name, "plan": "dc/small"}
    assert await world.subscriptions() == [paid]
    await give(world, assign(acme, "hold/tier"))


async def test_a_payment_is_taken_and_the_assignment_rests_until_it_ends(
    world: World, acme: str
) -> None:
    given = await give(world, assign(acme, "dc/large"))
    await pays(world)
    assert not world.alerts
    [purchase] = await world.purchases()
    assert purchase.status == "APPLIED"
    assert (await order(world, acme)).plan == "dc/small"
    [resting] = [sub for sub in await world.subscriptions() if sub.assignment]
    assert (resting.name, resting.state) == (given.name, State.ACTIVE)
    await snapshot(world, status=ProviderStatus.UNPAID, revision=2)
    back = await order(world, acme)
    assert (back.plan, back.phase, back.incarnation) == ("dc/large", Phase.RUNNING, 1)
    await snapshot(world, revision=3)
    assert (await order(world, acme)).plan == "dc/small"


async def test_what_was_paid_first_governs_again_once_it_is_paid_again(
    world: World, acme: str, clock: SteadyClock
) -> None:
    await pays(world)
    await snapshot(world, status=ProviderStatus.UNPAID, revision=2)
    assert (await order(world, acme)).phase is Phase.SUSPENDED
    clock.advance(timedelta(hours=1))
    given = await give(world, assign(acme, "dc/large"))
    assert (await order(world, acme)).plan == "dc/large"
    await snapshot(world, revision=3)
    assert (await order(world, acme)).plan == "dc/small"
    await take(world, end(given.name))
    assert (await order(world, acme)).phase is Phase.RUNNING


async def test_the_end_of_what_was_paid_deletes_nothing_that_was_given(
    world: World, acme: str, clock: SteadyClock
) -> None:
    await give(world, assign(acme, "dc/large"))
    await pays(world)
    await snapshot(world, status=ProviderStatus.CANCELED, revision=2)
    clock.advance(2 * WEEK)
    await usecases.sweep_retention(world.tx)
    kept = await order(world, acme)
    assert (kept.plan, kept.phase, kept.incarnation) == ("dc/large", Phase.RUNNING, 1)


async def test_of_two_that_were_paid_the_first_still_wins_over_an_assignment(
    world: World, acme: str
) -> None:
    await give(world, assign(acme, "dc/large"))
    await pays(world, at=5)
    await pays(world, at=6)
    statuses = {one.checkout.checkout_id: one.status for one in await world.purchases()}
    assert statuses == {"cs_5": "APPLIED", "cs_6": "REFUND_DUE"}


async def test_a_plan_can_be_bought_while_one_is_given(world: World, acme: str) -> None:
    await give(world, assign(acme, "dc/large"))
    page = await create_subscription(world.desk, BOSS, buy(acme, "dc/small"))
    assert page.checkout_id


async def test_neither_price_retries_nor_refunds_touch_what_was_given(
    world: World, acme: str, clock: SteadyClock
) -> None:
    held = await give(world, assign(acme, "dc/large"))
    clock.advance(2 * WEEK)
    await usecases.retry_unknown_prices(world.tx, world.pricing, world.ids)
    decided = await usecases.decide_refunds(world.tx, world.news, delay=timedelta(0))
    assert (decided.due, (await usecases.sweep_retention(world.tx)).due) == (0, 0)
    assert await world.subscriptions() == [held]


async def test_the_customer_can_neither_change_nor_end_what_was_given(
    world: World, acme: str
) -> None:
    held = await give(world, assign(acme, "dc/large"))
    for asked in (
        update_subscription(world.desk, BOSS, update(held.name, "dc/small")),
        cancel_subscription(world.desk, BOSS, cancel(held.name)),
    ):
        with pytest.raises(FailedPrecondition) as refused:
            await asked
        assert refused.value.reason == "ASSIGNED_BY_HAND"
        assert "EndAssignment" in refused.value.message
    assert not world.shop.changes
