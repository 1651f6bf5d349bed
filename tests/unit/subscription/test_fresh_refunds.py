"""Nothing is given back on news that may be late."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import cast

import pytest

from services.chassis.errors import Aborted, FailedPrecondition, NotFound, Unavailable
from services.chassis.facts import FactRecord
from services.chassis.metrics import Metrics
from services.subscription.commands import parse, sweep_refunds
from services.subscription.domain import AccountKind, Phase
from services.subscription.incoming import Payer, ProviderStatus
from services.subscription.ports import Selection, SubscriptionTransactions
from services.subscription.servicer import Alerting, FactIntake
from services.subscription.usecases import News, decide_refunds
from services.subscription.usecases.freshness import Take
from tests.fakes.memory_db import MemoryDatabase
from tests.fakes.subscription_world import (
    USD,
    SteadyClock,
    World,
    checkout,
    customer,
    memory_world,
    seen,
)
from tests.unit.subscription.people import account_of

AT_ONCE = timedelta(0)


@pytest.fixture
def clock() -> SteadyClock:
    return SteadyClock()


@pytest.fixture
def world(clock: SteadyClock) -> World:
    return memory_world(MemoryDatabase(clock))


async def rivals(world: World, count: int = 1) -> None:
    """Let so many customers buy twice: the second is to be given back."""
    for number in range(count):
        who = f"cus_{number}"
        await world.give(checkout(f"cs_a{number}", who, sub=f"sub_a{number}"))
        await world.give(
            checkout(f"cs_b{number}", who, sub=f"sub_b{number}", price="price_b", at=1)
        )


def ends(world: World, number: int = 0, at: int = 0) -> None:
    """Let the first subscription have ended at the provider; nobody has heard of it."""
    over = seen(f"sub_a{number}", ProviderStatus.CANCELED, f"cus_{number}", ended=at)
    world.shop.show(over, 5)


async def refused(world: World) -> list[str]:
    return sorted(
        one.checkout.checkout_id for one in await world.purchases() if one.status == "REFUND_DUE"
    )


async def test_a_lawful_purchase_is_kept_though_the_news_of_the_others_end_is_late(
    world: World, clock: SteadyClock
) -> None:
    await rivals(world)
    ends(world)
    clock.advance(timedelta(days=2))
    found = await decide_refunds(world.tx, world.news, delay=timedelta(minutes=1))
    assert (found.done, found.postponed) == (0, 0)
    assert await refused(world) == []
    assert (await world.order("cus_0")).plan == "shop/large"
    assert world.shop.refreshed == ["sub_a0"]


async def test_what_is_still_in_the_way_is_looked_at_and_then_the_other_is_given_back(
    world: World,
) -> None:
    await rivals(world)
    assert (await decide_refunds(world.tx, world.news, delay=AT_ONCE)).done == 1
    assert world.shop.refreshed == ["sub_a0"]
    assert (await world.order("cus_0")).plan == "shop/basic"


async def test_an_end_after_the_other_was_paid_gives_the_other_back_all_the_same(
    world: World,
) -> None:
    await rivals(world)
    await world.give(seen("sub_b0", ProviderStatus.CANCELED, "cus_0", price="price_b", ended=9), 1)
    ends(world, at=5)
    assert (await decide_refunds(world.tx, world.news, delay=AT_ONCE)).done == 1


async def test_a_payment_that_is_wrong_in_itself_needs_no_news(world: World) -> None:
    account = (await account_of(world, AccountKind.USER, "ann")).name
    other = await world.pricing.create_quote(
        "acc_other", Selection("shop/basic"), timedelta(hours=1), "r1"
    )
    wrong = replace(
        checkout("cs_1", sub="sub_1"),
        payer=Payer(customer("cus_1"), account_id=account),
        operation_id="op_1",
        quote=other.name,
        subtotal=USD,
    )
    await world.give(wrong)
    world.shop.states.clear()
    assert (await decide_refunds(world.tx, world.news, delay=AT_ONCE)).done == 1
    assert world.shop.refreshed == []


@pytest.mark.parametrize(
    "refusal",
    [
        Unavailable("gone"),
        Aborted("another was faster"),
        NotFound("none", reason="UNKNOWN_SUBSCRIPTION"),
        FailedPrecondition("not ours", reason="NOT_OURS"),
        RuntimeError("a defect"),
    ],
)
async def test_no_answer_puts_off_that_purchase_only_and_less_often_each_time(
    world: World,
    clock: SteadyClock,
    monkeypatch: pytest.MonkeyPatch,
    refusal: Exception,
) -> None:
    await rivals(world, 3)
    answers = world.shop.refresh
    asked: list[str] = []

    async def refresh(provider_subscription_id: str) -> FactRecord:
        asked.append(provider_subscription_id)
        if provider_subscription_id == "sub_a1":
            raise refusal
        return await answers(provider_subscription_id)

    monkeypatch.setattr(world.shop, "refresh", refresh)
    found = await decide_refunds(world.tx, world.news, delay=AT_ONCE)
    assert (found.done, found.postponed) == (2, 1)
    assert await refused(world) == ["cs_b0", "cs_b1", "cs_b2"]
    for wait, tries in ((29, 0), (1, 1), (59, 0), (1, 1)):
        clock.advance(timedelta(seconds=wait))
        asked.clear()
        again = await decide_refunds(world.tx, world.news, delay=AT_ONCE)
        assert (again.done, again.due, len(asked)) == (0, tries, tries)
    monkeypatch.setattr(world.shop, "refresh", answers)
    clock.advance(timedelta(hours=1))
    assert (await decide_refunds(world.tx, world.news, delay=AT_ONCE)).done == 1


async def test_a_person_is_told_once_of_a_refund_that_waits_for_long(
    world: World, clock: SteadyClock
) -> None:
    await rivals(world)
    world.shop.states.clear()
    told = []
    for _ in range(12):
        found = await decide_refunds(world.tx, world.news, delay=AT_ONCE)
        told += [alert for alert in found.alerts if alert.reason == "REFUND_WAITS_FOR_NEWS"]
        clock.advance(timedelta(hours=1))
    [alert] = told
    assert dict(alert.details) == {"checkout": "cs_b0"}


async def test_an_answer_that_was_not_taken_decides_nothing(world: World) -> None:
    await rivals(world)

    async def keep(_record: FactRecord, _source: str) -> None:
        """Take nothing, as a version does that does not know the kind."""

    found = await decide_refunds(world.tx, News(world.shop, keep), delay=AT_ONCE)
    assert (found.done, found.postponed) == (0, 1)


async def test_an_operator_hears_what_waits_for_news(world: World) -> None:
    await rivals(world, 2)
    del world.shop.states["sub_a1"]

    @dataclass
    class Intake:
        """What takes facts, as far as a command needs it."""

        tx: SubscriptionTransactions
        alerting: Alerting
        take: Take

    counter = Metrics().counter("alerts", "What needs a person", ("reason",))
    intake = cast("FactIntake", Intake(world.tx, Alerting(counter), world.news.take))
    command = ["sweep-refunds", "--reason", "the fair", "--limit"]
    assert "Nothing is done" in await sweep_refunds(intake, world.shop, parse([*command, "1"]))
    said = await sweep_refunds(intake, world.shop, parse([*command, "2"]))
    assert said.startswith("1 refunds are decided")
    assert "1 wait for news" in said


async def test_a_round_asks_for_no_more_than_it_may_and_the_next_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rivals(world, 4)
    monkeypatch.setattr("services.subscription.usecases.refunds.CALLS", 3)
    first = await decide_refunds(world.tx, world.news, delay=AT_ONCE)
    assert (first.done, first.postponed, len(world.shop.refreshed)) == (3, 0, 3)
    second = await decide_refunds(world.tx, world.news, delay=AT_ONCE)
    assert (second.done, len(world.shop.refreshed)) == (1, 4)


async def test_what_came_into_the_way_meanwhile_is_looked_at_as_well(world: World) -> None:
    await rivals(world)
    await world.give(checkout("cs_c0", "cus_0", sub="sub_c0", at=3))
    ends(world)
    # The first had ended before: the second is taken, and the third has to give way to that.
    found = await decide_refunds(world.tx, world.news, delay=AT_ONCE)
    assert (found.done, sorted(world.shop.refreshed)) == (1, ["sub_a0", "sub_b0"])
    assert await refused(world) == ["cs_c0"]
    order = await world.order("cus_0")
    assert (order.phase, order.plan) == (Phase.RUNNING, "shop/large")
