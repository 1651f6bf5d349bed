"""Credits of what was given by hand: once at its begin, then by the month."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.subscription import usecases
from services.subscription.auditing import Actor
from services.subscription.domain import AccountKind, Assignment, Subscription
from services.subscription.granting import month_of
from services.subscription.incoming import Payer, ProviderStatus
from services.subscription.ledger import Balance, Pool, SpendRequest
from services.subscription.offers import EndPolicy, Offer
from services.subscription.usecases import spending
from tests.fakes.ledger_model import GRANTED, ledger_catalog
from tests.fakes.memory_db import MemoryDatabase
from tests.fakes.subscription_world import (
    ADMIN,
    SteadyClock,
    World,
    checkout,
    memory_world,
    nothing,
    seen,
)
from tests.unit.subscription.people import account_of, assign, end

SYSTEM = Actor("subscription")


@pytest.fixture
def clock() -> SteadyClock:
    return SteadyClock()


@pytest.fixture
def world(clock: SteadyClock) -> World:
    return memory_world(MemoryDatabase(clock), ledger_catalog())


@pytest.fixture
def plan(world: World) -> str:
    return world.pricing.sold["price_credits"].plan


async def given(world: World, plan: str) -> Subscription:
    ann = await account_of(world, AccountKind.USER, "ann")
    return await usecases.assign_plan(world.desk, ADMIN, assign(ann.name, plan))


async def balance(world: World, sub: Subscription) -> Balance:
    pool = Pool(sub.account, sub.offer.catalog)
    return await world.tx.run(lambda store: store.balance(pool))


async def spend(world: World, sub: Subscription, amount: int) -> None:
    pool = Pool(sub.account, sub.offer.catalog)
    asked = SpendRequest(pool, amount, "session", "provisioner", f"s{amount}")
    await spending.debit(world.tx, asked)


async def test_a_month_grants_once_and_what_is_left_of_the_last_expires(
    world: World, clock: SteadyClock, plan: str
) -> None:
    sub = await given(world, plan)
    assert (await balance(world, sub)).posted == GRANTED
    await spend(world, sub, 3)
    assert await usecases.renew_assigned(world.tx, SYSTEM) == 0
    clock.advance(timedelta(days=31))
    assert await usecases.renew_assigned(world.tx, SYSTEM) == 1
    assert await usecases.renew_assigned(world.tx, SYSTEM) == 0
    left = await balance(world, sub)
    assert (left.posted, left.period_end) == (GRANTED, datetime(2026, 3, 1, tzinfo=UTC))


async def test_of_months_that_nobody_looked_at_the_last_one_counts(
    world: World, clock: SteadyClock, plan: str
) -> None:
    sub = await given(world, plan)
    await spend(world, sub, 3)
    clock.advance(timedelta(days=100))
    await usecases.renew_assigned(world.tx, SYSTEM)
    assert (await balance(world, sub)).posted == GRANTED
    assert await usecases.renew_assigned(world.tx, SYSTEM) == 0


async def test_the_same_plan_given_again_grants_nothing_more(world: World, plan: str) -> None:
    sub = await given(world, plan)
    await spend(world, sub, 3)
    again = await usecases.assign_plan(world.desk, ADMIN, assign(sub.account, plan, reason="more"))
    assert again.name == sub.name
    assert (await balance(world, sub)).posted == GRANTED - 3


async def test_what_is_over_grants_no_more_and_is_not_looked_at_for_ever(
    world: World, clock: SteadyClock, plan: str
) -> None:
    sub = await given(world, plan)
    await spend(world, sub, 3)
    await usecases.end_assignment(world.desk, ADMIN, end(sub.name))
    clock.advance(timedelta(days=31))
    assert await usecases.renew_assigned(world.tx, SYSTEM) == 1
    assert await usecases.renew_assigned(world.tx, SYSTEM) == 0
    assert (await balance(world, sub)).posted == GRANTED - 3


async def test_while_it_rests_it_grants_nothing_and_goes_on_afterwards(
    world: World, clock: SteadyClock, plan: str
) -> None:
    sub = await given(world, plan)
    payer = Payer(checkout("x").payer.customer, account_id=sub.account)
    await world.give(replace(checkout("cs_1", price="price_credits", sub="sub_1"), payer=payer))
    await world.give(seen(price="price_credits"), revision=1)
    assert (await balance(world, sub)).posted == 2 * GRANTED
    await spend(world, sub, 3)
    clock.advance(timedelta(days=31))
    await usecases.renew_assigned(world.tx, SYSTEM)
    assert (await balance(world, sub)).posted == 2 * GRANTED - 3
    assert await usecases.renew_assigned(world.tx, SYSTEM) == 0
    await spend(world, sub, GRANTED)
    over = seen("sub_1", ProviderStatus.CANCELED, price="price_credits", ended=5)
    await world.give(over, revision=2)
    assert (await balance(world, sub)).posted == GRANTED


@pytest.mark.parametrize(
    ("begin", "now", "start", "stop"),
    [
        ("2026-01-31T10:00", "2026-01-31T10:00", None, "2026-02-28T10:00"),
        ("2026-01-31T10:00", "2026-02-28T09:59", None, "2026-02-28T10:00"),
        ("2026-01-31T10:00", "2026-02-28T10:00", "2026-02-28T10:00", "2026-03-31T10:00"),
        ("2026-01-31T10:00", "2026-03-31T09:00", "2026-02-28T10:00", "2026-03-31T10:00"),
        ("2025-12-15T00:00", "2026-01-15T00:00", "2026-01-15T00:00", "2026-02-15T00:00"),
        ("2024-02-29T00:00", "2025-02-28T00:00", "2025-02-28T00:00", "2025-03-29T00:00"),
    ],
)
def test_a_month_begins_on_the_day_of_the_first_or_on_the_last_there_is(
    begin: str, now: str, start: str | None, stop: str
) -> None:
    def time(text: str) -> datetime:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)

    kept = EndPolicy.FREE
    offer = Offer("shop/basic", "v1", (), nothing(), kept, kept, timedelta(0))
    assignment = Assignment("tsub_1", "acc_1", offer, "root", "why", time(begin))
    assert month_of(assignment, time(now)) == (time(start) if start else None, time(stop))
