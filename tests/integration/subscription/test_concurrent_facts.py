"""Many replicas, many duplicates, one database: what takes effect, takes it once."""

import asyncio
import random
from collections import Counter
from dataclasses import replace

import pytest

from services.chassis.db import Pool
from services.subscription import usecases
from services.subscription.domain import Phase, PurchaseStatus
from services.subscription.incoming import CheckoutPaid, Payer, ProviderStatus
from tests.fakes.subscription_world import World, checkout, customer, invoice, seen

CUSTOMERS = 20
CHECKOUTS = 50
DUPLICATES = 4


def bought() -> list[CheckoutPaid]:
    """Return fifty checkouts of twenty customers: ten bought three times, ten twice."""
    return [
        checkout(f"cs_{number}", f"cus_{number % CUSTOMERS}", sub=f"sub_{number}", at=number)
        for number in range(CHECKOUTS)
    ]


async def test_every_customer_gets_one_account_and_one_order_and_the_rest_its_money_back(
    world: World, pool: Pool
) -> None:
    deliveries = bought() * DUPLICATES
    random.Random(7).shuffle(deliveries)
    slots = asyncio.Semaphore(50)

    async def deliver(fact: CheckoutPaid) -> None:
        async with slots:
            await world.give(fact)

    async with asyncio.TaskGroup() as group:
        for fact in deliveries:
            group.create_task(deliver(fact))

    accounts = await world.accounts()
    assert len(accounts) == CUSTOMERS
    assert all(len(view.customers) == 1 for view in accounts)
    for view in accounts:
        [order] = await world.orders(view.account.name)
        assert (order.phase, order.generation) == (Phase.RUNNING, 1)
    purchases = await world.purchases()
    by_account: dict[str, Counter[PurchaseStatus]] = {}
    for purchase in purchases:
        by_account.setdefault(purchase.account, Counter())[purchase.status] += 1
    assert len(purchases) == CHECKOUTS
    assert all(count[PurchaseStatus.APPLIED] == 1 for count in by_account.values())
    refunds = sum(count[PurchaseStatus.REFUND_DUE] for count in by_account.values())
    assert refunds == CHECKOUTS - CUSTOMERS
    assert len(await world.subscriptions()) == CUSTOMERS
    assert await pool.fetchval("SELECT count(*) FROM outbox") == CUSTOMERS
    created = "SELECT count(*) FROM audit WHERE action = 'account.create'"
    assert await pool.fetchval(created) == CUSTOMERS


async def test_two_customers_of_one_person_make_one_account_at_the_same_time(
    world: World,
) -> None:
    async with asyncio.TaskGroup() as group:
        for number in range(8):
            who = f"cus_{number}"
            payer = Payer(customer(who), identity=(("user_id", "ann"),))
            group.create_task(world.give(replace(checkout(f"cs_{number}", who), payer=payer)))
    [view] = await world.accounts()
    assert len(view.customers) == 8
    [order] = await world.orders(view.account.name)
    assert (order.owner_subject, order.generation) == ("ann", 1)
    counts = Counter(purchase.status for purchase in await world.purchases())
    assert counts == {PurchaseStatus.APPLIED: 1, PurchaseStatus.REFUND_DUE: 7}


async def test_facts_and_the_binding_of_their_customer_race_and_nothing_stays_behind(
    world: World,
) -> None:
    for number in range(12):
        who, sub = f"cus_{number}", f"sub_{number}"
        paid = checkout(f"cs_{number}", who, price="price_closed", sub=sub)
        async with asyncio.TaskGroup() as group:
            group.create_task(world.give(seen(sub, who=who, price="price_closed"), revision=1))
            group.create_task(world.give(paid))
            group.create_task(world.give(invoice(f"in_{number}", who, sub=sub)))
            group.create_task(world.create(external_id=who, customers=[customer(who)]))
        assert (await world.order(who)).phase is Phase.RUNNING
    assert await world.waiting() == []


@pytest.mark.parametrize("round_number", range(6))
async def test_a_permit_and_a_payment_that_race_never_delete_what_is_paid(
    world: World, round_number: int
) -> None:
    await world.give(checkout("cs_1", price="price_now", sub="sub_1"))
    gone = seen(status=ProviderStatus.CANCELED, ended=9, price="price_now")
    await world.give(gone, revision=1)

    async def permit() -> None:
        await asyncio.sleep(0)
        await usecases.sweep_retention(world.tx)

    racers = [permit(), world.give(checkout("cs_2", sub="sub_2", at=20))]
    if round_number % 2:
        racers.reverse()
    await asyncio.gather(*racers)
    orders = await world.orders(await world.owner())
    assert orders[-1].phase is Phase.RUNNING
    assert [order.phase for order in orders[:-1]] in ([], [Phase.DELETED])
    generations = [order.generation for order in orders]
    assert generations == sorted(set(generations))


async def test_two_timers_at_once_order_one_deletion(world: World, pool: Pool) -> None:
    await world.give(checkout("cs_1", price="price_now", sub="sub_1"))
    gone = seen(status=ProviderStatus.CANCELED, ended=9, price="price_now")
    await world.give(gone, revision=1)
    await asyncio.gather(*(usecases.sweep_retention(world.tx) for _ in range(4)))
    deleted = "SELECT count(*) FROM audit WHERE action = 'order.deleted'"
    assert await pool.fetchval(deleted) == 1


async def test_outbox_rows_of_an_account_stand_in_the_order_of_their_generations(
    world: World, pool: Pool
) -> None:
    await world.give(checkout("cs_1", sub="sub_1"))
    async with asyncio.TaskGroup() as group:
        for revision in range(1, 25):
            price = "price_a" if revision % 2 else "price_b"
            group.create_task(world.give(seen(price=price), revision=revision))
    rows = await pool.fetch("SELECT revision FROM outbox ORDER BY seq")
    generations = [row["revision"] for row in rows]
    assert generations == list(range(1, len(generations) + 1))
    order = await world.order()
    assert (order.generation, order.plan) == (generations[-1], "shop/large")
