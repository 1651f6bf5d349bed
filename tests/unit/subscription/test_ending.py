"""Ends at the provider: asked for once, judged when they are, and answered again as they were."""

from dataclasses import replace

import pytest

from services.chassis.errors import (
    Unavailable,
)
from services.subscription.domain import State
from services.subscription.incoming import Payer, ProviderStatus
from services.subscription.ports import EndMode
from services.subscription.usecases import cancel_subscription
from tests.fakes.memory_db import MemoryDatabase
from tests.fakes.subscription_world import (
    SteadyClock,
    World,
    customer,
    memory_world,
    seen,
)
from tests.unit.subscription.people import BOSS, cancel
from tests.unit.subscription.test_changing import hold, pools


@pytest.fixture
def world() -> World:
    return memory_world(MemoryDatabase(SteadyClock()), pools())


async def test_an_end_whose_answer_was_lost_is_answered_after_the_provider_told(
    world: World,
) -> None:
    sub = await hold(world)

    def lose(step: str) -> None:
        if step == "end made":
            raise Unavailable("lost")

    world.shop.fault = lose
    request = cancel(sub.name, EndMode.NOW, key="r1")
    with pytest.raises(Unavailable):
        await cancel_subscription(world.desk, BOSS, request)
    world.shop.fault = lambda _: None
    payer = Payer(customer("cus_1"), identity=(("organization", "acme"),))
    gone = seen(status=ProviderStatus.CANCELED, ended=9, price="price_large")
    await world.give(replace(gone, payer=payer), revision=2)
    await cancel_subscription(world.desk, BOSS, request)
    assert list(world.shop.ends.values()) == [("sub_1", EndMode.NOW)]


async def test_an_end_is_answered_again_as_it_was_though_it_has_come_meanwhile(
    world: World,
) -> None:
    sub = await hold(world)
    request = cancel(sub.name, key="r1")
    first = await cancel_subscription(world.desk, BOSS, request)
    assert first.state is State.CANCELING
    payer = Payer(customer("cus_1"), identity=(("organization", "acme"),))
    gone = seen(status=ProviderStatus.CANCELED, ended=9, price="price_large")
    await world.give(replace(gone, payer=payer), revision=2)
    [known] = await world.subscriptions()
    assert known.state is State.CANCELED
    again = await cancel_subscription(world.desk, BOSS, request)
    assert replace(again, update_time=first.update_time) == replace(
        first, ending=again.ending, due=again.due
    )
    assert len(world.shop.ends) == 1


@pytest.mark.parametrize(
    ("mode", "state"),
    [
        (EndMode.AT_PERIOD_END, State.CANCELING),
        (EndMode.NOW, State.CANCELED),
        (EndMode.RESUME, State.ACTIVE),
    ],
)
async def test_an_end_is_asked_for_once_and_shown_as_it_will_be(
    world: World, mode: EndMode, state: State
) -> None:
    sub = await hold(world)
    for _ in range(2):
        asked = await cancel_subscription(world.desk, BOSS, cancel(sub.name, mode, key="r1"))
        assert asked.state is state
    assert list(world.shop.ends.values()) == [("sub_1", mode)]
    [known] = await world.subscriptions()
    assert known.state is State.ACTIVE
