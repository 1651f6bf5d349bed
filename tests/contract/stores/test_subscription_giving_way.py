"""What every store of subscription does with subscriptions that give way, and what waits for news.

Times that have to pass are moved by writing due times into the past on PostgreSQL, and by the clock
in memory.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from services.chassis.db import Connection, PgTransactions, open_pool
from services.chassis.migrate import migrate
from services.subscription import convert
from services.subscription.domain import GivingWay, State
from services.subscription.granting import RENEWAL_REASON
from services.subscription.incoming import ProviderStatus
from services.subscription.ports import Store
from services.subscription.store import PgStore
from services.subscription.usecases import decide_refunds, give_refunds
from tests.fakes.memory_db import MemoryDatabase
from tests.fakes.subscription_world import (
    START,
    USD,
    SteadyClock,
    World,
    catalog,
    checkout,
    invoice,
    memory_world,
    seen,
)
from tests.integration.postgres_fixture import Database

MIGRATIONS = Path(convert.__file__).parent.parent / "migrations"
NONE, HOUR = timedelta(0), timedelta(hours=1)

_TIMES = {
    "giving_way": ("found_time", "decided", "next_try"),
    "purchases": ("refund_decided", "refund_next"),
    "postponed": ("next_try", "since"),
}


@dataclass
class Bench:
    """A world, and how time passes in it."""

    world: World
    wait: Callable[[timedelta], Awaitable[None]]


def make_store(connection: Connection) -> PgStore:
    return PgStore(connection, convert.to_record)


@pytest.fixture
async def on_postgres(database: Database) -> AsyncIterator[Bench]:
    dsns = await database.service("subscription")
    await migrate(dsns.owner, "subscription", [MIGRATIONS])
    pool = await open_pool(dsns.service, application_name="test", max_size=6)

    async def wait(by: timedelta) -> None:
        async with pool.acquire() as connection:
            for table, times in _TIMES.items():
                earlier = ", ".join(f"{name} = {name} - $1::interval" for name in times)
                await connection.execute(f"UPDATE {table} SET {earlier}", by)  # noqa: S608

    yield Bench(World(PgTransactions(pool, make_store), catalog()), wait)
    await pool.close()


@pytest.fixture(params=["memory", "postgres"])
def bench(request: pytest.FixtureRequest) -> Bench:
    if request.param == "memory":
        clock = SteadyClock()

        async def wait(by: timedelta) -> None:
            clock.advance(by)

        return Bench(memory_world(MemoryDatabase(clock)), wait)
    found: Bench = request.getfixturevalue("on_postgres")
    return found


async def two(world: World) -> list[GivingWay]:
    """Make an account with two subscriptions, and return that each gives way to the other."""
    await world.give(checkout("cs_1", sub="sub_1"))
    await world.give(seen("sub_1", ProviderStatus.PAUSED), revision=1)
    await world.give(checkout("cs_2", sub="sub_2", at=1))
    subs = sorted(await world.subscriptions(), key=lambda one: one.key.provider_subscription_id)
    return [
        GivingWay(one.name, one.account, one.key, other.name, START)
        for one, other in (subs, reversed(subs))
    ]


async def save(world: World, row: GivingWay) -> None:
    await world.tx.run(lambda store: store.save_giving_way(row))


async def postpone(world: World, name: str) -> bool:
    return await world.tx.run(lambda store: store.postpone(name, HOUR))


async def known(world: World) -> list[GivingWay]:
    """Return what the account's holdings tell."""

    async def read(store: Store) -> list[GivingWay]:
        account = await store.lock_account(await store.owner_of(seen().payer.customer))
        assert account is not None
        found = (await store.holdings(account)).giving_way
        return sorted(found, key=lambda row: row.key.provider_subscription_id)

    return await world.tx.run(read)


async def test_what_gives_way_is_read_with_its_account_until_it_is_dropped(bench: Bench) -> None:
    world = bench.world
    first, second = await two(world)
    assert await known(world) == []
    for row in (first, second):
        await save(world, row)
    assert await known(world) == [first, second]
    other = replace(first, to="tsub_other", paid_since=START + HOUR)
    await world.tx.run(lambda store: store.save_giving_way(other))
    await world.tx.run(lambda store: store.drop_giving_way(second.subscription))
    assert await known(world) == [other]


async def test_what_was_decided_is_neither_changed_nor_dropped(bench: Bench) -> None:
    world = bench.world
    first, _ = await two(world)
    await world.tx.run(lambda store: store.save_giving_way(first))
    for _ in range(2):
        await world.tx.run(lambda store: store.decide_giving_way(first.subscription))
    await world.tx.run(lambda store: store.save_giving_way(replace(first, to="tsub_other")))
    await world.tx.run(lambda store: store.drop_giving_way(first.subscription))
    assert await known(world) == [replace(first, decided=True)]


