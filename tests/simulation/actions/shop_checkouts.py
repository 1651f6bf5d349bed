"""Purchases at the checkout of somebody else's shop, which makes its sessions itself."""

from random import Random
from typing import TYPE_CHECKING

from tests.simulation.actions.action import think
from tests.simulation.actions.book import book_of
from tests.simulation.actions.operator import operate
from tests.simulation.shop_counter import Wanted

if TYPE_CHECKING:
    from tests.simulation.world import World

PROFESSIONAL = "price_sessions_professional"
YEARLY = "price_sessions_professional_year"


class ForeignPurchase:
    """Somebody pays at a shop's checkout; the account is made from the customer's id."""

    name = "foreign purchase"
    weight = 50.0

    async def run(self, world: "World", rng: Random) -> None:
        """Open a page, think, pay; the card may be refused at first, some leave."""
        counter = world.shop.counter
        name = book_of(world).somebody("person")
        identity = {"user_id": name} if rng.random() < 0.7 else {}
        price = YEARLY if rng.random() < 0.1 else PROFESSIONAL
        customer = counter.customer(f"{name}@example.com", identity).id
        wanted = Wanted(((price, 1),), customer=customer)
        page = counter.page(wanted).id
        twice = rng.random() < 0.04
        other = counter.page(wanted).id if twice else ""
        await think(world, rng)
        if rng.random() < 0.05:
            return
        if rng.random() < 0.1:
            counter.books.customers[customer].declines = True
            counter.pay(page)
            await think(world, rng)
            counter.books.customers[customer].declines = False
        counter.pay(page)
        if twice:
            await world.clock.sleep(rng.choice([0.0, 0.2, 30.0, 86400.0 * 3]))
            counter.pay(other)


class GuestPurchase:
    """Somebody pays at a shop's checkout that makes the customer only then."""

    name = "guest purchase"
    weight = 5.0

    async def run(self, world: "World", rng: Random) -> None:
        """Open a page without a customer, and pay."""
        page = world.shop.counter.page(Wanted(((PROFESSIONAL, 1),)))
        await think(world, rng)
        name = book_of(world).somebody("person")
        world.shop.counter.pay(page.id, f"{name}@example.com", {"user_id": name})


class ComesBack:
    """Somebody whose subscription ended buys again, as the same customer."""

    name = "comes back"
    weight = 6.0

    async def run(self, world: "World", rng: Random) -> None:
        """Buy the same plan again."""
        ended = [
            row
            for row in world.shop.books.subscriptions.values()
            if row.over and row.marker is None
        ]
        if not ended:
            return
        customer = rng.choice(ended).customer
        if any(row.live for row in world.shop.counter.subscriptions_of(customer)):
            return
        world.shop.books.customers[customer].declines = False
        page = world.shop.counter.page(Wanted(((PROFESSIONAL, 1),), customer=customer))
        await world.clock.sleep(rng.choice([0.5, 30.0]))
        if not any(row.live for row in world.shop.counter.subscriptions_of(customer)):
            world.shop.counter.pay(page.id)


class BuysAnother:
    """Somebody gives up what they bought, or lets it rest, and buys another beside it at once."""

    name = "buys another"
    weight = 14.0

    async def run(self, world: "World", rng: Random) -> None:
        """Buy one; end it and buy another, several times, or pause it meanwhile."""
        counter = world.shop.counter
        name = book_of(world).somebody("person")
        customer = counter.customer(f"{name}@example.com", {"user_id": name}).id
        wanted = Wanted(((PROFESSIONAL, 1),), customer=customer)
        page = counter.page(wanted)
        paid = counter.pay(page.id)
        await world.clock.sleep(rng.choice([30.0, 600.0, 86400.0]))
        if rng.random() < 0.4:
            await self._beside(world, rng, page.subscription, wanted)
            return
        for _ in range(4):
            if not paid:
                # Their card fails by now.
                return
            counter.end(page.subscription)
            await world.clock.sleep(rng.choice([2.0, 30.0, 600.0]))
            page = counter.page(wanted)
            paid = counter.pay(page.id)
            # Who was told that there is no room for it calls, and somebody looks at once.
            await world.clock.sleep(90.0)
            await operate(world)

    async def _beside(self, world: "World", rng: Random, rests: str, wanted: Wanted) -> None:
        counter = world.shop.counter
        counter.pause(rests, paused=True)
        await world.clock.sleep(rng.choice([30.0, 600.0]))
        counter.pay(counter.page(wanted).id)
        await world.clock.sleep(rng.choice([60.0, 3600.0, 20 * 86400.0]))
        counter.pause(rests, paused=rng.random() < 0.2)
