"""Payments that are not what was quoted, and money that is given back."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from services.chassis.errors import FailedPrecondition, NotFound, Unavailable
from services.chassis.money import Money
from services.subscription.auditing import Actor
from services.subscription.domain import AccountKind, Phase, PurchaseStatus
from services.subscription.incoming import CheckoutPaid, Payer, ProviderStatus
from services.subscription.ports import NO_PROVIDER, Provider, Quote, Selection
from services.subscription.usecases import (
    Decisions,
    decide_refunds,
    give_refunds,
    retry_unknown_quotes,
)
from tests.fakes.memory_db import MemoryDatabase
from tests.fakes.subscription import AUDIT
from tests.fakes.subscription_world import (
    USD,
    SteadyClock,
    World,
    checkout,
    customer,
    invoice,
    memory_world,
    seen,
)
from tests.unit.subscription.people import account_of

AT_ONCE = timedelta(0)


@pytest.fixture
def clock() -> SteadyClock:
    return SteadyClock()


@pytest.fixture
def db(clock: SteadyClock) -> MemoryDatabase:
    return MemoryDatabase(clock)


@pytest.fixture
def world(db: MemoryDatabase) -> World:
    return memory_world(db)


async def quoted(world: World, account: str, plan: str = "shop/basic") -> Quote:
    """Have a plan quoted."""
    return await world.pricing.create_quote(account, Selection(plan), timedelta(hours=1), plan)


def paid(account: str, quote: str, *, name: str = "cs_1", subtotal: Money | None = USD) -> object:
    """Return what an operation of ours was paid."""
    return replace(
        checkout(name, sub="sub_1"),
        payer=Payer(customer("cus_1"), account_id=account),
        operation_id="op_1",
        quote=quote,
        subtotal=subtotal,
    )


def ours(account: str, status: ProviderStatus = ProviderStatus.ACTIVE, **more: object) -> object:
    """Return a provider's subscription that an operation of ours began."""
    told = seen(status=status, **more)  # type: ignore[arg-type]  # passed through
    return replace(told, payer=Payer(customer("cus_1"), account_id=account))


async def statuses(world: World) -> Sequence[tuple[str, str]]:
    return [(one.status, one.reason) for one in await world.purchases()]


async def test_a_payment_that_is_what_was_quoted_begins_and_takes_the_quote(world: World) -> None:
    account = (await account_of(world, AccountKind.USER, "ann")).name
    quote = await quoted(world, account)
    await world.give(paid(account, quote.name))
    assert await statuses(world) == [("APPLIED", "")]
    assert world.pricing.quotes[quote.name].taker == "op_1"
    assert (await world.order()).phase is Phase.RUNNING


@pytest.mark.parametrize("subtotal", [Money("usd", 4899), Money("eur", 4900), None])
async def test_another_amount_or_currency_than_was_quoted_is_given_back(
    world: World, subtotal: Money | None
) -> None:
    account = (await account_of(world, AccountKind.USER, "ann")).name
    quote = await quoted(world, account)
    [alert] = await world.give(paid(account, quote.name, subtotal=subtotal))
    assert alert.reason == "QUOTE_MISMATCH"
    await world.give(invoice("in_1"))
    await world.give(ours(account), revision=1)
    assert await statuses(world) == [("REFUND_DUE", "QUOTE_MISMATCH")]
    assert (await world.subscriptions(), await world.orders(account)) == ([], [])


async def test_a_quote_of_another_account_or_taken_by_another_operation_is_given_back(
    world: World,
) -> None:
    account = (await account_of(world, AccountKind.USER, "ann")).name
    other = await quoted(world, "acc_other", "shop/large")
    taken = await quoted(world, account)
    await world.pricing.take_quote(taken.name, "op_2", paid=True)
    await world.give(paid(account, other.name, subtotal=other.amount))
    await world.give(paid(account, taken.name, name="cs_2"))
    assert set(await statuses(world)) == {("REFUND_DUE", "QUOTE_MISMATCH")}
    assert await world.orders(account) == []


