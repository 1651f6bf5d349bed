"""Calls to Stripe through its own async library, with short time-outs and few retries."""

from collections.abc import Awaitable, Sequence
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import quote

import aiohttp
import stripe

from services.chassis.errors import Refusal
from services.payments.errors import (
    KeyRefused,
    ObjectForbidden,
    ObjectOutOfReach,
    ObjectUnreadable,
    PaymentDeclined,
    ProviderFailed,
    ProviderRefused,
    ProviderUnreachable,
)
from services.payments.providers.stripe.reading import Node
from services.payments.providers.stripe.settings import API_VERSION, StripeSettings

T = TypeVar("T")

RETRIES = 2
_TIMEOUT = aiohttp.ClientTimeout(total=5.0, connect=2.0)
_PAGE = 100
_WITH_CHARGE = ["charge.customer", "payment_intent"]
_GONE = 404
_IN_USE = 409


class StripeApi:
    """The few calls by which payments reads; every failure is a refusal of ours."""

    def __init__(self, settings: StripeSettings) -> None:
        self._settings = settings
        self._client, self._http = open_client(settings)

    def use_key(self, secret_key: str) -> None:
        """Make every later call with another key, over the same connections."""
        self._client = client_of(replace(self._settings, secret_key=secret_key), self._http)

    async def account_id(self) -> str:
        """Return the id of the account that the key belongs to."""
        return Node(await self._get("/v1/account"), "account").needed("id")

    async def checkout(self, session_id: str) -> Node:
        """Fetch a session with all its items, its customer and its subscription's last invoice."""
        path = f"/v1/checkout/sessions/{quote(session_id, safe='')}"
        content = await self._get(
            path,
            expand=["line_items", "customer", "invoice", "subscription.latest_invoice.payments"],
        )
        if _has_more(content.get("line_items")):
            content["line_items"] = await self._get(f"{path}/line_items", limit=_PAGE)
        if isinstance(content.get("subscription"), dict):
            await self._complete(content["subscription"])
        return Node(content, session_id)

    async def invoice(self, invoice_id: str) -> Node:
        """Fetch an invoice with its customer and its payments."""
        expand = ["customer", "payments.data.payment.payment_intent"]
        return await self._one("invoices", invoice_id, expand)

    async def subscription(self, subscription_id: str) -> Node:
        """Fetch a subscription with all its items, its customer and its last invoice."""
        path = f"/v1/subscriptions/{quote(subscription_id, safe='')}"
        content = await self._get(path, expand=["customer", "latest_invoice.payments"])
        await self._complete(content)
        return Node(content, subscription_id)

    async def refund(self, refund_id: str) -> Node:
        """Fetch a refund with its charge, that one's customer, and its payment intent."""
        return await self._one("refunds", refund_id, _WITH_CHARGE)

    async def dispute(self, dispute_id: str) -> Node:
        """Fetch a dispute with its charge, that one's customer, and its payment intent."""
        return await self._one("disputes", dispute_id, _WITH_CHARGE)

    async def invoice_paid_by(self, payment_id: str) -> Node | None:
        """Find the invoice that a payment intent paid."""
        found = await self._get(
            "/v1/invoice_payments",
            payment={"type": "payment_intent", "payment_intent": payment_id},
            expand=["data.invoice"],
            limit=1,
        )
        for payment in Node(found, payment_id).values("data"):
            return payment.node("invoice")
        return None

    async def sessions_of(self, *, payment_id: str = "", subscription_id: str = "") -> list[Node]:
        """List the sessions that ended in a payment, or began a subscription."""
        by = (
            {"subscription": subscription_id} if subscription_id else {"payment_intent": payment_id}
        )
        found = await self._get("/v1/checkout/sessions", limit=_PAGE, **by)
        return list(Node(found, payment_id or subscription_id).values("data"))

    async def close(self) -> None:
        """Close connections."""
        await self._http.close_async()  # type: ignore[no-untyped-call]  # the library has no type for it

    async def _complete(self, subscription: dict[str, Any]) -> None:
        """Replace the items that came with a subscription by all of them, if there are more."""
        if _has_more(subscription.get("items")):
            subscription["items"] = await self._get(
                "/v1/subscription_items", subscription=subscription["id"], limit=_PAGE
            )

    async def _one(self, kind: str, name: str, expand: Sequence[str]) -> Node:
        content = await self._get(f"/v1/{kind}/{quote(name, safe='')}", expand=list(expand))
        return Node(content, name)

    async def _get(self, path: str, **params: object) -> dict[str, Any]:
        """Return an answer as it came: half of a fetch would go into the library's objects of it.

        The request is the library's all the same, with its version, retries and errors.
        """
        answer = await answered(self._client.raw_request_async("get", path, **params))
        content = answer.data
        if not isinstance(content, dict):
            raise ObjectUnreadable(f"{path} answers no object")
        return content


