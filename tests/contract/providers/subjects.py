"""The providers under the suite, each with what it takes to test it."""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx
import orjson

from deploy.sandbox.stripe import SandboxStripe, sign
from services.chassis.clock import SystemClock
from services.chassis.money import Money
from services.payments.domain import ObjectRef, RootKind
from services.payments.events import RawRequest
from services.payments.ports import Provider
from services.payments.providers.opening import open_provider
from services.payments.providers.stripe.settings import API_VERSION, StripeSettings
from services.payments.views import CheckoutView, CustomerView, Item, Projection
from tests.fakes.payments import MemoryProvider

SECRET = "whsec_contract"
PATH = "/webhooks/stripe"
CARD = {"number": "4242424242424242", "exp_month": "12", "exp_year": "40", "cvc": "123"}


@dataclass(frozen=True)
class Subject:
    """A provider and objects of it.

    ``signed`` is a request to believe, about ``paid``, a checkout that was paid. A provider that
    takes nothing in has none of them. ``away`` cannot reach its other side, ``locked_out`` has a
    key that is not accepted; None where there is no such thing.
    """

    provider: Provider
    signed: RawRequest | None = None
    paid: ObjectRef | None = None
    unpaid: ObjectRef | None = None
    away: Provider | None = None
    locked_out: Provider | None = None


@asynccontextmanager
async def no_subject() -> AsyncIterator[Subject]:
    """The provider that is on when none is."""
    yield Subject(open_provider(None, SystemClock()))


@asynccontextmanager
async def memory_subject() -> AsyncIterator[Subject]:
    """The fake that the other suites lean on."""
    paid = ObjectRef(RootKind.CHECKOUT, "cs_paid")
    unpaid = ObjectRef(RootKind.CHECKOUT, "cs_open")
    amount = Money("eur", 4900)
    view = CheckoutView(
        paid.id, True, CustomerView("cus_1"), (Item("price_1", 1, amount),), amount, amount
    )
    provider = MemoryProvider(
        objects={
            paid: Projection(paid, view),
            unpaid: Projection(unpaid, replace(view, id=unpaid.id, paid=False)),
        }
    )
    request = RawRequest("memory", "/hook", {"signed": "yes"}, b"evt_1 checkout.completed cs_paid")
    yield Subject(provider, request, paid, unpaid)


@asynccontextmanager
async def stripe_subject() -> AsyncIterator[Subject]:
    """Stripe's own library against the sandbox."""
    async with AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(SandboxStripe())
        http = await stack.enter_async_context(
            httpx.AsyncClient(base_url=sandbox.url, auth=(sandbox.secret_key, ""), timeout=10.0)
        )
        paid, unpaid = await _checkout(http), await _checkout(http)
        answer = await http.post(paid["url"], data={**CARD, "email": "ada@example.com"})
        assert answer.status_code in (200, 303), answer.text
        settings = StripeSettings(sandbox.secret_key, {PATH: (SECRET,)}, sandbox.url)
        opened = [
            open_provider(changed, SystemClock())
            for changed in (
                settings,
                replace(settings, api_base="http://127.0.0.1:1"),
                replace(settings, secret_key="sk_test_wrong"),
            )
        ]
        for provider in opened:
            stack.push_async_callback(provider.close)
        yield Subject(
            opened[0],
            _signed(paid["id"]),
            ObjectRef(RootKind.CHECKOUT, paid["id"]),
            ObjectRef(RootKind.CHECKOUT, unpaid["id"]),
            opened[1],
            opened[2],
        )


async def _checkout(http: httpx.AsyncClient) -> dict[str, Any]:
    product = await _make(http, "/v1/products", {"name": "Starter"})
    price = await _make(
        http,
        "/v1/prices",
        {"product": product["id"], "currency": "eur", "unit_amount": "4900"},
    )
    return await _make(
        http,
        "/v1/checkout/sessions",
        {"mode": "payment", "line_items[0][price]": price["id"], "line_items[0][quantity]": "1"},
    )


async def _make(http: httpx.AsyncClient, path: str, form: dict[str, str]) -> dict[str, Any]:
    answer = await http.post(path, data=form)
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


def _signed(session_id: str) -> RawRequest:
    now = int(time.time())
    body = orjson.dumps(
        {
            "id": "evt_1",
            "object": "event",
            "type": "checkout.session.completed",
            "api_version": API_VERSION,
            "created": now,
            "livemode": False,
            "data": {"object": {"id": session_id}},
        }
    )
    return RawRequest("stripe", PATH, {"stripe-signature": sign(body, SECRET, now)}, body)
