"""Rules 19 and 21 of credits: which invoices grant nothing, and what makes a request the same."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from services.chassis.money import Money
from services.subscription.granting import (
    FIRST_REASON,
    RENEWAL_REASON,
    DueGrant,
    PaidInvoice,
    due_grant,
)
from services.subscription.incoming import InvoicePaid
from services.subscription.ledger import Grant, Pool, SpendRequest
from tests.fakes.ledger_model import GRANTED, MONTH, ledger_catalog
from tests.fakes.subscription_world import START, World, checkout, invoice, memory_world, seen

ASKED = SpendRequest(Pool("acc_1", "shop"), 7, "session", "gateway", "key")


async def bought(world: World) -> str:
    """Have an account buy what grants credits; return the account."""
    await world.give(checkout("cs_1", price="price_credits", sub="sub_1"))
    await world.give(seen(price="price_credits"), revision=1)
    return await world.owner()


async def left(world: World, account: str) -> int:
    return (await world.tx.run(lambda store: store.balance(Pool(account, "shop")))).posted


async def due(world: World, *invoices: PaidInvoice) -> DueGrant | None:
    """Return what these invoices make due where the first period was granted."""
    [sub] = await world.subscriptions()
    pool = Pool(sub.account, "shop")
    first = Grant("grt_first", pool, GRANTED, GRANTED, subscription=sub.name)
    return due_grant(sub, None, invoices, first)


def renewal(paid: int = 4900, reason: str = RENEWAL_REASON) -> PaidInvoice:
    return PaidInvoice("in_1", "sub", reason, paid, START + MONTH, START + 2 * MONTH)


async def test_a_renewal_that_was_paid_for_grants_its_period() -> None:
    world = memory_world(pricing=ledger_catalog())
    await bought(world)
    granted = await due(world, renewal())
    assert granted is not None
    assert (granted.amount, granted.start) == (GRANTED, START + MONTH)


async def test_a_period_before_the_newest_that_was_granted_grants_nothing() -> None:
    world = memory_world(pricing=ledger_catalog())
    await bought(world)
    [sub] = await world.subscriptions()
    pool = Pool(sub.account, "shop")
    newest = Grant("grt_2", pool, GRANTED, GRANTED, sub.name, START + 2 * MONTH)
    assert due_grant(sub, None, [renewal()], newest) is None
    assert due_grant(sub, None, [renewal()], replace(newest, period_start=START)) is not None


async def test_a_renewal_of_nothing_grants_nothing() -> None:
    world = memory_world(pricing=ledger_catalog())
    await bought(world)
    assert await due(world, renewal(paid=0)) is None


async def test_what_is_paid_with_a_renewal_grants_and_not_what_the_customers_balance_covers() -> (
    None
):
    world = memory_world(pricing=ledger_catalog())
    account = await bought(world)
    pool = Pool(account, "shop")
    await world.give(_paid_now("in_1", 0, START))
    await world.give(_paid_now("in_2", 0, START + MONTH))
    [first] = await world.tx.run(lambda store: store.grants(pool))
    assert (await left(world, account), first.closed) == (GRANTED, False)
    # A part that was paid is a payment: it grants its whole period, and closes what stood.
    await world.give(_paid_now("in_3", 1, START + 2 * MONTH))
    first, newest = await world.tx.run(lambda store: store.grants(pool))
    assert (first.closed, newest.granted, newest.period_start) == (
        True,
        GRANTED,
        START + 2 * MONTH,
    )
    assert await left(world, account) == GRANTED


def _paid_now(name: str, cents: int, start: datetime) -> InvoicePaid:
    """A renewal of which so much was paid now; the customer's balance covered the rest."""
    return replace(
        invoice(name),
        billing_reason=RENEWAL_REASON,
        paid=Money("usd", cents),
        period_start=start,
        period_end=start + MONTH,
    )


@pytest.mark.parametrize("reason", ["subscription_update", "manual", FIRST_REASON])
async def test_only_a_renewals_invoice_grants_a_period(reason: str) -> None:
    world = memory_world(pricing=ledger_catalog())
    await bought(world)
    assert await due(world, renewal(reason=reason)) is None


async def test_the_first_invoice_does_not_grant_what_the_checkout_granted() -> None:
    world = memory_world(pricing=ledger_catalog())
    account = await bought(world)
    assert await left(world, account) == GRANTED
    first = replace(
        invoice("in_1"),
        billing_reason=FIRST_REASON,
        period_start=START + timedelta(seconds=1),
        period_end=START + MONTH,
    )
    await world.give(first)
    assert await left(world, account) == GRANTED
    pool = Pool(account, "shop")
    assert len(await world.tx.run(lambda store: store.grants(pool))) == 1


@pytest.mark.parametrize(
    "other",
    [
        replace(ASKED, pool=Pool("acc_2", "shop")),
        replace(ASKED, pool=Pool("acc_1", "other")),
        replace(ASKED, actor="somebody"),
        replace(ASKED, request_id="another"),
    ],
)
def test_a_key_counts_for_one_account_pool_actor_and_call(other: SpendRequest) -> None:
    assert other.name("debit") != ASKED.name("debit")
    assert ASKED.name("hold") != ASKED.name("debit")
