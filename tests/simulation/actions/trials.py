"""Trials: begun at a shop's page with the catalog's days, gone through, or given up in time."""

from random import Random
from typing import TYPE_CHECKING

from tests.simulation.actions.action import think
from tests.simulation.actions.book import book_of
from tests.simulation.shop_counter import Wanted

if TYPE_CHECKING:
    from tests.simulation.world import World

TEAM = "price_trials_team"
_DAY = 86400.0


class TriesAtAShop:
    """Somebody begins a trial; it becomes paid, its card fails then, or it is given up before."""

    name = "tries at a shop"
    weight = 6.0

    async def run(self, world: "World", rng: Random) -> None:
        """Begin it, and do what people do within its days; some begin another beside it."""
        counter = world.shop.counter
        days = world.shop.books.sold[TEAM].trial_days
        name = book_of(world).somebody("person")
        customer = counter.customer(f"{name}@example.com", {"user_id": name}).id
        wanted = Wanted(((TEAM, 1),), customer=customer, trial_days=days)
        page = counter.page(wanted)
        await think(world, rng)
        counter.pay(page.id)
        await world.clock.sleep(rng.choice([0.5, 600.0, _DAY, (days - 0.001) * _DAY]))
        drawn = rng.random()
        if drawn < 0.2:
            counter.end(page.subscription)
        elif drawn < 0.4:
            counter.end_later(page.subscription, ends=True)
        elif drawn < 0.5:
            world.shop.books.customers[customer].declines = True
        elif drawn < 0.65:
            counter.pay(counter.page(wanted).id)