async def test_a_trial_pays_nothing_and_is_what_was_quoted(world: World) -> None:
    account = (await account_of(world, AccountKind.USER, "ann")).name
    world.pricing.sold["price_a"] = replace(world.pricing.sold["price_a"], trial_days=14)
    trial = Selection("shop/basic", trial=True)
    quote = await world.pricing.create_quote(account, trial, timedelta(hours=1), "r1")
    await world.give(paid(account, quote.name, subtotal=None))
    assert await statuses(world) == [("APPLIED", "")]


async def test_a_payment_in_time_counts_though_its_quote_has_expired_meanwhile(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = (await account_of(world, AccountKind.USER, "ann")).name
    quote = await quoted(world, account)

    async def expired(name: str, taker: str, *, paid: bool) -> Quote:
        raise FailedPrecondition("too late", reason="QUOTE_EXPIRED")

    monkeypatch.setattr(world.pricing, "take_quote", expired)
    await world.give(paid(account, quote.name))
    assert await statuses(world) == [("APPLIED", "")]


async def test_what_an_operation_of_ours_began_waits_for_its_checkout(world: World) -> None:
    account = (await account_of(world, AccountKind.USER, "ann")).name
    quote = await quoted(world, account)
    await world.give(ours(account), revision=1)
    await world.give(invoice("in_1"))
    assert (await world.subscriptions(), await world.orders(account)) == ([], [])
    await world.give(paid(account, quote.name))
    assert (await world.order()).phase is Phase.RUNNING


async def test_a_quote_that_pricing_does_not_know_gives_no_money_back(world: World) -> None:
    account = (await account_of(world, AccountKind.USER, "ann")).name
    [alert] = await world.give(paid(account, "quo_lost"))
    await world.give(ours(account), revision=1)
    assert alert.reason == "UNKNOWN_QUOTE"
    assert await statuses(world) == [("PARKED", "UNKNOWN_QUOTE")]
    assert await world.orders(account) == []
    assert await retry_unknown_quotes(world.tx, world.pricing) == ()
    assert await statuses(world) == [("PARKED", "UNKNOWN_QUOTE")]
    world.pricing.quotes["quo_lost"] = replace(await quoted(world, account), name="quo_lost")
    await retry_unknown_quotes(world.tx, world.pricing)
    assert await statuses(world) == [("APPLIED", "")]
    assert (await world.order()).phase is Phase.RUNNING


async def test_a_quote_found_again_may_still_turn_out_to_be_another(world: World) -> None:
    account = (await account_of(world, AccountKind.USER, "ann")).name
    await world.give(paid(account, "quo_lost"))
    found = replace(await quoted(world, account), name="quo_lost", owner="acc_other")
    world.pricing.quotes["quo_lost"] = found
    [alert] = await retry_unknown_quotes(world.tx, world.pricing)
    assert alert.reason == "QUOTE_MISMATCH"
    assert await statuses(world) == [("REFUND_DUE", "QUOTE_MISMATCH")]


async def test_what_ran_before_its_mismatch_was_known_is_suspended(world: World) -> None:
    account = (await world.create(external_id="ann", customers=[customer("cus_1")])).account.name
    quote = await quoted(world, account)
    await world.give(invoice("in_1"))
    await world.give(seen(), revision=1)
    assert (await world.order()).phase is Phase.RUNNING
    await world.give(paid(account, quote.name, subtotal=Money("usd", 1)))
    assert await statuses(world) == [("REFUND_DUE", "QUOTE_MISMATCH")]
    assert (await world.order()).phase is Phase.SUSPENDED
    await world.give(seen(), revision=2)
    assert (await world.order()).phase is Phase.SUSPENDED


async def rivals(world: World) -> None:
    """Let one customer buy twice: the second is to be given back."""
    await world.give(checkout("cs_1", sub="sub_1"))
    await world.give(checkout("cs_2", sub="sub_2", price="price_b", at=1))


async def give(world: World) -> int:
    """Decide and give once, without waiting."""
    await decide_refunds(world.tx, world.news, delay=AT_ONCE)
    done, alerts = await give_refunds(world.tx, world.shop)
    world.alerts += alerts
    return done


async def test_what_is_due_is_given_back_once_and_put_on_record(
    world: World, db: MemoryDatabase
) -> None:
    await rivals(world)
    assert await give(world) == 1
    assert await give(world) == 0
    assert list(world.shop.refunds.values()) == ["cs_2"]
    assert set(await statuses(world)) == {
        ("APPLIED", ""),
        ("REFUNDED", "ACCOUNT_HAS_SUBSCRIPTION"),
    }
    actions = [change.action for change in db.committed(AUDIT).values()]
    assert (actions.count("purchase.refund"), actions.count("purchase.refunded")) == (1, 1)


async def test_what_was_given_back_is_never_applied_whatever_comes_after(world: World) -> None:
    await rivals(world)
    await give(world)
    before = await world.order()
    await world.give(seen("sub_2", price="price_b"), revision=1)
    await world.give(invoice("in_2", sub="sub_2", at=2))
    await world.give(seen(status=ProviderStatus.CANCELED, ended=0), revision=1)
    assert ("REFUNDED", "ACCOUNT_HAS_SUBSCRIPTION") in await statuses(world)
    assert (await world.order()).plan == before.plan == "shop/basic"
    assert [sub.key.provider_subscription_id for sub in await world.subscriptions()] == ["sub_1"]


async def test_facts_that_come_late_make_a_payment_fit_while_it_is_not_decided(
    world: World, clock: SteadyClock
) -> None:
    await rivals(world)
    delay = timedelta(seconds=60)
    assert (await decide_refunds(world.tx, world.news, delay=delay)).due == 0
    await world.give(seen(status=ProviderStatus.CANCELED, ended=0), revision=1)
    clock.advance(delay)
    assert (await decide_refunds(world.tx, world.news, delay=delay)).due == 0
    assert (await world.order()).plan == "shop/large"


async def test_decided_comes_before_the_call_and_stays(world: World) -> None:
    await rivals(world)
    assert (await decide_refunds(world.tx, world.news, delay=AT_ONCE)).done == 1
    await world.give(seen(status=ProviderStatus.CANCELED, ended=0), revision=1)
    assert (await world.order()).plan == "shop/basic"
    assert (await give_refunds(world.tx, world.shop))[0] == 1


async def test_a_try_that_fails_is_made_again_later_and_less_often(
    world: World, clock: SteadyClock
) -> None:
    await rivals(world)
    tries: list[str] = []

    def lose(step: str) -> None:
        if step == "refund":
            tries.append(step)
            raise Unavailable("gone")

    world.shop.fault = lose
    for wait in (0, 29, 1, 59, 1):
        clock.advance(timedelta(seconds=wait))
        assert await give(world) == 0
    assert len(tries) == 3
    assert not any(alert.reason == "REFUND_FAILED" for alert in world.alerts)
    world.shop.fault = lambda _: None
    clock.advance(timedelta(hours=1))
    assert await give(world) == 1


async def test_a_lost_answer_gives_the_money_back_once(world: World, clock: SteadyClock) -> None:
    await rivals(world)

    def lose(step: str) -> None:
        if step == "refund made":
            raise Unavailable("lost")

    world.shop.fault = lose
    assert await give(world) == 0
    world.shop.fault = lambda _: None
    clock.advance(timedelta(minutes=1))
    assert await give(world) == 1
    assert list(world.shop.refunds.values()) == ["cs_2"]


async def test_a_refusal_that_stays_is_told_and_nothing_counts_as_given(world: World) -> None:
    await rivals(world)

    def refuse(step: str) -> None:
        if step == "refund":
            raise NotFound("none", reason="UNKNOWN_CHECKOUT")

    world.shop.fault = refuse
    assert await give(world) == 0
    [alert] = [one for one in world.alerts if one.reason == "REFUND_FAILED"]
    assert dict(alert.details) == {"checkout": "cs_2", "refusal": "UNKNOWN_CHECKOUT"}


async def test_where_nothing_was_charged_there_is_nothing_more_to_do(world: World) -> None:
    await rivals(world)
    world.shop.unpaid.add("cs_2")
    assert await give(world) == 1
    assert ("REFUNDED", "ACCOUNT_HAS_SUBSCRIPTION") in await statuses(world)


async def test_nothing_is_asked_while_no_provider_or_another_is_on(world: World) -> None:
    await rivals(world)
    for provider in (Provider(NO_PROVIDER), Provider("whmcs", checkout=True)):
        world.shop.provider = provider
        assert await give(world) == 0
    assert world.shop.refunds == {}


async def several(world: World, count: int) -> None:
    """Let so many customers buy twice."""
    for number in range(count):
        who = f"cus_{number}"
        await world.give(checkout(f"cs_a{number}", who))
        await world.give(checkout(f"cs_b{number}", who, at=1))


async def test_too_many_at_once_stop_the_worker_until_a_person_says_how_many(
    world: World, db: MemoryDatabase
) -> None:
    await several(world, 6)
    assert await decide_refunds(world.tx, world.news, delay=AT_ONCE) == Decisions(
        6, 5, stopped=True
    )
    assert (await give_refunds(world.tx, world.shop))[0] == 0
    low = await decide_refunds(world.tx, world.news, delay=AT_ONCE, limit=5, actor=Actor("eve"))
    assert low.stopped
    found = await decide_refunds(
        world.tx, world.news, delay=AT_ONCE, limit=6, actor=Actor("eve"), reason="the fair"
    )
    assert found == Decisions(6, 6, done=6)
    assert (await give_refunds(world.tx, world.shop))[0] == 6
    [line] = [one for one in db.committed(AUDIT).values() if one.action == "refund.sweep"]
    assert (line.actor.name, line.reason) == ("eve", "the fair")


async def test_a_mistake_that_drips_is_stopped_as_well(world: World, clock: SteadyClock) -> None:
    await several(world, 4)
    assert (await decide_refunds(world.tx, world.news, delay=AT_ONCE)).done == 4
    await world.give(checkout("cs_x", "cus_0", at=2))
    await world.give(checkout("cs_y", "cus_1", at=2))
    assert (await decide_refunds(world.tx, world.news, delay=AT_ONCE)).stopped
    clock.advance(timedelta(hours=1))
    assert (await decide_refunds(world.tx, world.news, delay=AT_ONCE)).done == 2


async def test_an_operations_account_wins_for_its_payment_and_the_disagreement_is_told(
    world: World,
) -> None:
    bound = (await world.create(external_id="ann", customers=[customer("cus_1")])).account.name
    named = (await account_of(world, AccountKind.USER, "bob")).name
    quote = await quoted(world, named)
    alerts = await world.give(paid(named, quote.name))
    [alert] = [one for one in alerts if one.reason == "CUSTOMER_DISAGREES"]
    assert dict(alert.details) == {
        "customer": "customer:stripe/acct_1/cus_1",
        "bound": bound,
        "operation": named,
    }
    await world.give(ours(named), revision=1)
    await world.give(invoice("in_1"))
    assert await world.owner() == bound
    assert [order.phase for order in await world.orders(named)] == [Phase.RUNNING]
    assert await world.orders(bound) == []
    [purchase] = await world.purchases()
    assert (purchase.account, purchase.status) == (named, PurchaseStatus.APPLIED)
    foreign = checkout("cs_2", sub="sub_2", at=3)
    assert isinstance(foreign, CheckoutPaid)
    await world.give(foreign)
    assert [order.phase for order in await world.orders(bound)] == [Phase.RUNNING]
