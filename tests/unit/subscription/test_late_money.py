"""Money that arrives for what was ended and given back goes back as well, each time once."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from services.chassis.errors import Unavailable
from services.chassis.ids import derived
from services.subscription.domain import State
from services.subscription.granting import RENEWAL_REASON
from services.subscription.incoming import InvoicePaid, ProviderStatus
from services.subscription.usecases import decide_refunds, give_refunds
from tests.fakes.memory_db import MemoryDatabase
from tests.fakes.subscription import AUDIT
from tests.fakes.subscription_world import (
    USD,
    SteadyClock,
    World,
    checkout,
    invoice,
    memory_world,
    seen,
)

AT_ONCE = timedelta(0)
Begin = Callable[[World], Awaitable[str]]


@pytest.fixture
def clock() -> SteadyClock:
    return SteadyClock()


@pytest.fixture
def db(clock: SteadyClock) -> MemoryDatabase:
    return MemoryDatabase(clock)


@pytest.fixture
def world(db: MemoryDatabase) -> World:
    return memory_world(db)


def renewal(name: str, sub: str, at: int = 120) -> InvoicePaid:
    return replace(invoice(name, sub=sub, at=at), billing_reason=RENEWAL_REASON)


async def gives_way(world: World) -> str:
    """Decide that one gives way to another; return the provider's name of it."""
    await world.give(checkout("cs_1", sub="sub_1"))
    await world.give(seen(paused=True), revision=1)
    await world.give(checkout("cs_2", sub="sub_2", price="price_b", at=60))
    await world.give(seen("sub_2", price="price_b"), revision=1)
    await world.give(seen(), revision=2)
    assert (await decide_refunds(world.tx, world.news, delay=AT_ONCE)).done == 1
    return "sub_1"


async def is_refused(world: World) -> str:
    """Decide that a purchase without a place is given back; return what it began."""
    await world.give(checkout("cs_1", sub="sub_1"))
    await world.give(seen(), revision=1)
    await world.give(checkout("cs_2", sub="sub_2", at=60))
    assert (await decide_refunds(world.tx, world.news, delay=AT_ONCE)).done == 1
    return "sub_2"


def asked(world: World) -> list[str]:
    """Return the keys by which payments was asked to give back, in their order."""
    return [*world.shop.gave_way, *world.shop.refunds]


async def give(world: World) -> int:
    """Give back until nothing is to be given now; return how often that was done."""
    total = 0
    while done := (await give_refunds(world.tx, world.shop))[0]:
        total += done
    return total


async def names(world: World, sub: str) -> tuple[str, str]:
    """Return what the key of the first request is derived from."""
    gave_way = [
        one.name for one in await world.subscriptions() if one.key.provider_subscription_id == sub
    ]
    refused = [one.name for one in await world.purchases() if one.status == "REFUNDED"]
    return ("refund", refused[0]) if refused else ("give-way", gave_way[0])


EACH = pytest.mark.parametrize("begin", [gives_way, is_refused])
GIVEN = ("subscription.gave_way", "purchase.refunded")


@EACH
async def test_money_that_arrives_late_is_asked_for_again_with_a_key_of_its_own(
    world: World, db: MemoryDatabase, begin: Begin
) -> None:
    sub = await begin(world)
    assert await give(world) == 1
    what = await names(world, sub)
    assert asked(world) == [derived("req", *what)]
    await world.give(renewal("in_late", sub))
    assert await give(world) == 1
    assert asked(world) == [derived("req", *what), derived("req", *what, "1")]
    [again] = [change for change in db.committed(AUDIT).values() if change.action == "refund.again"]
    assert (again.object, again.reason) == (what[1], "PAID_LATE")
    given = [dict(one.details) for one in db.committed(AUDIT).values() if one.action in GIVEN]
    assert [one.get("again", "") for one in given] == ["", "1"]


@EACH
async def test_the_same_news_and_those_of_nothing_ask_for_nothing(
    world: World, begin: Begin
) -> None:
    sub = await begin(world)
    await give(world)
    for _ in range(2):
        await world.give(renewal("in_late", sub))
        await world.give(seen(sub, ProviderStatus.CANCELED, ended=121), revision=9)
        await world.give(replace(renewal("in_free", sub), paid=USD - USD))
        await world.give(renewal("in_other", "sub_other"))
        await give(world)
    assert len(asked(world)) == 2


@EACH
async def test_what_was_told_before_it_is_asked_for_is_asked_for_once(
    world: World, begin: Begin
) -> None:
    sub = await begin(world)
    await world.give(renewal("in_before", sub))
    assert await give(world) == 1
    await world.give(renewal("in_before", sub))
    await world.give(seen(sub, ProviderStatus.CANCELED, ended=121), revision=9)
    assert await give(world) == 0


async def test_the_first_invoice_of_a_refused_purchase_is_not_late_whenever_it_is_told(
    world: World,
) -> None:
    await is_refused(world)
    await give(world)
    await world.give(invoice("in_first", sub="sub_2", at=60))
    assert await give(world) == 0


@EACH
async def test_what_is_paid_while_payments_is_at_it_is_asked_for_after_that(
    world: World, clock: SteadyClock, begin: Begin
) -> None:
    sub = await begin(world)

    def lose(step: str) -> None:
        if step in ("way given", "refund made"):
            raise Unavailable("lost")

    world.shop.fault = lose
    assert await give(world) == 0
    await world.give(renewal("in_late", sub))
    await world.give(renewal("in_later", sub))
    world.shop.fault = lambda _: None
    assert await give(world) == 0
    clock.advance(timedelta(seconds=30))
    assert await give(world) == 3
    what = await names(world, sub)
    wanted = [derived("req", *what), derived("req", *what, "1"), derived("req", *what, "2")]
    assert asked(world) == wanted


async def test_it_entitles_to_nothing(world: World) -> None:
    await gives_way(world)
    await give(world)
    await world.give(renewal("in_late", "sub_1"))
    await give(world)
    states = {one.key.provider_subscription_id: one.state for one in await world.subscriptions()}
    assert states == {"sub_1": State.CANCELED, "sub_2": State.ACTIVE}
