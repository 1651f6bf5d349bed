"""Rows as the previous version writes them, while both versions run."""

import pytest

from services.chassis.db import Pool
from services.subscription.domain import Phase
from services.subscription.incoming import ProviderStatus
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
