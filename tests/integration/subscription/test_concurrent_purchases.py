"""Purchases and refunds at the same time, on PostgreSQL."""

import asyncio
from datetime import timedelta

import pytest

from services.chassis.db import Pool
from services.chassis.errors import Aborted
from services.subscription.domain import AccountKind, PurchaseStatus
from services.subscription.incoming import ProviderStatus
from services.subscription.purchasing import Purchasing
from services.subscription.usecases import create_subscription, decide_refunds, give_refunds
from tests.fakes.subscription_world import World, checkout, seen
from tests.unit.subscription.people import ANN, account_of, buy

AT_ONCE = timedelta(0)


async def test_one_key_at_eight_hands_is_one_quote_and_one_page(world: World, pool: Pool) -> None:
    account = await account_of(world, AccountKind.USER, "ann")

    async def ask() -> Purchasing:
        while True:
            try:
                return await create_subscription(world.desk, ANN, buy(account.name, key="r1"))
            except Aborted:
                continue

    answers = await asyncio.gather(*(ask() for _ in range(8)))
    assert len({answer.checkout_id for answer in answers}) == 1
    assert (len(world.shop.orders), len(world.pricing.quotes)) == (1, 1)
    bought = "SELECT count(*) FROM audit WHERE action = 'subscription.buy'"
    assert await pool.fetchval(bought) == 1


async def test_two_workers_at_once_give_each_purchase_back_once(world: World, pool: Pool) -> None:
    for number in range(4):
        await world.give(checkout(f"cs_a{number}", f"cus_{number}"))
        await world.give(checkout(f"cs_b{number}", f"cus_{number}", at=1))

    async def work() -> int:
        await decide_refunds(world.tx, world.news, delay=AT_ONCE)
        return (await give_refunds(world.tx, world.shop))[0]

    done = await asyncio.gather(*(work() for _ in range(4)))
    assert sum(done) + (await give_refunds(world.tx, world.shop))[0] == 4
    assert sorted(world.shop.refunds.values()) == [f"cs_b{number}" for number in range(4)]
    for action in ("purchase.refund", "purchase.refunded"):
        count = await pool.fetchval("SELECT count(*) FROM audit WHERE action = $1", action)
        assert count == 4


@pytest.mark.parametrize("round_number", range(6))
async def test_a_payment_that_comes_to_fit_while_it_is_decided_on_is_used_or_given_back(
    world: World, round_number: int
) -> None:
    await world.give(checkout("cs_1", sub="sub_1"))
    await world.give(checkout("cs_2", sub="sub_2", price="price_b", at=5))

    async def refund() -> None:
        await decide_refunds(world.tx, world.news, delay=AT_ONCE)
        await give_refunds(world.tx, world.shop)

    racers = [refund(), world.give(seen(status=ProviderStatus.CANCELED, ended=1), revision=1)]
    if round_number % 2:
        racers.reverse()
    await asyncio.gather(*racers)
    [second] = [p for p in await world.purchases() if p.checkout.checkout_id == "cs_2"]
    begun = {sub.key.provider_subscription_id for sub in await world.subscriptions()}
    given_back = list(world.shop.refunds.values())
    if second.status is PurchaseStatus.APPLIED:
        assert (given_back, "sub_2" in begun) == ([], True)
    else:
        assert second.status is PurchaseStatus.REFUNDED
        assert (given_back, "sub_2" in begun) == (["cs_2"], False)
