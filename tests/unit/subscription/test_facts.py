"""What facts do to an account: memory's store, no processes."""

from dataclasses import replace

import pytest

from services.chassis.facts import FactRecord
from services.chassis.retaking import retake
from services.subscription import usecases
from services.subscription.domain import AccountKind, Observation, Phase, PurchaseStatus, State
from services.subscription.incoming import (
    Customer,
    InvoicePaymentFailed,
    Item,
    Payer,
    ProviderStatus,
)
from services.subscription.usecases import Envelope
from tests.fakes.memory_db import MemoryDatabase
from tests.fakes.memory_outbox import MemoryOutbox
from tests.fakes.subscription import AUDIT, FAILURES
from tests.fakes.subscription_world import (
    ADMIN,
    SteadyClock,
    World,
    checkout,
    customer,
    envelope,
    invoice,
    memory_world,
    namespace,
    seen,
)


@pytest.fixture
def db() -> MemoryDatabase:
    return MemoryDatabase(SteadyClock())


@pytest.fixture
def world(db: MemoryDatabase) -> World:
    return memory_world(db)


async def statuses(world: World) -> dict[str, tuple[str, str]]:
    return {p.checkout.checkout_id: (p.status, p.reason) for p in await world.purchases()}


async def test_a_paid_foreign_checkout_makes_account_subscription_and_order(
    world: World, db: MemoryDatabase
) -> None:
    await world.give(checkout("cs_1", sub="sub_1"))
    order = await world.order()
    assert (order.phase, order.incarnation, order.epoch, order.generation) == (
        Phase.RUNNING,
        1,
        1,
        1,
    )
    assert order.capacity == namespace(10)
    [sub] = await world.subscriptions()
    assert (sub.state, sub.offer.plan, sub.offer.catalog_version) == (
        State.ACTIVE,
        "shop/basic",
        "v1",
    )
    [fact] = MemoryOutbox(db).waiting("provisioner")
    assert (fact.revision, fact.key) == (1, f"capacity:{order.account}/1")
    assert {change.action for change in db.committed(AUDIT).values()} == {
        "account.create",
        "customer.bind",
        "subscription.change",
        "purchase.applied",
        "order.running",
    }


async def test_a_replay_changes_nothing(world: World, db: MemoryDatabase) -> None:
    await world.give(checkout("cs_1", sub="sub_1"))
    await world.give(seen(), revision=1)
    facts, lines = MemoryOutbox(db).waiting("provisioner"), len(db.committed(AUDIT))
    await world.give(checkout("cs_1", sub="sub_1"))
    await world.give(seen(), revision=1)
    assert MemoryOutbox(db).waiting("provisioner") == facts
    assert len(db.committed(AUDIT)) == lines


async def test_an_order_that_does_not_change_is_not_given_again(world: World) -> None:
    await world.give(checkout("cs_1", sub="sub_1"))
    await world.give(invoice("in_1"))
    await world.give(seen(), revision=1)
    assert (await world.order()).generation == 1
    await world.give(seen(status=ProviderStatus.PAST_DUE), revision=2)
    order = await world.order()
    assert (order.generation, order.phase) == (2, Phase.RUNNING)
    await world.give(seen(status=ProviderStatus.PAST_DUE), revision=3)
    assert (await world.order()).generation == 2


async def test_a_second_paid_checkout_is_to_be_given_back(world: World) -> None:
    await world.give(checkout("cs_1", sub="sub_1"))
    [alert] = await world.give(checkout("cs_2", sub="sub_2", price="price_b", at=1))
    assert alert.reason == "ACCOUNT_HAS_SUBSCRIPTION"
    assert (await statuses(world))["cs_2"] == ("REFUND_DUE", "ACCOUNT_HAS_SUBSCRIPTION")
    assert (await world.order()).generation == 1
    assert len(await world.subscriptions()) == 1


