"""Promotion codes: a shop's coupon off the first invoice or off all of them, down to nothing."""

from random import Random
from typing import TYPE_CHECKING

from tests.simulation.actions.action import think
from tests.simulation.actions.book import book_of
from tests.simulation.actions.shop_checkouts import PROFESSIONAL
from tests.simulation.actions.trials import TEAM
from tests.simulation.shop_counter import Wanted

if TYPE_CHECKING:
    from tests.simulation.world import World


class RedeemsACode:
    """Somebody pays less at a shop's page, or nothing."""

    name = "redeems a code"
    weight = 5.0

    async def run(self, world: "World", rng: Random) -> None:
        """Open a page with a coupon, perhaps with a trial besides, and pay what is left."""
        counter, books = world.shop.counter, world.shop.books
        name = book_of(world).somebody("person")
        customer = counter.customer(f"{name}@example.com", {"user_id": name}).id
        price = rng.choice([PROFESSIONAL, PROFESSIONAL, TEAM])
        page = counter.page(
            Wanted(
                ((price, 1),),
                customer=customer,
                trial_days=books.sold[price].trial_days,
                coupon=books.codes[rng.choice(list(books.codes))],
            )
        )
        await think(world, rng)
        counter.pay(page.id)