async def test_it_is_due_after_its_delay_and_counts_with_refunds(bench: Bench) -> None:
    world = bench.world
    first, second = await two(world)
    await world.tx.run(lambda store: store.save_giving_way(first))
    await bench.wait(timedelta(minutes=1))
    await world.tx.run(lambda store: store.save_giving_way(second))
    minute = timedelta(minutes=1)
    assert await world.tx.run(lambda store: store.due_giving_way(HOUR, 9)) == []
    assert await world.tx.run(lambda store: store.due_giving_way(minute, 9)) == [first]
    assert await world.tx.run(lambda store: store.due_giving_way(NONE, 9)) == [first, second]
    assert await world.tx.run(lambda store: store.due_giving_way(NONE, 1)) == [first]
    assert await world.tx.run(lambda store: store.count_refundable(minute)) == 1
    assert await world.tx.run(lambda store: store.count_refundable(NONE)) == 2
    assert await world.tx.single(lambda store: store.refunds_ahead(minute))
    assert not await world.tx.single(lambda store: store.refunds_ahead(HOUR))
    await world.tx.run(lambda store: store.decide_giving_way(first.subscription))
    assert await world.tx.run(lambda store: store.due_giving_way(NONE, 9)) == [second]
    assert await world.tx.run(lambda store: store.count_refundable(NONE)) == 1
    assert await world.tx.run(lambda store: store.count_decided(HOUR)) == 1
    await bench.wait(HOUR)
    assert await world.tx.run(lambda store: store.count_decided(HOUR)) == 0


async def test_it_is_claimed_again_later_and_less_often_until_it_is_noted(bench: Bench) -> None:
    world = bench.world
    first, second = await two(world)
    for row in (first, second):
        await save(world, row)
    await world.tx.run(lambda store: store.decide_giving_way(first.subscription))
    decided = [replace(first, decided=True)]
    assert await world.tx.run(lambda store: store.claim_giving_way("whmcs", 9)) == []
    for wait in (0, 30, 60):
        await bench.wait(timedelta(seconds=wait) - timedelta(seconds=1 if wait else 0))
        if wait:
            assert await world.tx.run(lambda store: store.claim_giving_way("stripe", 9)) == []
            assert not await world.tx.single(lambda store: store.refunds_wait())
            await bench.wait(timedelta(seconds=2))
        assert await world.tx.single(lambda store: store.refunds_wait())
        assert await world.tx.single(lambda store: store.refunds_ahead(timedelta(days=1)))
        assert await world.tx.run(lambda store: store.claim_giving_way("stripe", 9)) == decided
    assert await world.tx.run(lambda store: store.note_gave_way(first.subscription, ""))
    assert not await world.tx.run(lambda store: store.note_gave_way(first.subscription, "re_1"))
    await bench.wait(timedelta(days=1))
    assert await world.tx.run(lambda store: store.claim_giving_way("stripe", 9)) == []
    assert not await world.tx.single(lambda store: store.refunds_wait())


async def test_what_waits_for_news_is_not_due_and_is_told_of_once(bench: Bench) -> None:
    world = bench.world
    first, _ = await two(world)
    await world.give(seen("sub_1"), revision=2)
    await world.give(checkout("cs_3", sub="sub_3", at=2))
    [purchase] = await world.tx.run(lambda store: store.refundable(NONE, 9))
    for name in (first.subscription, purchase.name):
        assert not await postpone(world, name)
    assert await world.tx.run(lambda store: store.due_giving_way(NONE, 9)) == []
    assert await world.tx.run(lambda store: store.refundable(NONE, 9)) == []
    assert await world.tx.run(lambda store: store.count_refundable(NONE)) == 0
    await bench.wait(timedelta(seconds=31))
    assert [row.subscription for row in await known(world)] == [first.subscription]
    assert await world.tx.run(lambda store: store.count_refundable(NONE)) == 2
    await postpone(world, purchase.name)
    assert await world.tx.run(lambda store: store.refundable(NONE, 9)) == []
    await bench.wait(timedelta(seconds=59))
    assert await world.tx.run(lambda store: store.refundable(NONE, 9)) == []
    told = []
    for _ in range(4):
        await bench.wait(timedelta(minutes=20))
        told.append(await postpone(world, purchase.name))
    assert told == [False, False, True, False]
    await bench.wait(timedelta(days=3))
    assert not await postpone(world, purchase.name)
    await bench.wait(timedelta(seconds=31))
    assert len(await world.tx.run(lambda store: store.refundable(NONE, 9))) == 1


async def test_a_wait_that_is_over_for_a_day_is_forgotten_and_no_other(bench: Bench) -> None:
    world = bench.world
    for name in ("over", "also over"):
        await postpone(world, name)
    await bench.wait(timedelta(hours=23))
    assert await world.tx.run(lambda store: store.forget_postponed()) == 0
    await postpone(world, "still waits")
    await bench.wait(timedelta(hours=2))
    assert await world.tx.run(lambda store: store.forget_postponed()) == 2
    assert await world.tx.run(lambda store: store.forget_postponed()) == 0
    await bench.wait(timedelta(days=2))
    assert await world.tx.run(lambda store: store.forget_postponed()) == 1


