"""What sells, under its suite, each with prices and a way to pay."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from deploy.sandbox.stripe import SandboxStripe
from services.payments.commerce import Page
from services.payments.ports import Commerce
from services.payments.providers.opening import open_commerce
from services.payments.providers.stripe.settings import StripeSettings
from tests.contract.providers.subjects import CARD
from tests.fakes.payments_commerce import MemoryCommerce

MONTH = timedelta(days=32)
DISPUTED = "4000000000000259"
"""A card whose holder asks the bank for the money at once."""


@dataclass(frozen=True)
class Seller:
    """A provider to sell through. ``small`` costs 49 euro a month, ``large`` 99.

    ``pay_and_dispute`` pays, and has the bank take the money back. ``pass_month`` lets 32 days
    pass, and what renews within them renew.
    """

    commerce: Commerce
    small: str
    large: str
    pay: Callable[[Page], Awaitable[None]]
    pay_and_dispute: Callable[[Page], Awaitable[None]]
    pass_month: Callable[[], Awaitable[None]]


@asynccontextmanager
async def memory_seller() -> AsyncIterator[Seller]:
    """The fake that the other suites lean on."""
    commerce = MemoryCommerce()

    async def pay(page: Page) -> None:
        commerce.pay(page.id)

    async def pay_and_dispute(page: Page) -> None:
        commerce.pay(page.id)
        commerce.dispute(page.id)

    async def pass_month() -> None:
        later = datetime.now(UTC) + MONTH
        commerce.now = lambda: later
        for name in commerce.subscriptions:
            commerce.renew(name)

    yield Seller(commerce, "price_1", "price_2", pay, pay_and_dispute, pass_month)


@asynccontextmanager
async def stripe_seller() -> AsyncIterator[Seller]:
    """Stripe's own library against the sandbox."""
    async with AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(SandboxStripe())
        http = await stack.enter_async_context(
            httpx.AsyncClient(base_url=sandbox.url, auth=(sandbox.secret_key, ""), timeout=10.0)
        )
        commerce = open_commerce(StripeSettings(sandbox.secret_key, {}, sandbox.url), _at_once)
        stack.push_async_callback(commerce.close)

        async def pay_with(page: Page, card: Mapping[str, str]) -> None:
            answer = await http.post(page.url, data={**card, "email": "ada@example.com"})
            assert answer.status_code in (200, 303), answer.text

        async def pay(page: Page) -> None:
            await pay_with(page, CARD)

        async def pay_and_dispute(page: Page) -> None:
            await pay_with(page, {**CARD, "number": DISPUTED})

        async def pass_month() -> None:
            await pass_time(http, MONTH)

        small, large = await _price(http, 4900), await _price(http, 9900)
        yield Seller(commerce, small, large, pay, pay_and_dispute, pass_month)


async def pass_time(http: httpx.AsyncClient, span: timedelta) -> None:
    """Let time pass in the sandbox, with all that falls due."""
    answer = await http.post("/sandbox/clock", json={"advance": int(span.total_seconds())})
    assert answer.status_code == 200, answer.text


async def _at_once(_endpoint: str) -> None:
    """Nobody else asks."""


async def _price(http: httpx.AsyncClient, amount: int) -> str:
    product = await _make(http, "/v1/products", {"name": "Starter"})
    form = {
        "product": product["id"],
        "currency": "eur",
        "unit_amount": str(amount),
        "recurring[interval]": "month",
    }
    made: str = (await _make(http, "/v1/prices", form))["id"]
    return made


async def _make(http: httpx.AsyncClient, path: str, form: dict[str, str]) -> dict[str, Any]:
    answer = await http.post(path, data=form)
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made
