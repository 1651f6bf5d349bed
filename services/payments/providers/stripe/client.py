"""Calls to Stripe through its own async library, with short time-outs and few retries."""

from collections.abc import Awaitable
from typing import TypeVar, cast

import httpx
import stripe

from services.chassis.errors import Refusal
from services.payments.errors import (
    KeyRefused,
    ObjectForbidden,
    ObjectOutOfReach,
    ObjectUnreadable,
    ProviderUnreachable,
)
from services.payments.providers.stripe.reading import Node
from services.payments.providers.stripe.settings import API_VERSION, StripeSettings

T = TypeVar("T")

RETRIES = 2
_TIMEOUT = httpx.Timeout(5.0, connect=2.0)
_PAGE = 100


class StripeApi:
    """The few calls that payments makes; every failure is a refusal of ours."""

    def __init__(self, settings: StripeSettings) -> None:
        self._http = stripe.HTTPXClient(timeout=_TIMEOUT)
        self._client = stripe.StripeClient(
            settings.secret_key,
            stripe_version=API_VERSION,
            base_addresses={"api": settings.api_base},
            max_network_retries=RETRIES,
            http_client=self._http,
        )

    async def account_id(self) -> str:
        """Return the id of the account that the key belongs to."""
        account = await _answer(self._client.v1.accounts.retrieve_current_async())
        return _node(account, "account").needed("id")

    async def checkout(self, session_id: str) -> Node:
        """Fetch a session with all its items, its customer and its subscription's last invoice."""
        session = await _answer(
            self._client.v1.checkout.sessions.retrieve_async(
                session_id,
                {
                    "expand": [
                        "line_items",
                        "customer",
                        "invoice",
                        "subscription.latest_invoice.payments",
                    ]
                },
            )
        )
        more = session.line_items is not None and session.line_items.has_more
        content = session.to_dict(for_json=True)
        if more:
            content["line_items"] = await self._all_line_items(session_id)
        if isinstance(content.get("subscription"), dict):
            await self._complete(content["subscription"])
        return Node(content, session_id)

    async def invoice(self, invoice_id: str) -> Node:
        """Fetch an invoice with its customer and its payments."""
        invoice = await _answer(
            self._client.v1.invoices.retrieve_async(
                invoice_id, {"expand": ["customer", "payments.data.payment.payment_intent"]}
            )
        )
        return _node(invoice, invoice_id)

    async def subscription(self, subscription_id: str) -> Node:
        """Fetch a subscription with all its items, its customer and its last invoice."""
        subscription = await _answer(
            self._client.v1.subscriptions.retrieve_async(
                subscription_id, {"expand": ["customer", "latest_invoice.payments"]}
            )
        )
        content = subscription.to_dict(for_json=True)
        await self._complete(content)
        return Node(content, subscription_id)

    async def close(self) -> None:
        """Close connections."""
        await self._http.close_async()  # type: ignore[no-untyped-call]  # the library has no type for it

    async def _complete(self, subscription: dict[str, object]) -> None:
        """Replace the items that came with a subscription by all of them, if there are more."""
        items = subscription.get("items")
        if not isinstance(items, dict) or not items.get("has_more"):
            return
        subscription_id = cast("str", subscription["id"])
        found = await _answer(
            self._client.v1.subscription_items.list_async(
                {"subscription": subscription_id, "limit": _PAGE}
            )
        )
        subscription["items"] = found.to_dict(for_json=True)

    async def _all_line_items(self, session_id: str) -> dict[str, object]:
        found = await _answer(
            self._client.v1.checkout.sessions.line_items.list_async(session_id, {"limit": _PAGE})
        )
        return found.to_dict(for_json=True)


def _node(answer: stripe.StripeObject, path: str) -> Node:
    return Node(answer.to_dict(for_json=True), path)


async def _answer(call: Awaitable[T]) -> T:
    try:
        return await call
    except stripe.StripeError as error:
        raise _refusal(error) from error


def _refusal(error: stripe.StripeError) -> Refusal:
    """Tell by type and status what an error means. Its text may quote what we sent: it stays."""
    code = f" ({error.code})" if error.code else ""
    match error:
        case stripe.AuthenticationError():
            return KeyRefused(f"Stripe does not accept the key{code}.")
        case stripe.PermissionError():
            return ObjectForbidden(f"Stripe does not let the key see this{code}.")
        case stripe.RateLimitError():
            return ProviderUnreachable("Stripe asks for a slower pace.", retry_after=1.0)
        case stripe.APIConnectionError():
            return ProviderUnreachable("Stripe cannot be reached.")
        case stripe.InvalidRequestError() if error.http_status == 404:
            return ObjectOutOfReach(f"Stripe shows no such object{code}.")
        case stripe.InvalidRequestError():
            return ObjectUnreadable(f"Stripe does not understand the request{code}.")
        case _:
            return ProviderUnreachable(f"Stripe failed (HTTP {error.http_status}).")