def _has_more(listed: object) -> bool:
    return isinstance(listed, dict) and bool(listed.get("has_more"))


def open_client(
    settings: StripeSettings, *, retries: int = RETRIES
) -> tuple[stripe.StripeClient, stripe.AIOHTTPClient]:
    """Return a client of the library in our API version, and what has to be closed at the end."""
    # A third of what the library's default client costs: that one looks for modules that are not
    # there at each request.
    http = stripe.AIOHTTPClient(timeout=_TIMEOUT)
    return client_of(settings, http, retries=retries), http


def client_of(
    settings: StripeSettings, http: stripe.AIOHTTPClient, *, retries: int = RETRIES
) -> stripe.StripeClient:
    """Return a client of the library over connections that are open already."""
    return stripe.StripeClient(
        settings.secret_key,
        stripe_version=API_VERSION,
        base_addresses={"api": settings.api_base},
        max_network_retries=retries,
        http_client=http,
    )


async def answered(call: Awaitable[T], *, writes: bool = False) -> T:
    """Return what a call returns; every error of the library becomes a refusal of ours.

    Of a call that ``writes``, a bad request is a refusal of what was asked for.
    """
    try:
        return await call
    except stripe.StripeError as error:
        raise (_write_refusal(error) or _refusal(error)) if writes else _refusal(error) from error
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        # An answer that breaks off is no error of the library's.
        raise ProviderUnreachable("Stripe's answer broke off.") from error


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
        case stripe.InvalidRequestError() if error.http_status == _GONE:
            return ObjectOutOfReach(f"Stripe shows no such object{code}.")
        case stripe.InvalidRequestError():
            return ObjectUnreadable(f"Stripe does not understand the request{code}.")
        case _ if error.http_status == _IN_USE:
            return ProviderUnreachable("Stripe still works on the same request.", retry_after=1.0)
        case _:
            return ProviderFailed(
                f"Stripe failed (HTTP {error.http_status}).", replayed=_is_replay(error)
            )


def _write_refusal(error: stripe.StripeError) -> Refusal | None:
    """Tell what an error means that only a call which writes can have; None for the others."""
    code = error.code or ""
    match error:
        case stripe.CardError():
            detail = error.error.decline_code if error.error is not None else None
            return PaymentDeclined(
                "The payment was declined.", metadata={"code": detail or code or "declined"}
            )
        case stripe.IdempotencyError():
            # The key was used with other parameters: its answer will never be ours.
            return ProviderFailed("Stripe knows the key for another request.", replayed=True)
        case stripe.InvalidRequestError() if error.http_status != _GONE:
            metadata = {"code": code, "param": error.param or ""}
            return ProviderRefused(
                f"Stripe refuses the request ({code or 'invalid'}).",
                metadata={name: value for name, value in metadata.items() if value},
            )
        case _:
            return None


def _is_replay(error: stripe.StripeError) -> bool:
    headers = error.headers or {}
    return any(
        name.lower() == "idempotent-replayed" and value == "true" for name, value in headers.items()
    )
