"""Rule 11: the timer's list may be old by the time that an account is locked."""

from datetime import timedelta

from services.subscription.domain import Phase
from services.subscription.incoming import ProviderStatus
from services.subscription.usecases.retention import expire
from tests.fakes.memory_db import MemoryDatabase
from tests.fakes.subscription_world import SteadyClock, checkout, memory_world, seen

WEEK = timedelta(days=7)


async def test_an_account_that_the_timer_names_too_early_is_not_deleted() -> None:
    clock = SteadyClock()
    world = memory_world(MemoryDatabase(clock))
    await world.give(checkout("cs_1", price="price_a", sub="sub_1"))
    await world.give(seen("sub_1", ProviderStatus.CANCELED, price="price_a", ended=5), revision=2)
    account = await world.owner()
    clock.advance(WEEK - timedelta(seconds=1))
    await expire(world.tx, account)
    assert (await world.order()).phase is Phase.SUSPENDED
    clock.advance(timedelta(seconds=1))
    await expire(world.tx, account)
    assert (await world.order()).phase is Phase.DELETED