async def test_an_entitlement_and_a_namespace_live_side_by_side(world: World) -> None:
    await world.give(checkout("cs_1", price="price_hold"))
    await world.give(checkout("cs_2", at=1))
    assert {status for status, _ in (await statuses(world)).values()} == {"APPLIED"}
    assert (await world.order()).plan == "shop/basic"


async def test_who_buys_again_after_being_suspended_gets_what_was_paid(world: World) -> None:
    await world.give(checkout("cs_1", sub="sub_1"))
    await world.give(seen(status=ProviderStatus.UNPAID), revision=1)
    assert (await world.order()).phase is Phase.SUSPENDED
    await world.give(checkout("cs_2", sub="sub_2", price="price_b", at=5))
    order = await world.order()
    assert (order.phase, order.plan, order.incarnation) == (Phase.RUNNING, "shop/large", 1)


async def test_a_refused_subscription_that_is_still_billed_runs_once_the_first_is_over(
    world: World,
) -> None:
    await world.give(checkout("cs_1", sub="sub_1"))
    await world.give(checkout("cs_2", sub="sub_2", price="price_b", at=1))
    await world.give(seen("sub_2", price="price_b"), revision=1)
    await world.give(seen("sub_1", ProviderStatus.CANCELED, ended=60), revision=1)
    assert (await statuses(world))["cs_2"] == ("APPLIED", "")
    assert (await world.order()).plan == "shop/large"


async def test_a_refused_single_payment_never_runs_for_free_later(world: World) -> None:
    await world.give(checkout("cs_1", sub="sub_1"))
    await world.give(checkout("cs_2", price="price_b", at=1))
    await world.give(seen("sub_1", ProviderStatus.CANCELED, ended=60), revision=1)
    assert (await statuses(world))["cs_2"][0] == "REFUND_DUE"
    assert (await world.order()).phase is Phase.SUSPENDED


async def test_an_active_status_without_money_waits(world: World) -> None:
    await world.create(customers=[customer("cus_1")])
    await world.give(seen(), revision=1)
    [sub] = await world.subscriptions()
    assert sub.state is State.INCOMPLETE
    assert await world.orders(await world.owner()) == []
    await world.give(invoice("in_1"))
    [sub] = await world.subscriptions()
    assert sub.state is State.ACTIVE
    assert (await world.order()).phase is Phase.RUNNING


async def test_a_snapshot_before_its_checkout_is_kept_and_used(
    world: World, db: MemoryDatabase
) -> None:
    await world.give(seen(price="price_b"), revision=3)
    assert await world.waiting() == [("customer:stripe/acct_1/cus_1", "UNKNOWN_CUSTOMER")]
    await world.give(seen(price="price_a"), revision=2)
    assert len(db.committed(AUDIT)) == 1
    await world.give(checkout("cs_1", sub="sub_1"))
    assert await world.waiting() == []
    assert (await world.order()).plan == "shop/large"


async def test_the_newest_revision_wins_whenever_it_comes(world: World) -> None:
    await world.give(checkout("cs_1", sub="sub_1"))
    await world.give(seen(status=ProviderStatus.CANCELED, ended=9), revision=7)
    await world.give(seen(), revision=6)
    assert (await world.order()).phase is Phase.SUSPENDED


async def test_a_canceled_subscription_is_suspended_at_once_and_kept(world: World) -> None:
    await world.give(checkout("cs_1", sub="sub_1"))
    await world.give(seen(status=ProviderStatus.CANCELED, ended=9), revision=1)
    [sub] = await world.subscriptions()
    assert sub.state is State.CANCELED
    assert (await world.order()).phase is Phase.SUSPENDED


async def test_a_changed_plan_changes_the_order(world: World) -> None:
    await world.give(checkout("cs_1", sub="sub_1"))
    await world.give(seen(price="price_b"), revision=1)
    order = await world.order()
    assert (order.plan, order.generation) == ("shop/large", 2)


async def test_addons_are_added_to_the_capacity(world: World) -> None:
    with_more = replace(
        checkout("cs_1"), items=(Item("price_a", 1), Item("price_more", 2), Item("price_more", 1))
    )
    await world.give(with_more)
    assert (await world.order()).capacity == namespace(13)


