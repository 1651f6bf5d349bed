"""What a walk has with it: the official client, watched; a customer on a test clock; a price."""

import asyncio
import json
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Any

import stripe

from tests.contract.stripe.walk_shapes import Shapes

START = 1_800_000_000  # the test clock's time at first, in seconds


class WatchedClient(stripe.HTTPXClient):
    """The library's own HTTP client, which also remembers what was answered."""

    def __init__(self) -> None:
        super().__init__(timeout=20)
        self.shapes = Shapes()
        self.calls: list[str] = []

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """One call, its answer looked at."""
        body, status, answered = await super().request_async(method, url, headers, post_data)
        self.calls.append(f"{method.upper()} {url} {status}")
        if status == 200:
            self.shapes.look_at(json.loads(body))
        return body, status, answered


@dataclass(slots=True)
class Walk:
    """A walk under way. `wrong`: what did not come out as it should."""

    client: stripe.StripeClient
    clock: str
    customer: str
    price: str
    wrong: list[str] = field(default_factory=list)
    flow: str = ""

    def same(self, found: object, wanted: object) -> None:
        """Note if something is not as it should be."""
        if found != wanted:
            self.wrong.append(f"{self.flow}: {found!r} instead of {wanted!r}")

    async def refused(self, call: Awaitable[object]) -> None:
        """Note if a call is not refused."""
        try:
            await call
        except stripe.StripeError:
            return
        self.wrong.append(f"{self.flow}: a call that should be refused was not")

    async def later(self, seconds: int) -> None:
        """Let so many seconds go by on the customer's clock."""
        clocks = self.client.v1.test_helpers.test_clocks
        found = await clocks.retrieve_async(self.clock)
        found = await clocks.advance_async(self.clock, {"frozen_time": found.frozen_time + seconds})
        async with asyncio.timeout(30):
            while found.status != "ready":
                await asyncio.sleep(0.01)
                found = await clocks.retrieve_async(self.clock)

    async def charged(self, method: str, **more: Any) -> stripe.PaymentIntent:
        """An intent of the customer, confirmed with a test card."""
        params: Any = {
            "amount": 4000,
            "currency": "usd",
            "confirm": True,
            "customer": self.customer,
            "payment_method": method,
            **more,
        }
        return await self.client.v1.payment_intents.create_async(params)


async def begin(client: stripe.StripeClient) -> Walk:
    """A walk with a customer on a clock, who has a card, and a price that renews monthly."""
    clock = await client.v1.test_helpers.test_clocks.create_async({"frozen_time": START})
    customer = await client.v1.customers.create_async(
        {
            "test_clock": clock.id,
            "email": "walk@example.com",
            "payment_method": "pm_card_visa",
            "invoice_settings": {"default_payment_method": "pm_card_visa"},
        }
    )
    price = await client.v1.prices.create_async(
        {
            "currency": "usd",
            "unit_amount": 1500,
            "recurring": {"interval": "month"},
            "product_data": {"name": "Walk"},
        }
    )
    return Walk(client, clock.id, customer.id, price.id)