async def test_rivals_are_found_decided_and_given_back_on_any_store(bench: Bench) -> None:
    world = bench.world
    await two(world)
    await world.give(seen("sub_1"), revision=2)
    [alert] = world.alerts
    assert alert.reason == "TWO_RIVALS_BILL"
    assert (await decide_refunds(world.tx, world.news, delay=NONE)).done == 1
    assert (await give_refunds(world.tx, world.shop))[0] == 1
    found = {one.key.provider_subscription_id: one.state for one in await world.subscriptions()}
    assert found == {"sub_1": State.CANCELED, "sub_2": State.ACTIVE}
    [(_, gave_way, since, _)] = world.shop.gave_way.values()
    assert (gave_way, since) == ("sub_1", START + timedelta(minutes=1))


async def test_what_has_to_give_way_entitles_to_nothing_and_is_over_once_it_is_decided(
    bench: Bench,
) -> None:
    world = bench.world
    await two(world)
    await world.give(seen("sub_1"), revision=2)
    account = await world.owner()

    async def held(store: Store) -> list[State]:
        holder = (await store.holders([account]))[account]
        return [one.state for one in holder.held]

    assert await world.tx.run(held) == [State.ACTIVE]
    await decide_refunds(world.tx, world.news, delay=NONE)
    assert sorted(await world.tx.run(held)) == [State.ACTIVE, State.CANCELED]


async def paid(world: World, name: str, sub: str) -> None:
    """Tell that a renewal was paid."""
    told = replace(invoice(name, sub=sub, at=120), billing_reason=RENEWAL_REASON)
    await world.give(told)


async def claimed(world: World) -> list[tuple[str, int]]:
    """Claim what is due, of both kinds; return the provider's names, and which time it is."""

    async def claim(store: Store) -> list[tuple[str, int]]:
        ways = await store.claim_giving_way("stripe", 9)
        bought = await store.claim_refunds("stripe", 9)
        found = [(row.key.provider_subscription_id, row.again) for row in ways]
        return found + [(one.checkout.provider_subscription_id, one.again) for one in bought]

    return await world.tx.run(claim)


async def either(world: World, kind: str) -> tuple[str, str, Callable[[str, int], Awaitable[bool]]]:
    """Decide on one; return its name, the provider's, and what notes that it was given back."""
    first, _ = await two(world)
    if kind == "gives way":
        await save(world, first)
        await world.tx.run(lambda store: store.decide_giving_way(first.subscription))
        name, sub = first.subscription, "sub_1"
    else:
        await world.give(seen("sub_1"), revision=2)
        await world.give(checkout("cs_3", sub="sub_3", at=2))
        [due] = await world.tx.run(lambda store: store.refundable(NONE, 9))
        await world.tx.run(lambda store: store.decide_refund(due.name))
        name, sub = due.name, "sub_3"

    async def note(refund: str, again: int) -> bool:
        if kind == "gives way":
            return await world.tx.run(lambda store: store.note_gave_way(name, refund, again))
        return await world.tx.run(lambda store: store.note_refund(name, refund, again))

    return name, sub, note


async def ask(world: World, *ways: str) -> list[str]:
    owner = await world.owner()
    return [*await world.tx.run(lambda store: store.ask_again(owner, ways))]


@pytest.mark.parametrize("kind", ["gives way", "refused"])
async def test_each_payment_that_comes_late_is_claimed_once_and_after_the_one_before(
    bench: Bench, kind: str
) -> None:
    world = bench.world
    name, sub, note = await either(world, kind)
    ways = [name] if kind == "gives way" else []
    await paid(world, "in_1", sub)
    assert await ask(world, *ways) == []
    assert await claimed(world) == [(sub, 0)]
    assert await ask(world, *ways) == []
    # Each of these is settled with its account, which asks for it.
    await paid(world, "in_2", sub)
    await paid(world, "in_3", sub)
    assert await ask(world, *ways) == []
    assert await claimed(world) == []
    await bench.wait(timedelta(seconds=31))
    assert await claimed(world) == [(sub, 0)]
    assert not await note("re_9", 1)
    for again in range(3):
        assert await note(f"re_{again}", again)
        assert not await note(f"re_{again}", again)
        expected = [(sub, again + 1)] if again < 2 else []
        assert await world.tx.single(lambda store: store.refunds_wait()) == bool(expected)
        assert await claimed(world) == expected
    await paid(world, "in_3", sub)
    await bench.wait(timedelta(days=1))
    assert await claimed(world) == []


@pytest.mark.parametrize("kind", ["gives way", "refused"])
async def test_only_what_was_paid_for_it_is_late(bench: Bench, kind: str) -> None:
    world = bench.world
    name, sub, note = await either(world, kind)
    assert await claimed(world) == [(sub, 0)]
    assert await note("", 0)
    await paid(world, "in_other", "sub_2")
    free = replace(invoice("in_free", sub=sub, at=120), paid=USD - USD)
    await world.give(replace(free, billing_reason=RENEWAL_REASON))
    assert await ask(world, *([name] if kind == "gives way" else [])) == []
    assert not await world.tx.single(lambda store: store.refunds_wait())
