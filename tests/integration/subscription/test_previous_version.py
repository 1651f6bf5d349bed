"""Rows as the previous version writes them, while both versions run."""

from datetime import timedelta

import pytest

from services.chassis.db import Pool
from services.subscription.domain import Phase
from services.subscription.incoming import ProviderStatus
from services.subscription.usecases import decide_refunds, give_refunds
from tests.fakes.subscription_world import World, checkout, seen

_OLD_OFFERS = (
    "UPDATE subscriptions SET offer = offer - 'terms', customer_id = DEFAULT",
    "UPDATE purchases SET checkout = checkout - 'quote', appraisal = appraisal #- '{offer,terms}'",
    "UPDATE snapshots SET appraisal = appraisal #- '{offer,terms}'",
)


@pytest.fixture
async def old(world: World, pool: Pool) -> World:
    """Return a world in which somebody's plan was sold by the previous version."""
    await world.give(checkout("cs_1", sub="sub_1"))
    await world.give(seen(), revision=1)
    for statement in (*_OLD_OFFERS, "UPDATE orders SET holding = NULL"):
        await pool.execute(statement)
    return world


async def test_an_old_row_reads_and_is_told_once_and_not_for_ever(old: World) -> None:
    before = await old.order()
    assert (before.holding, before.phase) == (None, Phase.RUNNING)
    await old.give(seen(), revision=2)
    told = await old.order()
    assert told.generation == before.generation + 1
    assert told.holding is not None
    assert told.holding.plan_display_name == "Basic"
    for revision in range(3, 6):
        await old.give(seen(), revision=revision)
    assert (await old.order()).generation == told.generation


async def test_what_the_previous_version_writes_in_between_loses_no_terms(
    old: World, pool: Pool
) -> None:
    await old.give(seen(), revision=2)
    told = await old.order()
    await pool.execute(_OLD_OFFERS[2])
    await old.give(checkout("cs_2", sub="sub_2", at=5))
    again = await old.order()
    assert (again.generation, again.holding) == (told.generation, told.holding)


async def test_an_order_of_the_previous_version_is_told_of_again(old: World, pool: Pool) -> None:
    await old.give(seen(), revision=2)
    told = await old.order()
    newer = told.generation + 1
    # It leaves alone what it does not know, in the row that it writes.
    await pool.execute("UPDATE orders SET generation = $1", newer)
    await pool.execute("UPDATE accounts SET generation = $1", newer)
    await old.give(seen(status=ProviderStatus.ACTIVE), revision=3)
    again = await old.order()
    assert (again.generation, again.holding) == (newer + 1, told.holding)


async def test_the_previous_version_can_read_and_write_what_was_given_back(
    old: World, pool: Pool
) -> None:
    await old.give(checkout("cs_2", sub="sub_2", at=5))
    [due] = [p for p in await old.purchases() if p.checkout.checkout_id == "cs_2"]
    await old.tx.run(lambda store: store.decide_refund(due.name))
    await old.tx.run(lambda store: store.note_refund(due.name, "re_1"))
    read = "SELECT status FROM purchases WHERE name = $1"
    assert await pool.fetchval(read, due.name) == "REFUND_DUE"
    await pool.execute("UPDATE purchases SET status = 'REFUND_DUE' WHERE name = $1", due.name)
    [kept] = [p for p in await old.purchases() if p.name == due.name]
    assert kept.status == "REFUNDED"


async def test_what_the_previous_version_suspended_is_suspended_since_it_last_changed(
    old: World, pool: Pool
) -> None:
    await old.give(seen(status=ProviderStatus.UNPAID), revision=2)
    await pool.execute(
        "UPDATE subscriptions SET suspend_time = NULL, update_time = now() - interval '1 day'"
    )
    [before] = await old.subscriptions()
    await old.give(seen(status=ProviderStatus.UNPAID), revision=3)
    [after] = await old.subscriptions()
    assert after.suspend_time == before.update_time


_OLD_CLAIM = "UPDATE giving_way SET tries = tries + 1, next_try = now() + interval '30 seconds'"
_OLD_NOTE = "UPDATE giving_way SET done_time = now(), refund_id = 're_1' WHERE done_time IS NULL"
_OLD_INVOICE = """
INSERT INTO invoices (provider, provider_account, invoice_id, customer_id, account,
    provider_subscription_id, billing_reason, currency, paid, pay_time)
SELECT provider, provider_account, 'in_late', 'cus_1', account, provider_subscription_id,
    'subscription_cycle', 'usd', 900, now() FROM giving_way
"""


async def test_late_money_that_the_previous_version_was_told_of_goes_back_with_the_next_news(
    old: World, pool: Pool
) -> None:
    await old.give(seen(paused=True), revision=2)
    await old.give(checkout("cs_2", sub="sub_2", at=60))
    await old.give(seen(), revision=3)
    assert (await decide_refunds(old.tx, old.news, delay=timedelta(0))).done == 1
    for statement in (_OLD_CLAIM, _OLD_NOTE):
        await pool.execute(statement)
    assert (await give_refunds(old.tx, old.shop))[0] == 0
    await pool.execute(_OLD_INVOICE)
    await old.give(seen(status=ProviderStatus.CANCELED, ended=99), revision=4)
    # The previous version neither claims it nor says that it was done: to it, it is.
    assert await pool.execute(_OLD_NOTE) == "UPDATE 0"
    await pool.execute("UPDATE giving_way SET next_try = now()")
    assert (await give_refunds(old.tx, old.shop))[0] == 1
    await old.give(seen(status=ProviderStatus.CANCELED, ended=99), revision=5)
    assert (await give_refunds(old.tx, old.shop))[0] == 0
    [(_, gave_back, _, _)] = old.shop.gave_way.values()
    assert gave_back == "sub_1"
