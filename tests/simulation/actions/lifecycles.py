"""What happens to subscriptions: ends, pauses, cards that fail, money that goes back."""

from random import Random
from typing import TYPE_CHECKING

from services.chassis.money import Money
from tests.simulation.actions.action import some
from tests.simulation.actions.book import book_of
from tests.simulation.shop_counter import Wanted
from tests.simulation.shop_rows import PaymentRow, RefundState

if TYPE_CHECKING:
    from tests.simulation.world import World

_DAY = 86400.0


class EndsAtTheProvider:
    """Somebody ends at the provider's portal: with the period, now, or not after all."""

    name = "ends at the provider"
    weight = 12.0

    async def run(self, world: "World", rng: Random) -> None:
        """End one, and perhaps take that back."""
        row = some(world, rng)
        if row is None:
            return
        if rng.random() < 0.5:
            world.shop.counter.end(row.id)
            return
        world.shop.counter.end_later(row.id, ends=True)
        if rng.random() < 0.4:
            await world.clock.sleep(rng.choice([0.1, 5.0, _DAY]))
            world.shop.counter.end_later(row.id, ends=False)


class CardFails:
    """A card on file is refused from now on; some pay up later, some never do."""

    name = "card fails"
    weight = 6.0

    async def run(self, world: "World", rng: Random) -> None:
        """Let renewals fail, and perhaps pay up."""
        row = some(world, rng)
        if row is None:
            return
        row.cancels_unpaid = rng.random() < 0.5
        world.shop.books.customers[row.customer].declines = True
        if rng.random() < 0.6:
            await world.clock.sleep(rng.uniform(20, 60) * _DAY)
            world.shop.counter.billing.pay_up(row)


class PausesAndGoesOn:
    """Collection is paused, and goes on some time later."""

    name = "pauses and goes on"
    weight = 4.0

    async def run(self, world: "World", rng: Random) -> None:
        """Pause one."""
        row = some(world, rng)
        if row is None:
            return
        world.shop.counter.pause(row.id, paused=True)
        await world.clock.sleep(rng.choice([0.3, 10.0, _DAY, 20 * _DAY]))
        world.shop.counter.pause(row.id, paused=False)


class Flutters:
    """Collection is paused and goes on several times within seconds: orders chase each other."""

    name = "flutters"
    weight = 6.0

    async def run(self, world: "World", rng: Random) -> None:
        """Pause one and let it go on, again and again."""
        row = some(world, rng)
        if row is None:
            return
        for _ in range(rng.choice([1, 2, 4])):
            world.shop.counter.pause(row.id, paused=True)
            await world.clock.sleep(rng.choice([0.1, 0.7, 3.0]))
            world.shop.counter.pause(row.id, paused=False)
            await world.clock.sleep(rng.choice([0.1, 0.7, 3.0]))


class Dithers:
    """Somebody has hardly paid when they pause it and let it go on, once or twice.

    What is told of it comes while the page itself is still being looked at.
    """

    name = "dithers"
    weight = 2.0

    async def run(self, world: "World", rng: Random) -> None:
        """Buy one and pause it within seconds; it goes on in the end."""
        counter = world.shop.counter
        name = book_of(world).somebody("person")
        customer = counter.customer(f"{name}@example.com", {"user_id": name}).id
        page = counter.page(Wanted((("price_sessions_professional", 1),), customer=customer))
        counter.pay(page.id)
        for number in range(rng.choice([2, 2, 4])):
            await world.clock.sleep(rng.uniform(0.1, 1.5))
            counter.pause(page.subscription, paused=number % 2 == 0)


class MoneyGoesBack:
    """An operator gives a payment back at the provider, or a part of it; it may not arrive."""

    name = "money goes back"
    weight = 4.0

    async def run(self, world: "World", rng: Random) -> None:
        """Refund one."""
        payment = _untouched(world, rng)
        if payment is None:
            return
        whole = payment.amount
        part = Money(whole.currency, whole.minor_units // rng.choice([1, 2, 3]))
        pending = rng.random() < 0.4
        state = RefundState.PENDING if pending else RefundState.SUCCEEDED
        refund = world.shop.counter.refund(payment.id, part, state=state)
        if not pending:
            return
        await world.clock.sleep(rng.choice([0.3, 60.0, 2 * _DAY]))
        world.shop.counter.refund_becomes(refund.id, RefundState.SUCCEEDED)
        if rng.random() < 0.5:
            await world.clock.sleep(rng.choice([0.3, 60.0, 2 * _DAY]))
            world.shop.counter.refund_becomes(refund.id, RefundState.FAILED)


class Disputed:
    """A payer asks the bank for the money, which decides some days later."""

    name = "disputed"
    weight = 2.0

    async def run(self, world: "World", rng: Random) -> None:
        """Dispute one."""
        payment = _untouched(world, rng)
        if payment is None:
            return
        dispute = world.shop.counter.dispute(payment.id)
        await world.clock.sleep(rng.choice([1.0, 5 * _DAY]))
        world.shop.counter.settle_dispute(dispute.id, won=rng.random() < 0.5)


def _untouched(world: "World", rng: Random) -> PaymentRow | None:
    found = [
        payment
        for payment in world.shop.books.payments.values()
        if not payment.refunds and not payment.disputes
    ]
    return rng.choice(found) if found else None
