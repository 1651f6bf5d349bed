"""What the tests of payments share: intents, charges, what was told, and a moved clock."""

from typing import Any, cast

import httpx
import stripe

from deploy.sandbox.stripe import SandboxStripe
from tests.contract.stripe.support import admin

AMOUNT = 5000


async def paid(
    client: stripe.StripeClient, method: str = "pm_card_visa", **more: Any
) -> stripe.PaymentIntent:
    """An intent that was confirmed with a test card."""
    params: dict[str, Any] = {"amount": AMOUNT, "currency": "usd", "confirm": True}
    wanted = cast(
        "stripe.params.PaymentIntentCreateParams", params | more | {"payment_method": method}
    )
    return await client.v1.payment_intents.create_async(wanted)


async def charge_of(client: stripe.StripeClient, intent: stripe.PaymentIntent) -> stripe.Charge:
    """The latest charge of an intent."""
    assert isinstance(intent.latest_charge, str)
    return await client.v1.charges.retrieve_async(intent.latest_charge)


async def told(client: stripe.StripeClient, *, about: str = "*") -> list[str]:
    """The types of the events so far that fit a pattern, oldest first."""
    found = await client.v1.events.list_async({"limit": 100, "type": about})
    return [event.type for event in found.data[::-1]]


async def wait(sandbox: SandboxStripe, seconds: int = 2) -> None:
    """Let the sandbox's time go by, with all that falls due."""
    await admin(sandbox, "clock", {"advance": seconds})


async def post(url: str | None, **form: str) -> httpx.Response:
    """Send a form of a hosted page; redirects are not followed."""
    assert url is not None
    async with httpx.AsyncClient() as browser:
        return await browser.post(url, data=form)


async def page(url: str | None) -> httpx.Response:
    """Open a hosted page."""
    assert url is not None
    async with httpx.AsyncClient() as browser:
        return await browser.get(url)
