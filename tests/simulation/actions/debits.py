"""Bank debits: a page is complete days before its money arrives, or does not."""

from random import Random
from typing import TYPE_CHECKING

from tests.simulation.actions.action import think
from tests.simulation.actions.book import book_of
from tests.simulation.actions.shop_checkouts import PROFESSIONAL
from tests.simulation.shop_counter import Wanted

if TYPE_CHECKING:
    from tests.simulation.world import World

_DAY = 86400.0


async def by_debit(world: "World", rng: Random, page: str) -> None:
    """Have a bank asked for a page, and let it answer some time later."""
    if not world.shop.counter.debit(page):
        return
    await world.clock.sleep(rng.choice([1.0, 60.0, 3600.0, _DAY, 4 * _DAY]))
    world.shop.counter.debited(page, arrives=rng.random() < 0.7)


class PaysByDebit:
    """Somebody pays at a shop by debit; who waits for long may buy by card besides."""

    name = "pays by debit"
    weight = 6.0

    async def run(self, world: "World", rng: Random) -> None:
        """Complete a page and let the bank answer."""
        counter = world.shop.counter
        name = book_of(world).somebody("person")
        customer = counter.customer(f"{name}@example.com", {"user_id": name}).id
        wanted = Wanted(((PROFESSIONAL, 1),), customer=customer)
        page = counter.page(wanted).id
        await think(world, rng)
        world.spawn(by_debit(world, rng, page))
        if rng.random() < 0.2:
            await world.clock.sleep(rng.choice([30.0, 3600.0, _DAY]))
            other = counter.page(wanted)
            if counter.pay(other.id) and rng.random() < 0.5:
                await world.clock.sleep(rng.choice([1.0, 600.0, _DAY]))
                counter.pause(other.subscription, paused=True)
                await world.clock.sleep(rng.choice([600.0, 5 * _DAY]))
                counter.pause(other.subscription, paused=False)
