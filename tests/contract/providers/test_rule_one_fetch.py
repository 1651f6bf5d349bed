"""A purchase is fetched by its root: one request shows session, subscription and invoice."""

from typing import Any

import httpx

from deploy.sandbox.stripe import SandboxStripe
from services.chassis.clock import SystemClock
from services.payments.domain import ObjectRef, RootKind
from services.payments.providers.opening import open_provider
from services.payments.providers.stripe.settings import StripeSettings
from tests.contract.providers.subjects import CARD, PATH, SECRET


async def _made(http: httpx.AsyncClient, path: str, form: dict[str, str]) -> dict[str, Any]:
    answer = await http.post(path, data=form)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def _subscribed(http: httpx.AsyncClient) -> str:
    """Pay a checkout for one of a monthly price; return the session's id."""
    product = await _made(http, "/v1/products", {"name": "Starter"})
    price = await _made(
        http,
        "/v1/prices",
        {
            "product": product["id"],
            "currency": "eur",
            "unit_amount": "4900",
            "recurring[interval]": "month",
        },
    )
    session = await _made(
        http,
        "/v1/checkout/sessions",
        {
            "mode": "subscription",
            "line_items[0][price]": price["id"],
            "line_items[0][quantity]": "1",
        },
    )
    paid = await http.post(session["url"], data={**CARD, "email": "ada@example.com"})
    assert paid.status_code in (200, 303), paid.text
    found: str = session["id"]
    return found


async def test_one_fetch_of_a_checkout_shows_its_subscription_and_the_invoice_that_was_paid() -> (
    None
):
    async with (
        SandboxStripe() as sandbox,
        httpx.AsyncClient(base_url=sandbox.url, auth=(sandbox.secret_key, "")) as http,
    ):
        root = ObjectRef(RootKind.CHECKOUT, await _subscribed(http))
        settings = StripeSettings(sandbox.secret_key, {PATH: (SECRET,)}, sandbox.url)
        provider = open_provider(settings, SystemClock())
        try:
            shown = await provider.fold(root)
        finally:
            await provider.close()
    assert shown.checkout is not None
    assert shown.subscription is not None
    assert shown.subscription.id == shown.checkout.subscription_id
    (invoice,) = shown.invoices
    assert (invoice.paid, invoice.amount_paid.minor_units) == (True, 4900)
    assert invoice.subscription_id == shown.subscription.id
