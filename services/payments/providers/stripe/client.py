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
    PaymentDeclined,
    ProviderFailed,
    ProviderRefused,
    ProviderUnreachable,
)
from services.payments.providers.stripe.reading import Node
from services.payments.providers.stripe.settings import API_VERSION, StripeSettings

T = TypeVar("T")

RETRIES = 2
_TIMEOUT = httpx.Timeout(5.0, connect=2.0)
_PAGE = 100
_WITH_CHARGE = ["charge.customer", "payment_intent"]
_GONE = 404
_IN_USE = 409


class StripeApi:
    """The few calls by which payments reads; every failure is a refusal of ours."""

    def __init__(self, settings: StripeSettings) -> None:
        self._client, self._http = open_client(settings)

    async def account_id(self) -> str:
        """Return the id of the account that the key belongs to."""
        account = await answered(self._client.v1.accounts.retrieve_current_async())
        return _node(account, "account").needed("id")

    async def checkout(self, session_id: str) -> Node:
        """Fetch a session with all its items, its customer and its subscription's last invoice."""
        session = await answered(
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
        invoice = await answered(
            self._client.v1.invoices.retrieve_async(
                invoice_id, {"expand": ["customer", "payments.data.payment.payment_intent"]}
            )
        )
        return _node(invoice, invoice_id)

    async def subscription(self, subscription_id: str) -> Node:
        """Fetch a subscription with all its items, its customer and its last invoice."""
        subscription = await answered(
            self._client.v1.subscriptions.retrieve_async(
                subscription_id, {"expand": ["customer", "latest_invoice.payments"]}
            )
        )
        content = subscription.to_dict(for_json=True)
        await self._complete(content)
        return Node(content, subscription_id)

    async def refund(self, refund_id: str) -> Node:
        """Fetch a refund with its charge, that one's customer, and its payment intent."""
        refund = await answered(
            self._client.v1.refunds.retrieve_async(refund_id, {"expand": _WITH_CHARGE})
        )
        return _node(refund, refund_id)

    async def dispute(self, dispute_id: str) -> Node:
        """Fetch a dispute with its charge, that one's customer, and its payment intent."""
        dispute = await answered(
            self._client.v1.disputes.retrieve_async(dispute_id, {"expand": _WITH_CHARGE})
        )
        return _node(dispute, dispute_id)

    async def invoice_paid_by(self, payment_id: str) -> Node | None:
        """Find the invoice that a payment intent paid."""
        found = await answered(
            self._client.v1.invoice_payments.list_async(
                {
                    "payment": {"type": "payment_intent", "payment_intent": payment_id},
                    "expand": ["data.invoice"],
                    "limit": 1,
                }
            )
        )
        for payment in _node(found, payment_id).values("data"):
            return payment.node("invoice")
        return None

    async def sessions_of(self, *, payment_id: str = "", subscription_id: str = "") -> list[Node]:
        """List the sessions that ended in a payment, or began a subscription."""
        found = await answered(
            self._client.v1.checkout.sessions.list_async(
                {"subscription": subscription_id, "limit": _PAGE}
                if subscription_id
                else {"payment_intent": payment_id, "limit": _PAGE}
            )
        )
        return list(_node(found, payment_id or subscription_id).values("data"))

    async def close(self) -> None:
        """Close connections."""
        await self._http.close_async()  # type: ignore[no-untyped-call]  # the library has no type for it

    async def _complete(self, subscription: dict[str, object]) -> None:
        """Replace the items that came with a subscription by all of them, if there are more."""
        items = subscription.get("items")
        if not isinstance(items, dict) or not items.get("has_more"):
            return
        subscription_id = cast("str", subscription["id"])
        found = await answered(
            self._client.v1.subscription_items.list_async(
                {"subscription": subscription_id, "limit": _PAGE}
            )
        )
        subscription["items"] = found.to_dict(for_json=True)

    async def _all_line_items(self, session_id: str) -> dict[str, object]:
        found = await answered(
            self._client.v1.checkout.sessions.line_items.list_async(session_id, {"limit": _PAGE})
        )
        return found.to_dict(for_json=True)


def _node(answer: stripe.StripeObject, path: str) -> Node:
    return Node(answer.to_dict(for_json=True), path)


def open_client(
    settings: StripeSettings, *, retries: int = RETRIES
) -> tuple[stripe.StripeClient, stripe.HTTPXClient]:
    """Return a client of the library in our API version, and what has to be closed at the end."""
    http = stripe.HTTPXClient(timeout=_TIMEOUT)
    client = stripe.StripeClient(
        settings.secret_key,
        stripe_version=API_VERSION,
        base_addresses={"api": settings.api_base},
        max_network_retries=retries,
        http_client=http,
    )
    return client, http


async def answered(call: Awaitable[T], *, writes: bool = False) -> T:
    """Return what a call returns; every error of the library becomes a refusal of ours.

    Of a call that ``writes``, a bad request is a refusal of what was asked for.
    """
    try:
        return await call
    except stripe.StripeError as error:
        raise (_write_refusal(error) or _refusal(error)) if writes else _refusal(error) from error


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
