"""Of two subscriptions that bill for one place, the one that was bought before gives way."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.chassis.errors import Unavailable
from services.subscription.domain import Phase, State, Subscription, UnitKey
from services.subscription.incoming import ProviderStatus
from services.subscription.lifecycle import RUNNING
from services.subscription.offers import Capacity, CapacityKind, EndPolicy, Offer, rivals
from services.subscription.reckoning import giving_way
from services.subscription.usecases import Decisions, decide_refunds, give_refunds
from tests.fakes.memory_db import MemoryDatabase
from tests.fakes.subscription import AUDIT
from tests.fakes.subscription_giving_way import GIVING_WAY
from tests.fakes.subscription_world import (
    START,
    SteadyClock,
    World,
    checkout,
    invoice,
    memory_world,
    seen,
)

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


async def both_bill(world: World, who: str = "cus_1", name: str = "") -> None:
    """Pause one, buy another beside it, and let the first go on."""
    first, second = f"sub_{name}1", f"sub_{name}2"
    await world.give(checkout(f"cs_{name}1", who, sub=first))
    await world.give(seen(first, who=who, paused=True), revision=1)
    await world.give(checkout(f"cs_{name}2", who, sub=second, price="price_b", at=60))
    await world.give(seen(second, who=who, price="price_b"), revision=1)
    await world.give(seen(first, who=who), revision=2)


async def states(world: World) -> dict[str, State]:
    return {sub.key.provider_subscription_id: sub.state for sub in await world.subscriptions()}


async def test_the_one_bought_before_is_ended_and_given_back_since_the_other_was_bought(
    world: World, db: MemoryDatabase
) -> None:
    await both_bill(world)
    assert [one.reason for one in world.alerts] == ["TWO_RIVALS_BILL"]
    assert (await world.order()).plan == "shop/large"
    found = await decide_refunds(world.tx, world.news, delay=AT_ONCE)
    assert (found.done, sorted(world.shop.refreshed)) == (1, ["sub_1", "sub_2"])
    assert await states(world) == {"sub_1": State.CANCELED, "sub_2": State.ACTIVE}
    assert (await give_refunds(world.tx, world.shop))[0] == 1
    assert (await give_refunds(world.tx, world.shop))[0] == 0
    account, since = await world.owner(), START + timedelta(minutes=60)
    assert list(world.shop.gave_way.values()) == [(account, "sub_1", since, "GAVE_WAY")]
    [row] = db.committed(GIVING_WAY).values()
    assert row.refund_id
    actions = [change.action for change in db.committed(AUDIT).values()]
    for action in ("subscription.rival", "subscription.give_way", "subscription.gave_way"):
        assert actions.count(action) == 1


async def test_what_gave_way_never_counts_again_even_before_the_provider_says_so(
    world: World,
) -> None:
    await both_bill(world)
    await decide_refunds(world.tx, world.news, delay=AT_ONCE)
    over = seen("sub_2", ProviderStatus.CANCELED, price="price_b", ended=90)
    await world.give(over, revision=2)
    await world.give(invoice("in_late", sub="sub_1", at=95))
    await world.give(seen("sub_1"), revision=3)
    assert await states(world) == {"sub_1": State.CANCELED, "sub_2": State.CANCELED}
    assert (await world.order()).phase is Phase.SUSPENDED


async def test_nothing_is_decided_before_its_delay_is_over(
    world: World, clock: SteadyClock
) -> None:
    await both_bill(world)
    delay = timedelta(minutes=1)
    assert (await decide_refunds(world.tx, world.news, delay=delay)).due == 0
    clock.advance(delay)
    assert (await decide_refunds(world.tx, world.news, delay=delay)).done == 1


@pytest.mark.parametrize("which", ["sub_1", "sub_2"])
async def test_a_pause_that_nobody_heard_of_yet_undoes_it_while_nothing_is_decided(
    world: World, db: MemoryDatabase, which: str
) -> None:
    await both_bill(world)
    price = "price_a" if which == "sub_1" else "price_b"
    world.shop.show(seen(which, paused=True, price=price), 9)
    found = await decide_refunds(world.tx, world.news, delay=AT_ONCE)
    assert (found.done, found.postponed) == (0, 0)
    assert db.committed(GIVING_WAY) == {}
    assert State.CANCELED not in (await states(world)).values()


async def test_what_was_decided_stays_decided_whatever_comes(world: World) -> None:
    await both_bill(world)
    await decide_refunds(world.tx, world.news, delay=AT_ONCE)
    await world.give(seen("sub_2", price="price_b", paused=True), revision=2)
    assert (await states(world))["sub_1"] is State.CANCELED
    assert (await give_refunds(world.tx, world.shop))[0] == 1


async def test_it_waits_for_news_of_both(world: World, clock: SteadyClock) -> None:
    await both_bill(world)
    kept = world.shop.states.pop("sub_2")
    found = await decide_refunds(world.tx, world.news, delay=AT_ONCE)
    assert (found.done, found.postponed) == (0, 1)
    world.shop.states["sub_2"] = kept
    assert (await decide_refunds(world.tx, world.news, delay=AT_ONCE)).due == 0
    clock.advance(timedelta(seconds=30))
    assert (await decide_refunds(world.tx, world.news, delay=AT_ONCE)).done == 1


async def test_rivals_count_with_refunds_before_the_brake(world: World) -> None:
    for number in range(3):
        await both_bill(world, f"cus_r{number}", f"r{number}_")
        await world.give(checkout(f"cs_a{number}", f"cus_{number}"))
        await world.give(checkout(f"cs_b{number}", f"cus_{number}", at=1))
    assert await decide_refunds(world.tx, world.news, delay=AT_ONCE) == Decisions(
        6, 5, stopped=True
    )
    found = await decide_refunds(world.tx, world.news, delay=AT_ONCE, limit=6)
    assert found.done == 6
    await both_bill(world, "cus_x", "x_")
    assert (await decide_refunds(world.tx, world.news, delay=AT_ONCE)).stopped


async def test_an_end_that_fails_is_tried_again_later_and_one_that_cannot_be_is_told(
    world: World, clock: SteadyClock
) -> None:
    await both_bill(world)
    await decide_refunds(world.tx, world.news, delay=AT_ONCE)

    def lose(step: str) -> None:
        if step == "way given":
            raise Unavailable("lost")

    world.shop.fault = lose
    assert await give_refunds(world.tx, world.shop) == (0, ())
    world.shop.fault = lambda _: None
    assert (await give_refunds(world.tx, world.shop))[0] == 0
    clock.advance(timedelta(seconds=30))
    world.shop.gave_way = dict.fromkeys(world.shop.gave_way, ("another", "", START, ""))
    _, [alert] = await give_refunds(world.tx, world.shop)
    assert alert.reason == "REFUND_FAILED"
    assert ("refusal", "IDEMPOTENCY_KEY_REUSED") in alert.details


KINDS = (CapacityKind.NAMESPACE, CapacityKind.ORGANIZATION, CapacityKind.NOTHING)
ONE = st.tuples(
    st.sampled_from(list(State)),
    st.sampled_from(KINDS),
    st.one_of(st.none(), st.integers(0, 5)),
    st.booleans(),
)


def held(place: int, told: tuple[State, CapacityKind, int | None, bool]) -> Subscription:
    state, kind, begun, single = told
    key = UnitKey("stripe", "acct_1", "" if single else f"sub_{place}", "cs" if single else "")
    return Subscription(
        name=f"tsub_{place}",
        account="acc_1",
        key=key,
        offer=Offer("p", "v1", (), Capacity(kind, b""), EndPolicy.FREE, EndPolicy.FREE, AT_ONCE),
        state=state,
        create_time=START,
        update_time=START,
        begin_time=None if begun is None else START + timedelta(minutes=begun),
    )


def bills(sub: Subscription) -> bool:
    return sub.begin_time is not None and sub.state in RUNNING


def beside(one: Subscription, other: Subscription) -> bool:
    return one is not other and rivals(one.offer.capacity.kind, other.offer.capacity.kind)


@settings(max_examples=150, deadline=None)
@given(told=st.lists(ONE, max_size=6), seed=st.permutations(range(6)))
def test_once_all_that_give_way_have_only_one_bills_for_each_place(
    told: list[tuple[State, CapacityKind, int | None, bool]], seed: list[int]
) -> None:
    subs = [held(place, one) for place, one in enumerate(told)]
    found = giving_way(subs)
    shuffled = [subs[place] for place in seed if place < len(subs)]
    assert giving_way(shuffled) == found
    named = {sub.name: sub for sub in subs}
    for way in found:
        gives, stays = named[way.subscription], named[way.to]
        assert bills(gives)
        assert bills(stays)
        assert beside(gives, stays)
        assert gives.begin_time is not None
        assert stays.begin_time is not None
        assert gives.begin_time <= stays.begin_time == way.paid_since
        assert not way.decided
    gone = {way.subscription for way in found}
    left = [sub for sub in subs if bills(sub) and sub.name not in gone]
    renewing = [sub for sub in left if sub.key.provider_subscription_id]
    # What is left of each place: the last that was bought, and what bills nothing more.
    for one in renewing:
        later = [other for other in subs if bills(other) and beside(one, other)]
        newest = [(other.begin_time or START, other.name) for other in later]
        assert all(time < (one.begin_time or START, one.name) for time in newest)
