"""A purchase from the quote to the payment page, and what became of the page."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.chassis.errors import (
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    Unavailable,
)
from services.chassis.idempotency import IdempotencyConflict
from services.chassis.identity import Principal
from services.subscription.domain import AccountKind, Phase, PurchaseStatus, State
from services.subscription.incoming import Item, Payer, ProviderStatus
from services.subscription.offers import AddonQuantity
from services.subscription.ports import NO_PROVIDER, Interval, PageState, Provider
from services.subscription.usecases import (
    create_portal_session,
    create_subscription,
    verify_checkout,
)
from tests.fakes.memory_db import MemoryDatabase
from tests.fakes.subscription import AUDIT
from tests.fakes.subscription_world import (
    ADMIN,
    START,
    SteadyClock,
    World,
    checkout,
    customer,
    memory_world,
    seen,
)
from tests.unit.subscription.people import ANN, BOSS, GUEST, STRANGER, WORKER, account_of, buy

SERVICE = Principal("gateway", "service")


@pytest.fixture
def db() -> MemoryDatabase:
    return MemoryDatabase(SteadyClock())


@pytest.fixture
def world(db: MemoryDatabase) -> World:
    return memory_world(db)


async def test_a_purchase_is_quoted_paged_and_taken_for_the_pages_operation(
    world: World, db: MemoryDatabase
) -> None:
    account = await account_of(world, AccountKind.ORGANIZATION, "acme")
    more = (AddonQuantity("shop/more", 2),)
    page = await create_subscription(world.desk, BOSS, buy(account.name, addons=more), "trace")
    [order] = world.shop.orders.values()
    [quote] = world.pricing.quotes.values()
    assert page.url == f"https://pay.example/{page.checkout_id}"
    assert (page.quote, page.subtotal) == (quote.name, quote.amount)
    assert quote.taker == world.shop.pages[page.checkout_id].operation
    assert (quote.owner, order.account) == (account.name, account.name)
    assert [(item.price_id, item.quantity) for item in order.items] == [
        ("price_a", 1),
        ("price_more", 2),
    ]
    assert (order.identity, order.recurring) == ({"organization": "acme"}, True)
    assert (order.subtotal, order.expire_time) == (quote.amount, quote.expire_time)
    assert quote.expire_time - START >= timedelta(minutes=30)
    line = [one for one in db.committed(AUDIT).values() if one.action == "subscription.buy"]
    assert [(one.actor.name, one.actor.trace_id, one.object) for one in line] == [
        ("boss", "trace", account.name)
    ]


async def test_what_was_paid_by_the_page_begins_the_subscription(world: World) -> None:
    account = await account_of(world, AccountKind.USER, "ann")
    page = await create_subscription(world.desk, ANN, buy(account.name))
    made = world.shop.pay(page.checkout_id, "sub_1")
    paid = replace(
        checkout(page.checkout_id, sub="sub_1"),
        payer=Payer(customer("cus_1"), account_id=account.name),
        operation_id=made.operation,
        quote=page.quote,
        subtotal=page.subtotal,
    )
    before = await verify_checkout(world.desk, ANN, account.name, page.checkout_id)
    assert (before.verified, before.state, before.plan) == (True, State.INCOMPLETE, "")
    await world.give(paid)
    assert (await world.order()).phase is Phase.RUNNING
    after = await verify_checkout(world.desk, ANN, account.name, page.checkout_id)
    assert (after.verified, after.state, after.plan) == (True, State.ACTIVE, "shop/basic")


async def test_the_same_key_gives_the_same_page_and_its_url_is_fetched_again(
    world: World, db: MemoryDatabase
) -> None:
    account = await account_of(world, AccountKind.USER, "ann")
    first = await create_subscription(world.desk, ANN, buy(account.name, key="r1"))
    assert await create_subscription(world.desk, ANN, buy(account.name, key="r1")) == first
    assert (len(world.shop.orders), len(world.pricing.quotes)) == (1, 1)
    assert "https://pay" not in repr(db.tables["idempotency"])
    with pytest.raises(IdempotencyConflict):
        await create_subscription(world.desk, ANN, buy(account.name, "shop/large", key="r1"))
    world.shop.pay(first.checkout_id)
    again = await create_subscription(world.desk, ANN, buy(account.name, key="r1"))
    assert (again.checkout_id, again.url) == (first.checkout_id, "")


@pytest.mark.parametrize("step", ["checkout", "checkout made"])
async def test_a_retry_after_a_crash_reaches_the_same_quote_and_page(
    world: World, step: str
) -> None:
    account = await account_of(world, AccountKind.USER, "ann")

    def fault(at: str) -> None:
        if at == step:
            raise Unavailable("gone")

    world.shop.fault = fault
    with pytest.raises(Unavailable):
        await create_subscription(world.desk, ANN, buy(account.name, key="r1"))
    world.shop.fault = lambda _: None
    page = await create_subscription(world.desk, ANN, buy(account.name, key="r1"))
    assert list(world.shop.pages) == [page.checkout_id]
    assert list(world.pricing.quotes) == [page.quote]


async def test_a_replay_is_authorised_again(world: World) -> None:
    account = await account_of(world, AccountKind.ORGANIZATION, "acme")
    await create_subscription(world.desk, BOSS, buy(account.name, key="r1"))
    with pytest.raises(PermissionDenied):
        await create_subscription(
            world.desk, replace(BOSS, groups=("user",)), buy(account.name, key="r1")
        )


async def test_the_open_page_is_given_back_for_the_same_and_shut_for_something_else(
    world: World,
) -> None:
    account = await account_of(world, AccountKind.USER, "ann")
    first = await create_subscription(world.desk, ANN, buy(account.name))
    same = await create_subscription(world.desk, ANN, buy(account.name))
    assert same == first
    assert len(world.pricing.quotes) == 1
    other = await create_subscription(world.desk, ANN, buy(account.name, "shop/large"))
    assert world.shop.pages[first.checkout_id].state is PageState.EXPIRED
    assert world.shop.pages[other.checkout_id].state is PageState.OPEN


async def test_a_page_that_is_shut_or_lost_is_followed_by_a_new_one(world: World) -> None:
    account = await account_of(world, AccountKind.USER, "ann")
    first = await create_subscription(world.desk, ANN, buy(account.name))
    shut = replace(world.shop.pages[first.checkout_id], state=PageState.EXPIRED, url="")
    world.shop.pages[first.checkout_id] = shut
    second = await create_subscription(world.desk, ANN, buy(account.name))
    del world.shop.pages[second.checkout_id]
    world.shop.orders.clear()
    third = await create_subscription(world.desk, ANN, buy(account.name))
    assert len({first.checkout_id, second.checkout_id, third.checkout_id}) == 3
    assert third.url


async def test_what_is_held_already_is_named_before_anything_is_asked(world: World) -> None:
    await world.give(checkout("cs_1", sub="sub_1"))
    owner = await world.owner()
    with pytest.raises(FailedPrecondition) as caught:
        await create_subscription(world.desk, ADMIN, buy(owner, "shop/large"))
    assert caught.value.reason == "ACCOUNT_HAS_SUBSCRIPTION"
    [sub] = await world.subscriptions()
    assert caught.value.metadata == {"subscription": sub.name, "plan": "shop/basic"}
    assert (world.shop.orders, world.pricing.quotes) == ({}, {})
    page = await create_subscription(world.desk, ADMIN, buy(owner, "hold/tier"))
    assert page.url
    await world.give(seen(status=ProviderStatus.UNPAID), revision=1)
    assert (await create_subscription(world.desk, ADMIN, buy(owner, "shop/large"))).url


@pytest.mark.parametrize("who", [WORKER, GUEST])
async def test_only_the_admin_buys_for_the_organization(world: World, who: Principal) -> None:
    account = await account_of(world, AccountKind.ORGANIZATION, "acme")
    for act in (
        create_subscription(world.desk, who, buy(account.name)),
        create_portal_session(world.desk, who, account.name, "https://shop.example/"),
    ):
        with pytest.raises(PermissionDenied) as caught:
            await act
        assert caught.value.reason == "ROLE_NOT_ALLOWED"
        assert caught.value.message == "Organization admin access required"


async def test_another_organizations_account_is_not_known_to_be(world: World) -> None:
    account = await account_of(world, AccountKind.ORGANIZATION, "acme")
    for who in (STRANGER, ANN):
        with pytest.raises(NotFound) as caught:
            await create_subscription(world.desk, who, buy(account.name))
        assert caught.value.reason == "UNKNOWN_ACCOUNT"
    for who in (ADMIN, SERVICE):
        assert (await create_subscription(world.desk, who, buy(account.name))).url


async def test_nothing_is_quoted_while_no_provider_is_on(world: World) -> None:
    account = await account_of(world, AccountKind.USER, "ann")
    world.shop.provider = Provider(NO_PROVIDER)
    with pytest.raises(FailedPrecondition) as caught:
        await create_subscription(world.desk, ANN, buy(account.name))
    assert caught.value.reason == "PROVIDER_OFF"
    assert world.pricing.quotes == {}


async def test_a_plan_without_a_price_at_this_provider_is_not_sold(world: World) -> None:
    account = await account_of(world, AccountKind.USER, "ann")
    world.shop.provider = Provider("whmcs", "acct_1", checkout=True)
    with pytest.raises(FailedPrecondition) as caught:
        await create_subscription(world.desk, ANN, buy(account.name))
    assert (caught.value.reason, world.shop.orders) == ("PLAN_NOT_SOLD", {})


async def test_a_trial_is_had_once_and_only_where_the_plan_has_one(world: World) -> None:
    account = await account_of(world, AccountKind.USER, "ann")
    await create_subscription(world.desk, ANN, buy(account.name, "shop/large", trial=True))
    world.pricing.sold["price_a"] = replace(world.pricing.sold["price_a"], trial_days=14)
    page = await create_subscription(world.desk, ANN, buy(account.name, trial=True))
    order = next(o for o in world.shop.orders.values() if o.quote == page.quote)
    assert (order.trial_days, order.subtotal.minor_units) == (14, 0)
    payer = Payer(customer("cus_1"), account_id=account.name)
    begun = replace(
        checkout(page.checkout_id, sub="sub_1"),
        payer=payer,
        operation_id=world.shop.pay(page.checkout_id, "sub_1").operation,
        quote=page.quote,
        subtotal=page.subtotal,
    )
    await world.give(begun)
    trial = replace(
        seen(status=ProviderStatus.TRIALING), payer=payer, trial_end=START + timedelta(days=14)
    )
    await world.give(trial, revision=1)
    assert (await world.order()).holding.trial_end_time == START + timedelta(days=14)  # type: ignore[union-attr]  # an order tells
    await world.give(replace(trial, status=ProviderStatus.CANCELED, cancel_time=START), revision=2)
    again = await create_subscription(world.desk, ANN, buy(account.name, trial=True))
    assert next(o for o in world.shop.orders.values() if o.quote == again.quote).trial_days == 0


async def test_a_yearly_price_and_the_known_customer_go_to_the_provider(world: World) -> None:
    year = replace(world.pricing.sold["price_a"], interval=Interval.YEAR)
    world.pricing.sold["price_year"] = year
    account = (await world.create(external_id="ann", customers=[customer("cus_7")])).account
    await create_subscription(world.desk, ANN, buy(account.name, interval=Interval.YEAR))
    [order] = world.shop.orders.values()
    assert [item.price_id for item in order.items] == ["price_year"]
    assert order.customer_id == "cus_7"


async def test_every_bad_field_is_named_at_once(world: World) -> None:
    account = await account_of(world, AccountKind.USER, "ann")
    bad = replace(
        buy(account.name, "basic", addons=(AddonQuantity("a/b", 0), AddonQuantity("a/b", 1))),
        success_url="/done",
        cancel_url="javascript:alert(1)",
        promotion_code="x" * 256,
        request_id="y" * 256,
    )
    with pytest.raises(InvalidArgument) as caught:
        await create_subscription(world.desk, ANN, bad)
    assert {one.field for one in caught.value.fields} == {
        "plan",
        "addons",
        "addons[0].quantity",
        "success_url",
        "cancel_url",
        "promotion_code",
        "request_id",
    }


@pytest.mark.parametrize("url", ["http://", "https:///x", "ftp://a/b", "https://a b/", "http://[x"])
async def test_a_url_that_leads_nowhere_is_refused(world: World, url: str) -> None:
    account = await account_of(world, AccountKind.USER, "ann")
    with pytest.raises(InvalidArgument):
        await create_portal_session(world.desk, ANN, account.name, url)


@pytest.mark.parametrize(
    ("account", "page", "fields"),
    [
        ("", "cs_1", ["account"]),
        ("acc_1", "", ["checkout_id"]),
        ("", "", ["account", "checkout_id"]),
    ],
)
async def test_a_page_of_nobody_cannot_be_verified(
    world: World, account: str, page: str, fields: list[str]
) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await verify_checkout(world.desk, ADMIN, account, page)
    assert [bad.field for bad in refused.value.fields] == fields


async def test_every_member_verifies_the_own_organizations_page_and_nobody_anothers(
    world: World,
) -> None:
    account = await account_of(world, AccountKind.ORGANIZATION, "acme")
    other = await account_of(world, AccountKind.USER, "ann")
    page = await create_subscription(world.desk, BOSS, buy(account.name))
    for who in (BOSS, WORKER, GUEST, ADMIN):
        found = await verify_checkout(world.desk, who, account.name, page.checkout_id)
        assert not found.verified
    for who, name in ((ANN, account.name), (STRANGER, account.name), (ANN, other.name)):
        with pytest.raises(NotFound) as caught:
            await verify_checkout(world.desk, who, name, page.checkout_id)
        assert caught.value.reason == "UNKNOWN_CHECKOUT"


async def test_a_page_whose_payment_was_refused_is_verified_and_gives_nothing(
    world: World,
) -> None:
    account = await account_of(world, AccountKind.USER, "ann")
    page = await create_subscription(world.desk, ANN, buy(account.name))
    world.shop.pay(page.checkout_id, "sub_1")
    paid = replace(
        checkout(page.checkout_id, sub="sub_1"),
        payer=Payer(customer("cus_1"), account_id=account.name),
        items=(Item("price_a", 1),),
        operation_id="op_other",
        quote=page.quote,
        subtotal=page.subtotal,
    )
    await world.give(paid)
    found = await verify_checkout(world.desk, ANN, account.name, page.checkout_id)
    assert (found.verified, found.state, found.plan) == (True, State.INCOMPLETE, "")
    [purchase] = await world.purchases()
    assert purchase.status is PurchaseStatus.REFUND_DUE


async def test_the_portal_opens_for_who_has_paid_before(world: World) -> None:
    account = (await world.create(external_id="ann", customers=[customer("cus_7")])).account
    url = await create_portal_session(world.desk, ANN, account.name, "https://shop.example/back")
    assert url == "https://portal.example/cus_7"
    fresh = await account_of(world, AccountKind.ORGANIZATION, "acme")
    with pytest.raises(FailedPrecondition) as caught:
        await create_portal_session(world.desk, BOSS, fresh.name, "https://shop.example/back")
    assert caught.value.reason == "NO_CUSTOMER"
