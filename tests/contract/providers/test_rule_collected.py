"""What Stripe collected for a subscription: all pages of it, and no more once it has ended."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from deploy.sandbox.stripe import SandboxStripe, expand
from services.payments.ports import Commerce
from services.payments.providers.opening import open_commerce
from services.payments.providers.stripe import commerce as adapter
from services.payments.providers.stripe.settings import StripeSettings
from tests.contract.providers.sellers import MONTH, pass_time
from tests.contract.providers.subjects import CARD

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
DRAFT = timedelta(minutes=10)
"""A renewal's invoice is a draft for an hour."""


@dataclass
class Shop:
    """A subscription at the sandbox, and what asks for its money."""

    http: httpx.AsyncClient
    commerce: Commerce
    subscription: str
    asked: list[str]

    async def get(self, path: str) -> dict[str, Any]:
        answer = await self.http.get(path)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def invoices(self) -> list[str]:
        """The states of its invoices, newest first."""
        found = await self.get(f"/v1/invoices?subscription={self.subscription}")
        return [invoice["status"] for invoice in found["data"]]


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    asked: list[str] = []

    async def pace(endpoint: str) -> None:
        asked.append(endpoint)

    async with (
        SandboxStripe() as sandbox,
        httpx.AsyncClient(base_url=sandbox.url, auth=(sandbox.secret_key, "")) as http,
    ):
        commerce = open_commerce(StripeSettings(sandbox.secret_key, {}, sandbox.url), pace)
        yield Shop(http, commerce, await _subscribed(http), asked)
        await commerce.close()


async def _made(http: httpx.AsyncClient, path: str, form: dict[str, str]) -> dict[str, Any]:
    answer = await http.post(path, data=form)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def _subscribed(http: httpx.AsyncClient) -> str:
    product = await _made(http, "/v1/products", {"name": "Starter"})
    price = {"product": product["id"], "currency": "eur", "unit_amount": "4900"}
    made = await _made(http, "/v1/prices", {**price, "recurring[interval]": "month"})
    items = {"line_items[0][price]": made["id"], "line_items[0][quantity]": "1"}
    session = await _made(http, "/v1/checkout/sessions", {"mode": "subscription", **items})
    paid = await http.post(session["url"], data={**CARD, "email": "ada@example.com"})
    assert paid.status_code in (200, 303), paid.text
    found = await http.get(f"/v1/checkout/sessions/{session['id']}")
    name: str = found.json()["subscription"]
    return name


async def test_all_pages_of_invoices_are_walked_through(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "_PAGE", 1)
    for _ in range(2):
        await pass_time(shop.http, MONTH)
    found = await shop.commerce.collected(shop.subscription, LONG_AGO)
    assert len({charge.payment_id for charge in found}) == 3
    assert shop.asked.count("invoice.list") == 3


async def test_payments_that_came_with_no_invoice_are_listed(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = await shop.commerce.collected(shop.subscription, LONG_AGO)
    assert "invoice_payment.list" not in shop.asked
    monkeypatch.setattr(expand, "EMBEDDED_LIMIT", 0)
    assert await shop.commerce.collected(shop.subscription, LONG_AGO) == whole
    assert len(whole) == 1
    assert "invoice_payment.list" in shop.asked


async def test_an_invoice_that_waits_when_its_subscription_is_ended_is_never_collected(
    shop: Shop,
) -> None:
    standing = await shop.commerce.standing(shop.subscription)
    assert standing.view.period_end is not None
    await pass_time(shop.http, standing.view.period_end - datetime.now(UTC) + DRAFT)
    assert await shop.invoices() == ["draft", "paid"]
    await shop.commerce.cancel_subscription("k1", shop.subscription)
    await pass_time(shop.http, MONTH)
    assert await shop.invoices() == ["draft", "paid"]
    assert len(await shop.commerce.collected(shop.subscription, LONG_AGO)) == 1
