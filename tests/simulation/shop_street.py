"""A street with a shop in it, for tests: its clock, and whoever takes its webhooks."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from services.chassis.money import Money
from services.payments.events import RawRequest, VerifiedEvent
from services.payments.views import Marker
from tests.fakes.chassis import ManualClock
from tests.simulation.shop import Shop
from tests.simulation.shop_counter import Wanted
from tests.simulation.shop_prices import Price, Sold

MONTH = timedelta(days=30)
MARKER = Marker("op_1", "tollgate", "acc_1")
PRICES = {
    name: Sold(f"shop/{name}", Price(name, Money("eur", amount), MONTH), "namespace", 100)
    for name, amount in (("price_1", 4900), ("price_2", 9900))
}


@dataclass
class Street:
    """A shop, its clock, and whoever takes its webhooks."""

    clock: ManualClock = field(default_factory=ManualClock)
    takes: Callable[[RawRequest], bool] = lambda _raw: True
    came: list[RawRequest] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.shop = Shop(self.clock, random.Random(1), self._deliver, self._spawn, PRICES)

    async def pass_time(self, time: timedelta) -> None:
        """Let time pass, in steps small enough for everything that waits in between."""
        for _ in range(200):
            self.clock.advance(time.total_seconds() / 200)
            for _ in range(20):
                await asyncio.sleep(0)

    def bought(self) -> str:
        """Let somebody buy; returns the subscription."""
        counter = self.shop.counter
        customer = counter.customer("ada@example.com", {"user_id": "ada"}).id
        page = counter.page(Wanted((("price_1", 1),), customer=customer))
        assert counter.pay(page.id)
        return page.subscription

    def told(self) -> list[str]:
        """Return the types of the events that came, in order."""
        found = [self.shop.provider.verify(raw) for raw in self.came]
        return [event.type for event in found if isinstance(event, VerifiedEvent)]

    async def _deliver(self, raw: RawRequest) -> bool:
        self.came.append(raw)
        return self.takes(raw)

    def _spawn(self, coro: Coroutine[Any, Any, None]) -> None:
        self.tasks.append(asyncio.get_running_loop().create_task(coro))


@pytest.fixture
async def street() -> AsyncIterator[Street]:
    made = Street()
    yield made
    for task in made.tasks:
        task.cancel()
    await asyncio.gather(*made.tasks, return_exceptions=True)
