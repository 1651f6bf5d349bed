"""What the tests of time share: a customer on a test clock, a saved card, a clock moved on."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

import stripe

DAY = 86400
HOUR = 3600


def moment(text: str) -> int:
    """A time such as `2027-01-31` or `2027-01-31T10:00` in seconds since the epoch."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def shown(seconds: int) -> str:
    """The day of a time, such as `2027-01-31`."""
    return datetime.fromtimestamp(seconds, tz=UTC).date().isoformat()


@dataclass(frozen=True, slots=True)
class Timeline:
    """A customer on a test clock of their own."""

    client: stripe.StripeClient
    clock: str
    customer: str

    async def to(self, when: int) -> stripe.test_helpers.TestClock:
        """Move the clock and wait until it is there."""
        clocks = self.client.v1.test_helpers.test_clocks
        await clocks.advance_async(self.clock, {"frozen_time": when})
        return await self.arrived()

    async def arrived(self) -> stripe.test_helpers.TestClock:
        """The clock, when it stands again."""
        async with asyncio.timeout(20):
            while True:
                clocks = self.client.v1.test_helpers.test_clocks
                found = await clocks.retrieve_async(self.clock)
                if found.status == "ready":
                    return found
                await asyncio.sleep(0.005)

    async def card(self, alias: str = "pm_card_visa") -> str:
        """Save a test card as the customer's default; answers its id."""
        methods, customers = self.client.v1.payment_methods, self.client.v1.customers
        saved = await methods.attach_async(alias, {"customer": self.customer})
        settings: stripe.params.CustomerUpdateParams = {
            "invoice_settings": {"default_payment_method": saved.id}
        }
        await customers.update_async(self.customer, settings)
        return saved.id

    async def subscribe(
        self, price: str = "price_pro", quantity: int = 1, **more: Any
    ) -> stripe.Subscription:
        """A subscription of the customer to one price."""
        items = [{"price": price, "quantity": quantity}]
        params = cast(
            "stripe.params.SubscriptionCreateParams",
            {"customer": self.customer, "items": items, **more},
        )
        return await self.client.v1.subscriptions.create_async(params)

    async def subscription(self, name: str) -> stripe.Subscription:
        """A subscription as it is now."""
        return await self.client.v1.subscriptions.retrieve_async(name)

    async def invoices(self, subscription: str) -> list[stripe.Invoice]:
        """The invoices of a subscription, oldest first."""
        found = await self.client.v1.invoices.list_async({"subscription": subscription})
        return found.data[::-1]

    async def events(self) -> list[str]:
        """The types of all events so far, oldest first."""
        found = await self.client.v1.events.list_async({"limit": 100})
        return [event.type for event in found.data[::-1]]


async def timeline(client: stripe.StripeClient, start: str) -> Timeline:
    """A customer on a clock that stands at that time."""
    clock = await client.v1.test_helpers.test_clocks.create_async(
        {"frozen_time": moment(start), "name": "a test's"}
    )
    customer = await client.v1.customers.create_async(
        {"test_clock": clock.id, "email": "clocked@example.com"}
    )
    return Timeline(client, clock.id, customer.id)


async def funded(client: stripe.StripeClient, start: str = "2027-01-31") -> Timeline:
    """A customer on a clock, with a card that pays."""
    found = await timeline(client, start)
    await found.card()
    return found
