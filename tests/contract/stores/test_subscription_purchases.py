"""What every store of subscription does with purchases, refunds and what orders tell."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from services.chassis.db import Connection, PgTransactions, open_pool
from services.chassis.migrate import migrate
from services.subscription import convert, usecases
from services.subscription.asking import PageRequest
from services.subscription.auditing import OnceScope
from services.subscription.domain import (
    Account,
    AccountKind,
    LastPage,
    Order,
    OrderedSubscription,
    Phase,
    PurchaseStatus,
    State,
)
from services.subscription.incoming import Payer, ProviderStatus
from services.subscription.offers import AddonQuantity, Terms
from services.subscription.ports import Store
from services.subscription.store import PgStore
from tests.fakes.subscription_world import (
    ADMIN,
    START,
    World,
    catalog,
    checkout,
    customer,
    memory_world,
    namespace,
    seen,
)
from tests.integration.postgres_fixture import Database

MIGRATIONS = Path(convert.__file__).parent.parent / "migrations"


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


async def test_what_an_order_tells_reads_back_and_a_generation_without_it_tells_nothing(
    world: World,
) -> None:
    told = OrderedSubscription(
        subscription="tsub_1",
        state=State.CANCELING,
        plan_display_name="Basic",
        addons=(AddonQuantity("shop/more", 2),),
        provider="stripe",
        provider_subscription_id="sub_1",
        provider_customer_id="cus_1",
        begin_time=START,
        trial_end_time=START + timedelta(days=14),
    )

    async def write(store: Store) -> list[OrderedSubscription | None]:
        await store.add_account(account("acc_1"))
        await store.save_order(replace(order(1, 1), holding=told))
        first = (await store.orders("acc_1"))[0].holding
        await store.save_order(order(1, 2))
        return [first, (await store.orders("acc_1"))[0].holding]

    assert await world.tx.run(write) == [told, None]


async def test_a_subscription_reads_back_with_what_it_tells_others(world: World) -> None:
    await world.give(checkout("cs_1", sub="sub_1"))
    trial = replace(seen(status=ProviderStatus.UNPAID), trial_end=START + timedelta(days=14))
    await world.give(trial, revision=1)
    [sub] = await world.subscriptions()
    found = await world.tx.run(lambda store: store.subscription(sub.name))
    assert found == sub
    assert (sub.customer_id, sub.trial_end_time) == ("cus_1", START + timedelta(days=14))
    assert sub.suspend_time is not None
    assert sub.offer.terms == Terms("Basic", "basic")
    assert await world.tx.run(lambda store: store.subscription("tsub_none")) is None
    await world.give(seen(), revision=2)
    [sub] = await world.subscriptions()
    assert sub.suspend_time is None


async def test_a_refund_is_decided_claimed_and_noted_once(world: World) -> None:
    await world.give(checkout("cs_1", sub="sub_1"))
    await world.give(checkout("cs_2", sub="sub_2", at=1))
    none, hour = timedelta(0), timedelta(hours=1)
    assert await world.tx.run(lambda store: store.count_refundable(none)) == 1
    assert await world.tx.run(lambda store: store.count_refundable(hour)) == 0
    assert await world.tx.run(lambda store: store.refundable(hour, 9)) == []
    assert await world.tx.single(lambda store: store.refunds_ahead(none))
    assert not await world.tx.single(lambda store: store.refunds_ahead(hour))
    [due] = await world.tx.run(lambda store: store.refundable(none, 9))
    assert await world.tx.run(lambda store: store.claim_refunds("stripe", 9)) == []
    assert not await world.tx.single(lambda store: store.refunds_wait())
    for _ in range(2):
        await world.tx.run(lambda store: store.decide_refund(due.name))
    assert await world.tx.run(lambda store: store.count_refundable(none)) == 0
    assert await world.tx.run(lambda store: store.count_decided(hour)) == 1
    assert await world.tx.run(lambda store: store.count_purchases(hour)) == 2
    assert await world.tx.run(lambda store: store.claim_refunds("whmcs", 9)) == []
    assert await world.tx.single(lambda store: store.refunds_wait())
    assert await world.tx.single(lambda store: store.refunds_ahead(hour))
    [claimed] = await world.tx.run(lambda store: store.claim_refunds("stripe", 9))
    assert claimed == replace(due, refunding=True)
    assert not claimed.may_begin
    assert await world.tx.run(lambda store: store.claim_refunds("stripe", 9)) == []
    assert not await world.tx.single(lambda store: store.refunds_wait())
    assert not await world.tx.single(lambda store: store.refunds_ahead(none))
    assert await world.tx.run(lambda store: store.note_refund(due.name, ""))
    assert not await world.tx.run(lambda store: store.note_refund(due.name, "re_1"))
    found = await world.tx.run(lambda store: store.purchase(due.name))
    assert found is not None
    assert found.status is PurchaseStatus.REFUNDED
    for status, names in ((PurchaseStatus.REFUNDED, ["cs_2"]), (PurchaseStatus.REFUND_DUE, [])):
        page = await usecases.list_purchases(world.tx, ADMIN, status, PageRequest())
        assert [one.checkout.checkout_id for one in page.items] == names


async def test_a_claim_that_rolls_back_leaves_the_refund_to_be_claimed(world: World) -> None:
    await world.give(checkout("cs_1"))
    await world.give(checkout("cs_2", at=1))
    [due] = await world.tx.run(lambda store: store.refundable(timedelta(0), 9))
    await world.tx.run(lambda store: store.decide_refund(due.name))

    async def fail(store: Store) -> None:
        assert len(await store.claim_refunds("stripe", 9)) == 1
        raise LookupError("stop")

    with pytest.raises(LookupError):
        await world.tx.run(fail)
    assert len(await world.tx.run(lambda store: store.claim_refunds("stripe", 9))) == 1


async def test_what_a_payment_is_barred_for_is_kept_and_found(world: World) -> None:
    paid = replace(
        checkout("cs_1", sub="sub_1"),
        quote="quo_1",
        operation_id="op_1",
        payer=Payer(customer("cus_1"), account_id="acc_1"),
    )
    await world.tx.run(lambda store: store.add_account(account("acc_1")))
    await world.give(paid)
    [purchase] = await world.tx.run(lambda store: store.unquoted(9))
    assert (purchase.barred, purchase.checkout.quote) == ("UNKNOWN_QUOTE", "quo_1")
    assert purchase.status is PurchaseStatus.PARKED
    refused = replace(purchase, barred="QUOTE_MISMATCH", status=PurchaseStatus.REFUND_DUE)
    await world.tx.run(lambda store: store.save_purchase(refused))
    assert await world.tx.run(lambda store: store.purchase(purchase.name)) == refused
    assert await world.tx.run(lambda store: store.unquoted(9)) == []


async def test_a_key_is_unique_within_its_account(world: World) -> None:
    async def produce(name: str) -> str:
        return name

    for name in ("acc_1", "acc_2"):
        scope = OnceScope("ann", "CreateSubscription", "r1", b"hash", name)
        found = await world.tx.run(partial(_once, scope=scope, produce=partial(produce, name)))
        assert found == name


async def _once(store: Store, *, scope: OnceScope, produce: Callable[[], Awaitable[str]]) -> str:
    return await store.once(scope, produce)


async def test_the_last_page_of_an_account_is_the_one_that_was_noted_last(world: World) -> None:
    first, second = LastPage(b"one", "quo_1", "cs_1"), LastPage(b"two", "quo_2", "cs_2")
    await world.tx.run(lambda store: store.add_account(account("acc_1")))
    assert await world.tx.run(lambda store: store.last_page("acc_1")) is None
    for page in (first, second):
        await world.tx.run(partial(_note, page=page))
        assert await world.tx.run(lambda store: store.last_page("acc_1")) == page
    assert await world.tx.run(lambda store: store.last_page("acc_2")) is None


async def _note(store: Store, *, page: LastPage) -> None:
    await store.save_page("acc_1", page)
