"""What stores of subscription write and read of an account in one statement each."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

from services.chassis.facts import FactRecord
from services.chassis.money import Money
from services.subscription.domain import Snapshot, UnitKey
from services.subscription.granting import RENEWAL_REASON
from services.subscription.incoming import Payer, PaymentReversed, ReversalKind
from services.subscription.ledger import Grant, Pool
from services.subscription.offers import Appraisal
from services.subscription.ports import Store
from tests.contract.stores.test_subscription_store import (  # noqa: F401 - fixtures
    account,
    on_postgres,
    world,
)
from tests.fakes.subscription_world import START, USD, World, checkout, customer, invoice, seen


async def test_a_snapshot_is_taken_if_it_is_newer_and_nothing_waits_for_the_one_before(
    world: World,  # noqa: F811
) -> None:
    key = UnitKey("stripe", "acct_1", "sub_1")
    first = Snapshot(seen(), 1, "", Appraisal(problem="NO_PLAN"), "fct_1")
    for number in (1, 2):
        record = FactRecord(f"fct_{number}", "k", number, "t", b"x")
        await world.tx.run(partial(_park, record=record))
    assert await world.tx.single(lambda store: store.put_snapshot(first))
    for known in (first, replace(first, seen=seen(paused=True), fact_id="fct_9")):
        assert not await world.tx.single(partial(_put, snapshot=known))
    assert await world.tx.run(lambda store: store.snapshot(key)) == first
    assert await world.waiting() == [("price:1", "UNKNOWN_PRICE"), ("price:2", "UNKNOWN_PRICE")]
    newer = replace(first, seen=seen(ended=3), revision=2, fact_id="fct_2")
    assert await world.tx.single(lambda store: store.put_snapshot(newer))
    assert await world.tx.run(lambda store: store.snapshot(key)) == newer
    assert await world.waiting() == [("price:2", "UNKNOWN_PRICE")]


async def _park(store: Store, *, record: FactRecord) -> None:
    await store.park(record, f"price:{record.revision}", "UNKNOWN_PRICE", "payments")


async def _put(store: Store, *, snapshot: Snapshot) -> bool:
    return await store.put_snapshot(snapshot)


async def test_holdings_have_the_newest_of_what_was_paid_and_granted_and_what_is_open(
    world: World,  # noqa: F811
) -> None:
    await world.give(checkout("cs_1", sub="sub_1"))
    owner = await world.owner()
    [sub] = await world.subscriptions()
    pool = Pool(owner, "shop")
    first = replace(invoice("in_1"), period_end=START + timedelta(days=30))
    months = [START + timedelta(days=30 * month) for month in (1, 2, 3)]
    cycle = replace(first, billing_reason=RENEWAL_REASON)
    renewals = [
        replace(cycle, invoice_id="in_3", period_start=months[1], period_end=months[2]),
        replace(cycle, invoice_id="in_2", period_start=months[0], period_end=months[1]),
        replace(cycle, invoice_id="in_4", period_start=months[2], paid=Money("usd", 0)),
    ]
    grants = [Grant(f"crg_{n}", pool, 5, 5, sub.name, at) for n, at in enumerate((None, *months))]
    payer = Payer(customer("cus_1"))
    moved = [
        PaymentReversed(name, kind, payer, USD, USD, START, invoice_id="in_2")
        for name, kind in (("re_2", ReversalKind.REFUND_FAILED), ("re_2", ReversalKind.REFUND))
    ]

    async def write(store: Store) -> None:
        for one in (first, *renewals):
            await store.add_invoice(one, owner)
        await store.open_pool(pool)
        for grant in (grants[0], grants[2], grants[1]):
            await store.add_grant(grant)
        for fact in moved:
            await store.add_reversal(fact)
        await store.raise_epoch()

    await world.tx.run(write)
    found = await world.tx.run(lambda store: store.holdings(account(owner)))
    assert sorted(one.invoice_id for one in found.invoices) == ["in_1", "in_3"]
    assert [one.period_end for one in found.invoices if one.invoice_id == "in_3"] == [months[2]]
    assert found.grants == {sub.name: grants[2]}
    assert [one.kind for one in found.reversals] == [
        ReversalKind.REFUND,
        ReversalKind.REFUND_FAILED,
    ]
    assert found.epoch == 2
    assert [one.first_paid for one in found.evidence] == [START]
    nobody = await world.tx.run(lambda store: store.holdings(account("acc_none")))
    assert (nobody.grants, nobody.invoices, nobody.reversals, nobody.order) == ({}, [], [], None)
