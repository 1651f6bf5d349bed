"""What every store of subscription does, in memory and on PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from services.chassis.db import Connection, PgTransactions, open_pool
from services.chassis.facts import FactRecord
from services.chassis.idempotency import IdempotencyConflict
from services.chassis.migrate import migrate
from services.subscription import convert, usecases
from services.subscription.asking import PageRequest, Sight
from services.subscription.auditing import Actor, Change, OnceScope
from services.subscription.domain import (
    Account,
    AccountKind,
    Observation,
    Order,
    Phase,
    Purchase,
    PurchaseStatus,
    Snapshot,
    State,
    UnitKey,
    purchase_name,
)
from services.subscription.incoming import (
    ProviderStatus,
)
from services.subscription.offers import Appraisal
from services.subscription.ports import Store
from services.subscription.store import PgStore
from services.subscription.usecases import Envelope
from tests.fakes.subscription_world import (
    ADMIN,
    START,
    World,
    catalog,
    checkout,
    customer,
    invoice,
    memory_world,
    namespace,
    seen,
)
from tests.integration.postgres_fixture import Database

MIGRATIONS = Path(convert.__file__).parent.parent / "migrations"
EVERYTHING = Sight(everything=True)


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


def account(name: str, external_id: str = "", minutes: int = 0) -> Account:
    created = START + timedelta(minutes=minutes)
    return Account(name, AccountKind.USER, external_id, "", created)


def order(incarnation: int, generation: int, phase: Phase = Phase.RUNNING) -> Order:
    return Order("acc_1", incarnation, 1, generation, phase, "shop/basic", namespace(1), "ann")


async def test_a_fact_is_remembered_once(world: World) -> None:
    record = FactRecord("fct_1", "k", 0, "t", b"")
    assert await world.tx.run(lambda store: store.remember(record, "payments"))
    assert not await world.tx.run(lambda store: store.remember(record, "payments"))


async def test_of_facts_that_come_together_those_that_are_new_are_told(world: World) -> None:
    first, second = (FactRecord(name, "k", 0, "t", b"") for name in ("fct_1", "fct_2"))
    assert await world.tx.run(lambda store: store.remember(second, "payments"))

    async def both(store: Store) -> list[str]:
        return sorted(await store.remember_all([second, first], "payments"))

    assert await world.tx.run(both) == ["fct_1"]
    assert await world.tx.run(both) == []


async def test_a_customer_that_is_bound_is_its_accounts_at_once_and_afterwards(
    world: World,
) -> None:
    payer = customer("cus_1")

    async def bind(store: Store) -> tuple[str, str]:
        await store.add_account(account("acc_1"))
        before = await store.lock_customer(payer)
        await store.bind_customer(payer, "acc_1")
        return before, await store.lock_customer(payer)

    assert await world.tx.run(bind) == ("", "acc_1")
    assert await world.tx.run(lambda store: store.lock_customer(payer)) == "acc_1"


async def test_an_outside_name_belongs_to_one_account_and_an_empty_one_to_nobody(
    world: World,
) -> None:
    async def add(store: Store) -> list[bool]:
        return [
            await store.add_account(account("acc_1", "ann")),
            await store.add_account(account("acc_2", "ann")),
            await store.add_account(account("acc_3")),
            await store.add_account(account("acc_4")),
        ]

    assert await world.tx.run(add) == [True, False, True, True]
    named = await world.tx.run(lambda store: store.account_named(AccountKind.USER, "ann"))
    assert named == account("acc_1", "ann")
    assert await world.tx.run(lambda store: store.account_named(AccountKind.DID, "ann")) is None
    assert await world.tx.run(lambda store: store.account_named(AccountKind.USER, "")) is None


async def test_facts_of_one_customer_meet_at_its_lock(world: World) -> None:
    entered = asyncio.Event()
    go_on = asyncio.Event()

    async def first(store: Store) -> None:
        assert await store.lock_customer(customer("cus_1")) == ""
        entered.set()
        await go_on.wait()
        await store.add_account(account("acc_1"))
        await store.bind_customer(customer("cus_1"), "acc_1")

    async with asyncio.TaskGroup() as group:
        group.create_task(world.tx.run(first))
        await entered.wait()
        second = group.create_task(
            world.tx.run(lambda store: store.lock_customer(customer("cus_1")))
        )
        done, _ = await asyncio.wait([second], timeout=0.05)
        assert not done
        go_on.set()
    assert second.result() == "acc_1"


async def test_whoever_locks_an_account_second_waits_for_the_first_to_commit(world: World) -> None:
    entered, go_on = asyncio.Event(), asyncio.Event()
    await world.tx.run(lambda store: store.add_account(account("acc_1")))

    async def first(store: Store) -> None:
        assert await store.lock_account("acc_1") == account("acc_1")
        entered.set()
        await go_on.wait()
        await store.save_order(order(1, 1))

    async with asyncio.TaskGroup() as group:
        group.create_task(world.tx.run(first))
        await entered.wait()
        second = group.create_task(world.tx.run(lambda store: store.lock_account("acc_1")))
        done, _ = await asyncio.wait([second], timeout=0.05)
        assert not done
        go_on.set()
    assert second.result() == replace(account("acc_1"), generation=1)


async def test_a_bound_customer_brings_everything_that_waited(world: World) -> None:
    await world.give(checkout("cs_1", price="price_closed", sub="sub_1"))
    await world.give(invoice("in_1"))
    await world.give(seen(price="price_closed"), revision=1)
    await world.give(checkout("cs_other", "cus_2", price="price_closed"))

    async def bind(store: Store) -> None:
        await store.add_account(account("acc_1"))
        await store.lock_customer(customer("cus_1"))
        await store.bind_customer(customer("cus_1"), "acc_1")
        assert await store.unpark(customer("cus_1").waiting_key) == 3

    await world.tx.run(bind)
    holdings = await world.tx.run(lambda store: store.holdings(account("acc_1")))
    assert [p.checkout.checkout_id for p in holdings.purchases] == ["cs_1"]
    assert [e.first_paid for e in holdings.evidence] == [START]
    assert [s.revision for s in holdings.snapshots] == [1]
    assert await world.tx.run(lambda store: store.customers("acc_1")) == [customer("cus_1")]
    assert await world.tx.run(lambda store: store.owner_of(customer("cus_2"))) == ""


async def test_a_purchase_reads_back_as_it_was_written(world: World) -> None:
    paid = replace(checkout("cs_1", sub="sub_1"), receive_time=START, operation_id="op_1")
    appraisal = Appraisal(problem="UNKNOWN_PRICE", unknown_prices=("price_x",))
    purchase = Purchase(
        name=purchase_name(paid),
        checkout=paid,
        account="",
        appraisal=appraisal,
        status=PurchaseStatus.PARKED,
        reason="UNKNOWN_PRICE",
        create_time=START,
        fact_id="fct_1",
    )
    assert await world.tx.run(lambda store: store.add_purchase(purchase))
    assert not await world.tx.run(lambda store: store.add_purchase(purchase))
    assert await world.tx.run(lambda store: store.purchase(purchase.name)) == purchase
    assert await world.tx.run(lambda store: store.unknown_prices()) == [("stripe", "price_x")]
    assert await world.tx.run(lambda s: s.waiting_purchases("stripe", "price_x")) == [purchase]
    assert await world.tx.run(lambda s: s.waiting_purchases("whmcs", "price_x")) == []
    refund = replace(purchase, appraisal=Appraisal(), status=PurchaseStatus.REFUND_DUE)
    await world.tx.run(lambda store: store.save_purchase(refund))
    assert await world.tx.run(lambda store: store.purchase(purchase.name)) == refund
    assert await world.tx.run(lambda store: store.unknown_prices()) == []


async def test_a_snapshot_is_never_replaced_by_an_older_one(world: World) -> None:
    key = UnitKey("stripe", "acct_1", "sub_1")
    newest = Snapshot(seen(paused=True, ended=3), 5, "", Appraisal(problem="NO_PLAN"), "fct_5")
    await world.tx.run(lambda store: store.save_snapshot(newest))
    await world.tx.run(lambda store: store.save_snapshot(replace(newest, revision=4)))
    assert await world.tx.run(lambda store: store.snapshot(key)) == newest
    waits = replace(newest, appraisal=Appraisal(problem="x", unknown_prices=("price_x",)))
    await world.tx.run(lambda store: store.save_snapshot(waits))
    assert await world.tx.run(lambda s: s.waiting_snapshots("stripe", "price_x")) == [waits]


async def test_a_subscription_and_its_order_read_back_as_they_were_written(world: World) -> None:
    await world.give(checkout("cs_1", sub="sub_1"))
    await world.give(seen(status=ProviderStatus.CANCELED, ended=9), revision=1)
    [sub] = await world.subscriptions()
    owner = await world.owner()
    assert (sub.state, sub.due is not None, sub.over) == (State.CANCELED, True, False)
    assert sub.offer.capacity == namespace(10)
    holdings = await world.tx.run(lambda store: store.holdings(account(owner)))
    assert holdings.subscriptions == [sub]
    assert await world.tx.run(lambda store: store.sold(sub.name)) == sub.offer
    assert await world.tx.run(lambda store: store.sold("tsub_nobody")) is None
    assert holdings.order == await world.order()
    locked = await world.tx.run(lambda store: store.lock_account(owner))
    assert locked is not None
    assert locked.generation == holdings.order.generation == 2


async def test_generations_of_an_account_only_grow(world: World) -> None:
    async def write(store: Store) -> None:
        await store.add_account(account("acc_1"))
        await store.save_order(order(1, 7))
        await store.save_order(order(1, 3))

    await world.tx.run(write)
    found = await world.tx.run(lambda store: store.account("acc_1"))
    assert found is not None
    assert found.generation == 7


async def test_a_deleted_incarnation_is_closed_whatever_the_program_thinks(world: World) -> None:
    async def delete(store: Store) -> None:
        await store.add_account(account("acc_1"))
        await store.save_order(order(1, 1))
        await store.save_order(order(1, 2, Phase.DELETED))

    await world.tx.run(delete)
    with pytest.raises(Exception, match="closed"):
        await world.tx.run(lambda store: store.save_order(order(1, 3)))


async def test_the_newest_revision_of_an_observation_stays(world: World) -> None:
    observation = Observation("ten_1", "acc_1", 1, 1, 4, 2, "Ready", "", "ns", START)
    change = Change(Actor("provisioner"), "capacity.observed", "acc_1", "Ready")
    assert await world.tx.single(lambda store: store.put_observation(observation, change))
    older = replace(observation, revision=1, phase="Failed")
    assert not await world.tx.single(lambda store: store.put_observation(older, change))
    assert not await world.tx.single(lambda store: store.put_observation(observation, change))
    assert await world.tx.run(lambda store: store.observation("acc_1", 1)) == observation
    assert await world.tx.run(lambda store: store.observation("acc_1", 2)) is None


async def test_a_rollback_leaves_nothing(world: World) -> None:
    async def fail(store: Store) -> None:
        await store.add_account(account("acc_1", "ann"))
        raise LookupError("stop")

    with pytest.raises(LookupError):
        await world.tx.run(fail)
    assert await world.tx.run(lambda store: store.account("acc_1")) is None


async def test_parked_facts_wait_for_what_they_are_told_to(world: World) -> None:
    one, two = (FactRecord(f"fct_{number}", "k", 0, "t", b"x") for number in (1, 2))
    await world.tx.run(lambda store: store.park(one, "price:a", "UNKNOWN_PRICE", "payments"))
    await world.tx.run(lambda store: store.park(two, "price:a", "UNKNOWN_PRICE", "payments"))
    await world.tx.run(lambda store: store.rewait("fct_1", "price:b", "UNKNOWN_PRICE"))
    assert await world.waiting() == [("price:b", "UNKNOWN_PRICE"), ("price:a", "UNKNOWN_PRICE")]
    await world.tx.run(lambda store: store.release("fct_1"))
    assert await world.waiting() == [("price:a", "UNKNOWN_PRICE")]
    assert await world.tx.run(lambda store: store.unpark("price:a")) == 1
    assert await world.waiting() == []


async def test_a_fact_kept_unknown_is_given_back_whole(world: World) -> None:
    record = FactRecord("fct_1", "k", 3, "tollgate.payments.v1.New", b"payload", (), "00-a-b-01")
    await usecases.keep_unknown(world.tx, Envelope(record, "payments"))
    kept = await world.tx.run(lambda store: store.kept_unknown([record.type]))
    assert kept == [(record, "payments")]
    await world.tx.run(lambda store: store.forget_kept("fct_1", record.type))
    assert await world.tx.run(lambda store: store.kept_unknown([record.type])) == []


async def test_an_answer_is_made_once_and_other_content_is_refused(world: World) -> None:
    scope = OnceScope("ann", "CreateAccount", "r1", b"hash")
    made: list[str] = []

    async def produce() -> str:
        made.append("x")
        return "acc_1"

    for _ in range(2):
        assert await world.tx.run(lambda store: store.once(scope, produce)) == "acc_1"
    assert made == ["x"]
    other = replace(scope, request_hash=b"other")
    with pytest.raises(IdempotencyConflict):
        await world.tx.run(lambda store: store.once(other, produce))
    assert await world.tx.run(lambda store: store.forget_answers()) == 0


async def test_lists_go_on_after_their_cursor_and_show_what_may_be_seen(world: World) -> None:
    async def add(store: Store) -> None:
        for number in range(4):
            await store.add_account(account(f"acc_{number}", f"user{number}", number // 2))

    await world.tx.run(add)
    first = await world.tx.run(lambda store: store.list_accounts(EVERYTHING, None, 3))
    assert [found.name for found in first] == ["acc_0", "acc_1", "acc_2"]
    cursor = (first[-1].create_time, first[-1].name)
    rest = await world.tx.run(lambda store: store.list_accounts(EVERYTHING, cursor, 3))
    assert [found.name for found in rest] == ["acc_3"]
    some = Sight(names=frozenset({(AccountKind.USER, "user2"), (AccountKind.DID, "user1")}))
    seen_by = await world.tx.run(lambda store: store.list_accounts(some, None, 9))
    assert [found.name for found in seen_by] == ["acc_2"]


async def test_purchases_are_listed_newest_first_by_status(world: World) -> None:
    for number in range(3):
        await world.give(checkout(f"cs_{number}", at=number))
    refunds = await usecases.list_purchases(
        world.tx, ADMIN, PurchaseStatus.REFUND_DUE, PageRequest(1)
    )
    assert [p.checkout.checkout_id for p in refunds.items] == ["cs_2"]
    more = PageRequest(1, refunds.next_token)
    second = await usecases.list_purchases(world.tx, ADMIN, PurchaseStatus.REFUND_DUE, more)
    assert [p.checkout.checkout_id for p in second.items] == ["cs_1"]
    assert second.next_token == ""


async def test_a_grace_of_no_time_is_due_at_once_and_acted_on_once(world: World) -> None:
    await world.give(checkout("cs_1", price="price_now", sub="sub_1"))
    gone = seen(status=ProviderStatus.CANCELED, ended=9, price="price_now")
    await world.give(gone, revision=1)
    owner = await world.owner()
    assert await world.tx.run(lambda store: store.count_due()) == 1
    assert await world.tx.run(lambda store: store.due_accounts(10)) == [owner]
    assert (await usecases.sweep_retention(world.tx)).done == 1
    assert await world.tx.run(lambda store: store.count_due()) == 0
    assert await world.tx.run(lambda store: store.count_over(timedelta(hours=1))) == 1
    assert (await world.order()).phase is Phase.DELETED
    await world.give(checkout("cs_2", sub="sub_2", at=20))
    assert [o.phase for o in await world.orders(owner)] == [Phase.DELETED, Phase.RUNNING]


async def test_a_raised_epoch_finds_and_renews_every_order(world: World) -> None:
    for number in range(3):
        await world.give(checkout(f"cs_{number}", f"cus_{number}"))
    assert await usecases.raise_epoch(world.tx, Actor("eve"), "restored") == 2
    assert len(await world.tx.run(lambda store: store.accounts_behind(10))) == 3
    assert await usecases.resend_behind(world.tx, Actor("eve")) == 3
    assert await world.tx.run(lambda store: store.accounts_behind(10)) == []
    assert (await world.order("cus_0")).epoch == 2


async def test_an_unknown_price_is_applied_once_a_catalog_knows_it(world: World) -> None:
    await world.give(checkout("cs_1", price="price_new", sub="sub_1"))
    await world.give(seen(price="price_new"), revision=1)
    world.pricing.sold["price_new"] = world.pricing.sold["price_b"]
    await usecases.retry_unknown_prices(world.tx, world.pricing, world.ids)
    assert (await world.order()).plan == "shop/large"
    assert await world.waiting() == []