async def test_an_unknown_price_is_parked_alerted_and_applied_once_a_catalog_knows_it(
    world: World,
) -> None:
    [alert] = await world.give(checkout("cs_1", price="price_new", sub="sub_1"))
    await world.give(seen(price="price_new"), revision=1)
    assert alert.reason == "UNKNOWN_PRICE"
    assert dict(alert.details)["prices"] == "price_new"
    assert (await statuses(world))["cs_1"] == ("PARKED", "UNKNOWN_PRICE")
    assert [what for what, _ in await world.waiting()] == ["price:price_new"] * 2
    await usecases.retry_unknown_prices(world.tx, world.pricing, world.ids)
    assert (await statuses(world))["cs_1"] == ("PARKED", "UNKNOWN_PRICE")

    world.pricing.sold["price_new"] = world.pricing.sold["price_b"]
    await usecases.retry_unknown_prices(world.tx, world.pricing, world.ids)
    assert (await statuses(world))["cs_1"] == ("APPLIED", "")
    assert await world.waiting() == []
    assert (await world.order()).plan == "shop/large"


async def test_a_price_known_later_of_a_catalog_that_makes_no_accounts_waits_for_its_customer(
    world: World,
) -> None:
    await world.give(checkout("cs_1", price="price_new"))
    world.pricing.sold["price_new"] = world.pricing.sold["price_closed"]
    await usecases.retry_unknown_prices(world.tx, world.pricing, world.ids)
    assert (await statuses(world))["cs_1"] == ("PARKED", "UNKNOWN_CUSTOMER")
    assert await world.waiting() == [("customer:stripe/acct_1/cus_1", "UNKNOWN_CUSTOMER")]


async def test_an_account_applies_everything_that_waited_for_its_customer(world: World) -> None:
    await world.give(checkout("cs_1", price="price_closed", sub="sub_1"))
    await world.give(invoice("in_1"))
    await world.give(seen(price="price_closed"), revision=1)
    assert len(await world.waiting()) == 3
    assert await world.accounts() == []
    account = (await world.create(customers=[customer("cus_1")])).account.name
    assert await world.waiting() == []
    assert (await statuses(world))["cs_1"] == ("APPLIED", "")
    order = await world.order()
    assert (order.account, order.phase, order.owner_subject) == (account, Phase.RUNNING, "ann")


@pytest.mark.parametrize(
    ("items", "reason"),
    [
        ((), "NO_PLAN"),
        ((Item("price_more", 1),), "NO_PLAN"),
        ((Item("price_a", 1), Item("price_b", 1)), "SEVERAL_PLANS"),
        ((Item("price_a", 2),), "SEVERAL_PLANS"),
        ((Item("price_a", 1), Item("price_more", 1001)), "IMPOSSIBLE_COMBINATION"),
    ],
)
async def test_what_cannot_be_given_is_parked_for_a_person(
    world: World, items: tuple[Item, ...], reason: str
) -> None:
    await world.give(replace(checkout("cs_1"), items=items))
    assert (await statuses(world))["cs_1"] == ("PARKED", reason)
    assert await world.accounts() == []


async def test_a_guest_is_parked_and_nobody_shares_an_account_with_another_guest(
    world: World,
) -> None:
    for name in ("cs_1", "cs_2"):
        guest = Payer(Customer("stripe", "acct_1", ""), email="guest@example.com")
        await world.give(replace(checkout(name), payer=guest))
    assert await world.accounts() == []
    assert {reason for _, reason in await world.waiting()} == {"GUEST_CHECKOUT"}


async def test_the_account_that_we_wrote_is_found_and_its_customer_bound(world: World) -> None:
    account = (await world.create()).account.name
    await world.give(replace(checkout("cs_1"), payer=Payer(customer("cus_1"), account_id=account)))
    assert await world.owner() == account
    assert (await world.order()).owner_subject == "ann"


