"""What every store of subscription does with plans that were given by hand."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from services.chassis.db import Connection, PgTransactions, open_pool
from services.chassis.migrate import migrate
from services.subscription import convert, usecases
from services.subscription.asking import PageRequest
from services.subscription.auditing import Actor
from services.subscription.domain import (
    Account,
    AccountKind,
    Assignment,
    Phase,
    State,
    Subscription,
)
from services.subscription.offers import AddonQuantity, EndPolicy, Offer, Terms
from services.subscription.ports import Store
from services.subscription.store import PgStore
from services.subscription.usecases.settling import settle
from tests.fakes.subscription_world import (
    ADMIN,
    World,
    catalog,
    checkout,
    memory_world,
    namespace,
)
from tests.integration.postgres_fixture import Database
from tests.unit.subscription.people import account_of, assign, end

MIGRATIONS = Path(convert.__file__).parent.parent / "migrations"
ACTOR = Actor("root")
DAY = timedelta(days=1)
OFFER = Offer(
    plan="shop/basic",
    catalog_version="v1",
    addons=(AddonQuantity("shop/more", 2),),
    capacity=namespace(3),
    on_unpaid=EndPolicy.SUSPEND_THEN_CANCEL,
    on_end=EndPolicy.DELETE,
    retention=timedelta(days=7),
    free=True,
    terms=Terms("Basic", "basic", ("builds",), 5),
)


def make_store(connection: Connection) -> PgStore:
    return PgStore(connection, convert.to_record)


@pytest.fixture
async def on_postgres(database: Database) -> AsyncIterator[World]:
    dsns = await database.service("subscription")
    await migrate(dsns.owner, "subscription", [MIGRATIONS])
    pool = await open_pool(dsns.service, application_name="test", max_size=6)
    yield World(PgTransactions(pool, make_store), catalog())
    await pool.close()


@pytest.fixture(params=["memory", "postgres"])
def world(request: pytest.FixtureRequest) -> World:
    if request.param == "memory":
        return memory_world()
    found: World = request.getfixturevalue("on_postgres")
    return found


async def time_of(world: World) -> datetime:
    return await world.tx.run(lambda store: store.now())


async def given(world: World, name: str, begin: datetime, **fields: object) -> Assignment:
    """Write an assignment to an account of its own that began then; settle nothing."""
    owner = (await account_of(world, AccountKind.USER, f"user-{name}")).name
    made = replace(
        Assignment(f"tsub_{name}", owner, OFFER, "root", "sponsored", begin),
        **fields,  # type: ignore[arg-type] # the fields of an assignment
    )
    await write(world, made)
    return made


async def write(world: World, *assignments: Assignment) -> None:
    async def act(store: Store) -> None:
        for one in assignments:
            await store.save_assignment(one)

    await world.tx.run(act)


async def settled(world: World, *names: str) -> None:
    async def act(store: Store) -> None:
        for name in names:
            account = await store.lock_account(name)
            assert account is not None
            await settle(store, account, ACTOR)

    await world.tx.run(act)


async def held_by(world: World, account: str) -> Sequence[Assignment]:
    async def read(store: Store) -> Sequence[Assignment]:
        owner = await store.account(account)
        assert owner is not None
        return (await store.holdings(owner)).assignments

    return await world.tx.run(read)


async def test_an_assignment_reads_back_and_its_begin_stays(world: World) -> None:
    now = await time_of(world)
    first = await given(
        world,
        "a",
        now - DAY,
        end_time=now + DAY,
        end_actor="eve",
        end_reason="the fair",
        end_ask_time=now,
        renew_time=now + DAY,
    )
    assert await held_by(world, first.account) == [first]
    later = replace(first, actor="ida", reason="grown", begin_time=now, end_time=None)
    await write(world, later)
    assert await held_by(world, first.account) == [replace(later, begin_time=now - DAY)]
    assert await held_by(world, (await account_of(world, AccountKind.USER, "bob")).name) == []


async def test_an_end_has_come_by_the_clock_of_the_database(world: World) -> None:
    now = await time_of(world)
    past = await given(world, "a", now - DAY, end_time=now)
    coming = await given(world, "b", now - DAY, end_time=now + DAY)
    assert [one.over for one in await held_by(world, past.account)] == [True]
    assert [one.over for one in await held_by(world, coming.account)] == [False]


async def test_a_subscription_reads_back_with_who_gave_it(world: World) -> None:
    ann = await account_of(world, AccountKind.USER, "ann")
    held = await usecases.assign_plan(world.desk, ADMIN, assign(ann.name))
    await world.give(checkout("cs_1"))
    found = await world.tx.run(lambda store: store.subscription(held.name))
    assert found == held
    assert held.assignment is not None
    assert (held.key.assignment, held.key.subscription_name) == (held.name, held.name)
    page = await usecases.list_subscriptions(world.tx, ADMIN, "sub", "", PageRequest())
    shown: dict[bool, Subscription] = {sub.assignment is None: sub for sub in page.items}
    assert shown[False] == held
    assert shown[True].key.checkout_id == "cs_1"
    assert await held_by(world, ann.name) == [held.assignment]


async def test_ends_that_came_are_due_until_they_stand_and_count_as_the_timers(
    world: World,
) -> None:
    now, hour = await time_of(world), timedelta(hours=1)
    ends = {
        "a": {"end_time": now - 2 * hour, "end_ask_time": now - DAY},
        "b": {"end_time": now - hour, "end_ask_time": now - DAY},
        "c": {"end_time": now + DAY, "end_ask_time": now - DAY},
        "d": {},
    }
    made = [await given(world, name, now - DAY, **fields) for name, fields in ends.items()]
    accounts = [one.account for one in made]
    # Nothing follows from them yet, so there is nothing to be late.
    assert await world.tx.run(lambda store: store.count_due()) == 0
    await write(world, *(replace(one, end_time=None) for one in made[:2]))
    await settled(world, *accounts)
    await write(world, *made[:2])
    assert await world.tx.run(lambda store: store.count_due()) == 2
    assert await world.tx.run(lambda store: store.due_accounts(9)) == accounts[:2]
    assert await world.tx.run(lambda store: store.due_accounts(1)) == accounts[:1]
    assert await world.tx.run(lambda store: store.count_over(hour)) == 0
    assert (await usecases.sweep_retention(world.tx)).done == 2
    assert await world.tx.run(lambda store: store.count_due()) == 0
    assert await world.tx.run(lambda store: store.count_over(hour)) == 2
    states = {sub.name: sub.state for sub in await world.subscriptions()}
    assert states == {
        "tsub_a": State.CANCELED,
        "tsub_b": State.CANCELED,
        "tsub_c": State.CANCELING,
        "tsub_d": State.ACTIVE,
    }


async def test_an_end_by_hand_is_neither_due_nor_the_timers(world: World) -> None:
    ann = await account_of(world, AccountKind.USER, "ann")
    held = await usecases.assign_plan(world.desk, ADMIN, assign(ann.name))
    await usecases.end_assignment(world.desk, ADMIN, end(held.name))
    assert (await world.orders(ann.name))[-1].phase is Phase.SUSPENDED
    assert await world.tx.run(lambda store: store.count_due()) == 0
    assert await world.tx.run(lambda store: store.count_over(DAY)) == 0


async def test_months_that_began_are_found_the_longest_ago_first(world: World) -> None:
    now = await time_of(world)
    await given(world, "a", now - 40 * DAY, renew_time=now - DAY)
    await given(world, "b", now - 40 * DAY, renew_time=now - 2 * DAY)
    await given(world, "c", now - 40 * DAY, renew_time=now + DAY)
    await given(world, "d", now - 40 * DAY)
    found = await world.tx.run(lambda store: store.renewable_accounts(9))
    outside = [(await named(world, name)).external_id for name in found]
    assert outside == ["user-b", "user-a"]
    assert len(await world.tx.run(lambda store: store.renewable_accounts(1))) == 1
    assert await usecases.renew_assigned(world.tx, ACTOR) == 2
    assert await usecases.renew_assigned(world.tx, ACTOR) == 0


async def named(world: World, name: str) -> Account:
    found = await world.tx.run(lambda store: store.account(name))
    assert found is not None
    return found


async def test_two_operators_at_once_give_one_plan(world: World) -> None:
    ann = await account_of(world, AccountKind.USER, "ann")
    async with asyncio.TaskGroup() as group:
        for plan in ("shop/basic", "shop/large"):
            group.create_task(usecases.assign_plan(world.desk, ADMIN, assign(ann.name, plan)))
    [sub] = await world.subscriptions()
    [order] = await world.orders(ann.name)
    assert order.plan == sub.offer.plan
    assert len(await held_by(world, ann.name)) == 1


async def test_an_assignment_needs_a_reason_and_ends_after_it_began(world: World) -> None:
    now = await time_of(world)
    for fields in ({"reason": ""}, {"end_time": now - DAY}):
        with pytest.raises((AssertionError, asyncpg.CheckViolationError)):
            await given(world, "a", now, **fields)
