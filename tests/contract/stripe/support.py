"""What the tests of the sandbox share: a receiver of webhooks, the official client, a payer."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import stripe
from aiohttp import web

from deploy.sandbox.stripe import SandboxStripe

SECRET = "whsec_first"
ROTATED = "whsec_second"
VISA = "4242 4242 4242 4242"
DECLINED = "4000000000000002"
AUTHENTICATES = "4000002500003155"


@dataclass(frozen=True, slots=True)
class Received:
    """One webhook as it came in."""

    body: bytes
    signature: str

    def event(self, secret: str = SECRET) -> stripe.Event:
        """The event, its signature checked by the official library."""
        event: stripe.Event = stripe.Webhook.construct_event(self.body, self.signature, secret)
        return event


@dataclass(slots=True)
class Receiver:
    """A webhook endpoint that remembers what it got; `statuses` answers the first ones."""

    url: str = ""
    got: list[Received] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    _arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def handle(self, request: web.Request) -> web.Response:
        """Take one webhook."""
        body = await request.read()
        async with self._arrived:
            self.got.append(Received(body, request.headers["Stripe-Signature"]))
            self._arrived.notify_all()
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200)

    async def until(self, holds: Callable[[], bool], timeout: float = 10.0) -> None:
        """Wait until `holds` is true, looking after each webhook."""
        async with asyncio.timeout(timeout), self._arrived:
            await self._arrived.wait_for(holds)

    def types(self) -> list[str]:
        """The types of the events, in the order they came."""
        return [received.event().type for received in self.got]


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A receiver on a free port."""
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/hook", receiver.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
        yield receiver
    finally:
        await runner.cleanup()


@asynccontextmanager
async def official(url: str, key: str) -> AsyncIterator[stripe.StripeClient]:
    """The official async client pointed at a sandbox, without retries of its own."""
    http = stripe.HTTPXClient(timeout=10)
    try:
        yield stripe.StripeClient(
            key, base_addresses={"api": url}, http_client=http, max_network_retries=0
        )
    finally:
        await http.close_async()  # type: ignore[no-untyped-call]  # the library has no type for it


def card(number: str = VISA, **changed: str) -> dict[str, str]:
    """The filled-in form of the hosted page."""
    form = {"number": number, "exp_month": "12", "exp_year": "34", "cvc": "123"}
    return form | {"email": "payer@example.com"} | changed


async def pay(url: str | None, number: str = VISA, **changed: str) -> httpx.Response:
    """Fill in the hosted page and send it; redirects are not followed."""
    assert url is not None
    async with httpx.AsyncClient() as browser:
        return await browser.post(url, data=card(number, **changed))


async def admin(sandbox: SandboxStripe, path: str, body: dict[str, Any]) -> httpx.Response:
    """A call of the sandbox's own API that must succeed."""
    async with httpx.AsyncClient() as http:
        answer = await http.post(f"{sandbox.url}/sandbox/{path}", json=body)
    assert answer.status_code == 200, answer.text
    return answer


async def subscribe(
    client: stripe.StripeClient, price: str, *, customer: str | None = None
) -> stripe.checkout.Session:
    """An open session for one of a recurring price."""
    params: stripe.params.checkout.SessionCreateParams = {
        "mode": "subscription",
        "line_items": [{"price": price, "quantity": 1}],
        "success_url": "https://shop.example/ok?session={CHECKOUT_SESSION_ID}",
        "cancel_url": "https://shop.example/back",
        "client_reference_id": "ref-1",
        "metadata": {"order": "o-1"},
        "subscription_data": {"metadata": {"operation": "op-1"}},
    }
    if customer is not None:
        params["customer"] = customer
    return await client.v1.checkout.sessions.create_async(params)


async def paid_subscription(client: stripe.StripeClient, price: str) -> stripe.Subscription:
    """A subscription that was just paid through the hosted page."""
    session = await subscribe(client, price)
    assert (await pay(session.url)).status_code == 303
    done = await client.v1.checkout.sessions.retrieve_async(session.id)
    assert isinstance(done.subscription, str)
    return await client.v1.subscriptions.retrieve_async(done.subscription)
