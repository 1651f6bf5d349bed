"""What is held and what is billed as that are looked at at once: news comes whenever it comes."""

from dataclasses import replace

import pytest

from services.subscription.domain import Account
from services.subscription.incoming import Item
from services.subscription.units import Holdings
from services.subscription.usecases import update_subscription
from tests.fakes.memory_db import MemoryDatabase
from tests.fakes.subscription import MemoryStore
from tests.fakes.subscription_world import SteadyClock, World, memory_world
from tests.unit.subscription.people import BOSS, update
from tests.unit.subscription.test_changing import billed, hold, pools


@pytest.fixture
def world() -> World:
    return memory_world(MemoryDatabase(SteadyClock()), pools())


async def test_news_that_comes_during_a_look_is_seen_whole_or_not_at_all(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    sub = await hold(world, addons=[Item("price_more", 1)])
    read = MemoryStore.holdings
    news = [2, 3]

    async def just_after_news(store: MemoryStore, account: Account) -> Holdings:
        if news:
            monkeypatch.setattr(MemoryStore, "holdings", read)
            units = news.pop(0)
            items = (Item("price_large", 1), Item("price_more", units))
            await world.give(replace(world.shop.states["sub_1"][0], items=items), revision=units)
            monkeypatch.setattr(MemoryStore, "holdings", just_after_news)
        return await read(store, account)

    monkeypatch.setattr(MemoryStore, "holdings", just_after_news)
    await update_subscription(world.desk, BOSS, update(sub.name, units=(("dc/more", 1),)))
    assert not news
    assert billed(world) == [("price_large", 1), ("price_more", 4)]
