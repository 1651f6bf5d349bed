"""Plans that are given by hand: what they are, what is refused, and how they end."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.chassis.errors import (
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    Refusal,
)
from services.chassis.idempotency import IdempotencyConflict
from services.chassis.identity import Principal
from services.subscription import usecases
from services.subscription.assigning import AssignRequest, EndingMode
from services.subscription.domain import AccountKind, Phase, State
from services.subscription.entitlement import ValidateRequest
from services.subscription.offers import AddonQuantity
from tests.fakes.memory_db import MemoryDatabase
from tests.fakes.memory_outbox import MemoryOutbox
from tests.fakes.subscription import AUDIT
from tests.fakes.subscription_assignments import ASSIGNMENTS
from tests.fakes.subscription_pricing import organization
from tests.fakes.subscription_world import (
    START,
    SteadyClock,
    World,
    memory_world,
)
from tests.unit.subscription.assigned import WEEK, give, order, pays, pools, take
from tests.unit.subscription.people import ANN, BOSS, account_of, assign, end

MORE = AddonQuantity("dc/more", 2)


@pytest.fixture
def clock() -> SteadyClock:
    return SteadyClock()


@pytest.fixture
def db(clock: SteadyClock) -> MemoryDatabase:
    return MemoryDatabase(clock)


@pytest.fixture
def world(db: MemoryDatabase) -> World:
    return memory_world(db, pools())


@pytest.fixture
async def acme(world: World) -> str:
    return (await account_of(world, AccountKind.ORGANIZATION, "acme")).name


async def test_a_plan_is_given_without_money_and_ordered(
    world: World, acme: str, db: MemoryDatabase
) -> None:
    held = await give(world, assign(acme, "dc/large", addons=(MORE,)))
    assert (held.state, held.begin_time, held.period_end) == (State.ACTIVE, START, None)
    assert (held.offer.plan, held.offer.addons, held.offer.free) == ("dc/large", (MORE,), True)
    assert (held.key.provider, held.key.provider_subscription_id, held.customer_id) == ("", "", "")
    assert held.assignment is not None
    assert (held.assignment.actor, held.assignment.reason) == ("root", "sponsored")
    given = await order(world, acme)
    assert (given.phase, given.organization) == (Phase.RUNNING, "acme")
    assert given.capacity == organization("10", "24Gi")
    assert given.holding is not None
    assert (given.holding.subscription, given.holding.provider) == (held.name, "")
    [line] = [one for one in db.committed(AUDIT).values() if one.action == "assignment.give"]
    assert (line.actor.name, line.actor.trace_id, line.reason) == ("root", "trace", "sponsored")
    assert dict(line.details) == {
        "account": acme,
        "plan": "dc/large",
        "addons": "dc/more=2",
        "end_time": "",
    }
    found = await world.subscriptions()
    assert found == [held]


async def test_it_counts_for_the_entitlement(world: World, acme: str) -> None:
    asked = ValidateRequest(acme, tier="premium", features=("builds",))
    assert (await world.entitlements.validate(BOSS, asked)).lack is not None
    await give(world, assign(acme, "dc/large"))
    met = await world.entitlements.validate(BOSS, asked)
    assert (met.lack, met.entitlement.plan) == (None, "dc/large")
    assert met.entitlement.next_billing_time is None


@pytest.mark.parametrize("who", [BOSS, ANN])
async def test_only_operators_give_and_take(world: World, acme: str, who: Principal) -> None:
    with pytest.raises(PermissionDenied):
        await give(world, assign(acme, "dc/small"), who)
    held = await give(world, assign(acme, "dc/small"))
    with pytest.raises(PermissionDenied):
        await take(world, end(held.name), who)


async def test_what_is_asked_again_under_its_key_is_given_once(
    world: World, acme: str, db: MemoryDatabase
) -> None:
    first = await give(world, assign(acme, "hold/tier", key="k"))
    await take(world, end(first.name, key="e"))
    again = await give(world, assign(acme, "hold/tier", key="k"))
    assert again.name == first.name
    assert (await take(world, end(first.name, key="e"))).state is State.CANCELED
    assert len(db.committed(ASSIGNMENTS)) == 1
    with pytest.raises(IdempotencyConflict):
        await give(world, assign(acme, "dc/small", key="k"))
    with pytest.raises(IdempotencyConflict):
        await take(world, end(first.name, reason="another", key="e"))


async def test_what_it_would_be_is_said_and_nothing_is_written(
    world: World, acme: str, db: MemoryDatabase
) -> None:
    said = await give(world, assign(acme, "dc/large", only_say=True))
    assert (said.name, said.state, said.offer.plan) == ("", State.ACTIVE, "dc/large")
    assert not await world.subscriptions()
    assert not await world.orders(acme)
    held = await give(world, assign(acme, "dc/small"))
    said = await give(world, assign(acme, "dc/large", only_say=True))
    assert (said.name, said.offer.plan) == (held.name, "dc/large")
    assert await world.subscriptions() == [held]
    assert len(MemoryOutbox(db).waiting("provisioner")) == 1


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (assign("acc_none", "dc/small"), "UNKNOWN_ACCOUNT"),
        (assign("ACME", "dc/none"), "UNKNOWN_PLAN"),
        (assign("ACME", "small"), "INVALID_FIELDS"),
        (assign("ACME", "dc/small", reason=" "), "INVALID_FIELDS"),
        (assign("ACME", "dc/small", reason="x" * 256), "INVALID_FIELDS"),
        (assign("ACME", "dc/small", until=START), "INVALID_FIELDS"),
        (assign("ACME", "dc/small", addons=(MORE, MORE)), "INVALID_FIELDS"),
        (assign("ACME", "dc/small", addons=(replace(MORE, quantity=0),)), "INVALID_FIELDS"),
    ],
)
async def test_what_cannot_be_given_is_refused(
    world: World, acme: str, request_: AssignRequest, reason: str
) -> None:
    asked = replace(request_, account=request_.account.replace("ACME", acme))
    with pytest.raises(Refusal) as refused:
        await give(world, asked)
    assert refused.value.reason == reason
    assert not await world.subscriptions()


async def test_a_person_is_given_no_organizations_plan(world: World) -> None:
    ann = await account_of(world, AccountKind.USER, "ann")
    with pytest.raises(FailedPrecondition) as refused:
        await give(world, assign(ann.name, "dc/small"))
    assert refused.value.reason == "PLAN_NOT_FOR_ACCOUNT"
    held = await give(world, assign(ann.name, "shop/basic"))
    assert (await order(world, ann.name)).owner_subject == "ann"
    assert held.state is State.ACTIVE


async def test_what_was_given_becomes_another_plan_of_its_catalog_in_its_place(
    world: World, acme: str, clock: SteadyClock
) -> None:
    first = await give(world, assign(acme, "dc/small", until=START + WEEK))
    clock.advance(timedelta(hours=1))
    second = await give(world, assign(acme, "dc/large", reason="grown"))
    assert (second.name, second.begin_time) == (first.name, first.begin_time)
    assert (second.state, second.period_end) == (State.ACTIVE, None)
    assert second.assignment is not None
    assert (second.assignment.reason, second.assignment.end_reason) == ("grown", "")
    assert await world.subscriptions() == [second]
    assert [(one.plan, one.generation) for one in await world.orders(acme)] == [("dc/large", 2)]


async def test_a_plan_of_another_catalog_waits_for_the_end_of_the_first(
    world: World, acme: str
) -> None:
    first = await give(world, assign(acme, "dc/small"))
    with pytest.raises(FailedPrecondition) as refused:
        await give(world, assign(acme, "other/pool"))
    assert refused.value.reason == "ACCOUNT_HAS_SUBSCRIPTION"
    assert refused.value.metadata == {"subscription": first.name, "plan": "dc/small"}
    await take(world, end(first.name))
    second = await give(world, assign(acme, "other/pool"))
    assert (second.name != first.name, (await order(world, acme)).plan) == (True, "other/pool")


async def test_an_entitlement_stands_beside_a_pool(world: World, acme: str) -> None:
    await give(world, assign(acme, "dc/small"))
    await give(world, assign(acme, "hold/tier"))
    assert {sub.offer.plan for sub in await world.subscriptions()} == {"dc/small", "hold/tier"}
    assert (await order(world, acme)).plan == "dc/small"


async def test_a_smaller_plan_than_what_is_in_use_is_refused(world: World, acme: str) -> None:
    await give(world, assign(acme, "dc/large"))
    world.cluster.used["acme"] = {"cpu": "6", "memory": "1Gi"}
    for only_say in (True, False):
        with pytest.raises(FailedPrecondition) as refused:
            await give(world, assign(acme, "dc/small", only_say=only_say))
        assert refused.value.reason == "USAGE_EXCEEDS_PLAN"
    assert (await order(world, acme)).plan == "dc/large"


async def test_an_end_now_is_suspended_at_once_and_goes_by_the_plans_policy(
    world: World, acme: str, clock: SteadyClock, db: MemoryDatabase
) -> None:
    held = await give(world, assign(acme, "dc/small"))
    clock.advance(timedelta(days=1))
    ended = await take(world, end(held.name))
    assert (ended.state, ended.period_end) == (State.CANCELED, START + timedelta(days=1))
    assert (await order(world, acme)).phase is Phase.SUSPENDED
    [line] = [one for one in db.committed(AUDIT).values() if one.action == "assignment.end"]
    assert (line.actor.name, line.reason, dict(line.details)["mode"]) == ("root", "over", "now")
    clock.advance(WEEK - timedelta(seconds=1))
    assert (await usecases.sweep_retention(world.tx)).done == 0
    clock.advance(timedelta(seconds=1))
    assert (await usecases.sweep_retention(world.tx)).done == 1
    assert (await order(world, acme)).phase is Phase.DELETED
    again = await give(world, assign(acme, "dc/small"))
    assert again.name != held.name
    assert (await order(world, acme)).incarnation == 2


async def test_an_end_that_was_said_comes_by_itself_and_once(
    world: World, acme: str, clock: SteadyClock
) -> None:
    held = await give(world, assign(acme, "dc/large", until=START + WEEK))
    assert (held.state, held.period_end) == (State.CANCELING, START + WEEK)
    assert (await usecases.sweep_retention(world.tx)).due == 0
    clock.advance(WEEK)
    assert (await usecases.sweep_retention(world.tx)).done == 1
    assert (await usecases.sweep_retention(world.tx)).due == 0
    [over] = await world.subscriptions()
    assert (over.state, over.suspend_time) == (State.SUSPENDED, START + WEEK)
    assert (await order(world, acme)).phase is Phase.SUSPENDED
    clock.advance(WEEK)
    assert (await usecases.sweep_retention(world.tx)).done == 1
    [over] = await world.subscriptions()
    assert over.state is State.CANCELED


async def test_an_end_is_said_put_off_and_taken_back(
    world: World, acme: str, clock: SteadyClock
) -> None:
    held = await give(world, assign(acme, "dc/large", until=START + WEEK))
    later = START + 2 * WEEK
    put_off = await take(world, end(held.name, EndingMode.AT_TIME, at=later, reason="longer"))
    assert (put_off.state, put_off.period_end) == (State.CANCELING, later)
    assert put_off.assignment is not None
    assert (put_off.assignment.reason, put_off.assignment.end_reason) == ("sponsored", "longer")
    clock.advance(WEEK)
    assert (await usecases.sweep_retention(world.tx)).due == 0
    goes_on = await take(world, end(held.name, EndingMode.RESUME))
    assert (goes_on.state, goes_on.period_end) == (State.ACTIVE, None)
    clock.advance(2 * WEEK)
    assert (await usecases.sweep_retention(world.tx)).due == 0


async def test_what_cannot_be_ended_is_refused(world: World, acme: str) -> None:
    held = await give(world, assign(acme, "hold/tier"))
    await pays(world)
    [paid] = [sub for sub in await world.subscriptions() if not sub.assignment]
    for asked, kind, reason in (
        (end("tsub_none"), NotFound, "UNKNOWN_SUBSCRIPTION"),
        (end(paid.name), FailedPrecondition, "NOT_ASSIGNED"),
        (end(held.name, reason=""), InvalidArgument, "INVALID_FIELDS"),
        (end(held.name, EndingMode.AT_TIME), InvalidArgument, "INVALID_FIELDS"),
        (end(held.name, at=START + WEEK), InvalidArgument, "INVALID_FIELDS"),
        (end(held.name, EndingMode.AT_TIME, at=START), InvalidArgument, "INVALID_FIELDS"),
    ):
        with pytest.raises(kind) as refused:
            await take(world, asked)
        assert refused.value.reason == reason
    await take(world, end(held.name))
    for mode in (EndingMode.NOW, EndingMode.RESUME):
        with pytest.raises(FailedPrecondition) as refused:
            await take(world, end(held.name, mode))
        assert refused.value.reason == "SUBSCRIPTION_OVER"


async def test_too_many_ends_at_once_stop_the_timer_and_those_by_hand_do_not_count(
    world: World, clock: SteadyClock
) -> None:
    for number in range(12):
        owner = await account_of(world, AccountKind.ORGANIZATION, f"org-{number}")
        until = START + timedelta(minutes=1 if number < 5 else 2) if number < 6 else None
        held = await give(world, assign(owner.name, "dc/large", until=until))
        if number >= 6:
            await take(world, end(held.name))
    clock.advance(timedelta(minutes=1))
    assert (await usecases.sweep_retention(world.tx)).done == 5
    clock.advance(timedelta(minutes=1))
    assert (await usecases.sweep_retention(world.tx)).stopped
    clock.advance(timedelta(hours=1))
    assert (await usecases.sweep_retention(world.tx)).done == 1