async def test_an_account_that_we_wrote_and_do_not_know_is_not_replaced_by_a_new_one(
    world: World,
) -> None:
    lost = Payer(customer("cus_1"), account_id="acc_lost")
    await world.give(replace(checkout("cs_1"), payer=lost))
    assert await world.accounts() == []
    assert (await statuses(world))["cs_1"] == ("PARKED", "UNKNOWN_ACCOUNT")


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("user_id", AccountKind.USER),
        ("organization", AccountKind.ORGANIZATION),
        ("user_did", AccountKind.DID),
    ],
)
async def test_the_customers_metadata_names_the_account_whichever_comes_first(
    world: World, key: str, kind: AccountKind
) -> None:
    named = Payer(customer("cus_1"), identity=((key, "ann"),))
    await world.give(replace(checkout("cs_1"), payer=named))
    created = (await world.create(kind, "ann")).account
    other = Payer(customer("cus_2"), identity=((key, "ann"),))
    await world.give(replace(checkout("cs_2", at=1), payer=other))
    assert await world.owner("cus_1") == await world.owner("cus_2") == created.name
    order = await world.order()
    assert order.owner_subject == ("ann" if kind is AccountKind.USER else "")
    assert order.organization == ("ann" if kind is AccountKind.ORGANIZATION else "")


async def test_an_email_never_finds_an_account(world: World) -> None:
    for who in ("cus_1", "cus_2"):
        payer = Payer(customer(who), email="same@example.com")
        await world.give(replace(checkout(f"cs_{who}", who), payer=payer))
    assert await world.owner("cus_1") != await world.owner("cus_2")


async def test_a_failed_payment_is_recorded_and_changes_nothing(
    world: World, db: MemoryDatabase
) -> None:
    await world.give(checkout("cs_1", sub="sub_1"))
    failed = InvoicePaymentFailed("in_2", 1, Payer(customer("cus_1")), "sub_1", "card_declined")
    mail = envelope(failed, "in_2-1")
    for _ in range(2):
        await usecases.take_payment_failure(world.tx, world.ids, mail, failed)
    assert len(db.committed(FAILURES)) == 1
    order = await world.order()
    assert (order.phase, order.generation) == (Phase.RUNNING, 1)


async def test_the_newest_observation_is_folded_into_the_order(world: World) -> None:
    await world.give(checkout("cs_1"))
    account = await world.owner()
    for revision, phase in ((2, "Ready"), (1, "Progressing")):
        observed = Observation("ten_1", account, 1, 1, 1, 0, phase, "", "customer-1", None)
        record = FactRecord(f"fct_{revision}", "tenant:ten_1", revision, "x", b"")
        await usecases.take_observation(world.tx, Envelope(record, "provisioner"), observed)
    view = await usecases.get_capacity_order(world.tx, ADMIN, "sub", account)
    assert view.observation is not None
    assert (view.observation.phase, view.observation.namespace) == ("Ready", "customer-1")


async def test_a_fact_of_an_unknown_type_is_kept_and_taken_by_the_version_that_knows_it(
    world: World,
) -> None:
    record = FactRecord("fct_new", "k", 0, "tollgate.payments.v1.New", b"")
    await usecases.keep_unknown(world.tx, Envelope(record, "payments"))
    assert len(await world.waiting()) == 1
    taken: list[tuple[str, str]] = []

    async def take(fact: FactRecord, source: str) -> None:
        taken.append((fact.id, source))

    assert await retake(world.tx, [record.type], take) == 1
    assert taken == [("fct_new", "payments")]
    assert await world.waiting() == []


async def test_a_purchase_status_counts_what_needs_a_person(world: World) -> None:
    await world.give(checkout("cs_1"))
    await world.give(checkout("cs_2", at=1))
    await world.give(checkout("cs_3", "cus_2", price="price_new"))
    found = [status for status, _ in (await statuses(world)).values()]
    assert sorted(found) == [
        PurchaseStatus.APPLIED,
        PurchaseStatus.PARKED,
        PurchaseStatus.REFUND_DUE,
    ]
