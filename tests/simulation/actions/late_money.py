"""Money that arrives for what was ended and given back: transfers that were on their way."""

from random import Random
from typing import TYPE_CHECKING

from tests.simulation.actions.book import book_of
from tests.simulation.actions.operator import operate
from tests.simulation.actions.shop_checkouts import PROFESSIONAL
from tests.simulation.shop_counter import Wanted
from tests.simulation.shop_rows import SubscriptionRow

if TYPE_CHECKING:
    from tests.simulation.world import World

_HOUR, _DAY = 3600.0, 86400.0
_LOOKS = 30


class PaysLate:
    """Somebody buys two for one place, and pays what is open of the one that was ended for it."""

    name = "pays late"
    weight = 3.0

    async def run(self, world: "World", rng: Random) -> None:
        """Buy both, wait until one is ended and perhaps longer, and pay once or twice for it."""
        counter = world.shop.counter
        name = book_of(world).somebody("person")
        customer = counter.customer(f"{name}@example.com", {"user_id": name}).id
        wanted = Wanted(((PROFESSIONAL, 1),), customer=customer)
        first, second = counter.page(wanted), counter.page(wanted)
        if not counter.pay(first.id):
            return
        gives_way = rng.random() < 0.5
        if gives_way:
            await world.clock.sleep(600.0)
            counter.pause(first.subscription, paused=True)
        await world.clock.sleep(rng.choice([30.0, 600.0]))
        counter.pay(second.id)
        if gives_way:
            await world.clock.sleep(rng.choice([60.0, _HOUR]))
            counter.pause(first.subscription, paused=False)
        ended = await self._ended(world, customer)
        for _ in range(rng.choice([1, 2])):
            await world.clock.sleep(rng.choice([0.0, 0.5, 60.0, 2 * _DAY]))
            if ended is not None:
                counter.billing.pay_late(ended)

    async def _ended(self, world: "World", customer: str) -> SubscriptionRow | None:
        """Wait until we ended one of the two; None if we do not in a month."""
        for _ in range(_LOOKS):
            for row in world.shop.counter.subscriptions_of(customer):
                if row.ended_by:
                    return row
            await world.clock.sleep(_DAY)
            await operate(world)
        return None
