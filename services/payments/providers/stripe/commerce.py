"""Selling through Stripe: every call takes its turn first, and carries its idempotency key."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TypeVar, cast

import stripe
from stripe.params import (
    CustomerCreateParams,
    CustomerListParams,
    DisputeListParams,
    InvoiceListParams,
    InvoicePaymentListParams,
    RefundCreateParams,
    RefundListParams,
    SubscriptionUpdateParams,
)
from stripe.params.checkout import SessionCreateParams, SessionListParams

from services.chassis.money import Money
from services.payments.commerce import (
    BilledItem,
    Charge,
    EndMode,
    NewCheckout,
    NewCustomer,
    Page,
    Parameters,
    Refund,
    Settlement,
    Standing,
)
from services.payments.errors import (
    ObjectOutOfReach,
    ObjectUnreadable,
    PromotionCodeInvalid,
    ProviderRefused,
)
from services.payments.ports_commerce import Pace
from services.payments.providers.stripe import requests
from services.payments.providers.stripe.client import answered, client_of, open_client
from services.payments.providers.stripe.objects import marker_of
from services.payments.providers.stripe.pages import (
    Collected,
    disputed_of,
    payments_of,
    to_page,
    to_refund,
    to_standing,
)
from services.payments.providers.stripe.reading import Node
from services.payments.providers.stripe.reversals import took
from services.payments.providers.stripe.settings import StripeSettings
from services.payments.views import Marker

T = TypeVar("T")
P = TypeVar("P")
_PAGE = 100
# Operations are tried again by their worker, and somebody waits for the first answer.
_RETRIES = 1
_OVER = frozenset({"canceled", "incomplete_expired"})


class StripeCommerce:
    """Pages, customers, subscriptions and refunds at Stripe."""

    def __init__(self, settings: StripeSettings, pace: Pace) -> None:
        client, self._http = open_client(settings, retries=_RETRIES)
        self._settings = settings
        self._v1 = client.v1
        self._pace = pace

    def use_key(self, secret_key: str) -> None:
        """Make every later call with another key, over the same connections."""
        settings = replace(self._settings, secret_key=secret_key)
        self._v1 = client_of(settings, self._http, retries=_RETRIES).v1

    def customer_parameters(self, wanted: NewCustomer, marker: Marker) -> Parameters:
        """Say how to make a customer."""
        return cast("Parameters", requests.customer(wanted, marker))

    def checkout_parameters(
        self, wanted: NewCheckout, customer_id: str, promotion: str, marker: Marker
    ) -> Parameters:
        """Say how to make a session."""
        return cast("Parameters", requests.checkout(wanted, customer_id, promotion, marker))

    def change_parameters(
        self, standing: Standing, wanted: Sequence[BilledItem]
    ) -> Parameters | None:
        """Say how to bill for other items."""
        return cast("Parameters | None", requests.change(standing, wanted))

    def end_parameters(self, mode: EndMode) -> Parameters:
        """Say how to end, or go on."""
        return cast("Parameters", requests.end(mode))

    def refund_parameters(
        self, charge: Charge, marker: Marker, reason: str, *, further: bool = False
    ) -> Parameters:
        """Say how to give back what is left."""
        return cast("Parameters", requests.refund(charge, marker, reason, further=further))

    async def create_customer(self, key: str, parameters: Parameters) -> str:
        """POST /v1/customers."""
        params = cast("CustomerCreateParams", parameters)
        made = await self._write(
            "customer.create", lambda: self._v1.customers.create_async(params, _keyed(key))
        )
        return _node(made, "customer").needed("id")

    async def find_customer(self, marker: Marker, since: datetime) -> str | None:
        """Walk through the customers made since."""
        params: CustomerListParams = {"created": {"gte": int(since.timestamp())}, "limit": _PAGE}
        found = self._listed("customer.list", params, self._v1.customers.list_async)
        async for customer in found:
            if marker_of(customer.texts("metadata")) == marker:
                return customer.needed("id")
        return None

    async def customer_exists(self, customer_id: str) -> bool:
        """GET /v1/customers/:id; a deleted one is a stub."""
        try:
            found = await self._read(
                "customer", lambda: self._v1.customers.retrieve_async(customer_id)
            )
        except ObjectOutOfReach:
            return False
        return not _node(found, customer_id).flag("deleted")

    async def promotion(self, code: str) -> str:
        """Look a code up among those in force."""
        found = await self._read(
            "promotion_code.list",
            lambda: self._v1.promotion_codes.list_async({"code": code, "active": True, "limit": 1}),
        )
        for promotion in _node(found, "promotion_codes").values("data"):
            return promotion.needed("id")
        raise PromotionCodeInvalid("This promotion code is not valid.")

    async def create_checkout(self, key: str, parameters: Parameters) -> Page:
        """POST /v1/checkout/sessions."""
        params = cast("SessionCreateParams", parameters)
        made = await self._write(
            "checkout.create", lambda: self._v1.checkout.sessions.create_async(params, _keyed(key))
        )
        return to_page(_node(made, "session"))

    async def find_checkout(self, marker: Marker, customer_id: str, since: datetime) -> Page | None:
        """Walk through the customer's sessions made since."""
        params: SessionListParams = {
            "customer": customer_id,
            "created": {"gte": int(since.timestamp())},
            "limit": _PAGE,
        }
        found = self._listed("checkout.list", params, self._v1.checkout.sessions.list_async)
        async for session in found:
            if marker_of(session.texts("metadata")) == marker:
                return await self.fetch_checkout(session.needed("id"))
        return None

    async def fetch_checkout(self, checkout_id: str) -> Page:
        """GET /v1/checkout/sessions/:id."""
        return to_page(await self._session(checkout_id, ["line_items"]))

    async def expire_checkout(self, checkout_id: str) -> Page:
        """POST /v1/checkout/sessions/:id/expire, if it is open."""
        page = await self.fetch_checkout(checkout_id)
        if not page.url:
            return page
        try:
            await self._write(
                "checkout.expire", lambda: self._v1.checkout.sessions.expire_async(checkout_id)
            )
        except ProviderRefused:
            # It was completed, or its time was over, since it was looked at.
            seen = await self.fetch_checkout(checkout_id)
            if seen.url:
                raise
            return seen
        return await self.fetch_checkout(checkout_id)

    async def portal(self, customer_id: str, return_url: str) -> str:
        """POST /v1/billing_portal/sessions."""
        made = await self._write(
            "portal.create",
            lambda: self._v1.billing_portal.sessions.create_async(
                {"customer": customer_id, "return_url": return_url}
            ),
        )
        return _node(made, "portal").needed("url")

    async def standing(self, subscription_id: str) -> Standing:
        """GET /v1/subscriptions/:id."""
        found = await self._read(
            "subscription",
            lambda: self._v1.subscriptions.retrieve_async(
                subscription_id, {"expand": ["customer"]}
            ),
        )
        return to_standing(_node(found, subscription_id))

    async def change_subscription(
        self, key: str, subscription_id: str, parameters: Parameters
    ) -> None:
        """POST /v1/subscriptions/:id."""
        params = cast("SubscriptionUpdateParams", parameters)
        await self._write(
            "subscription.update",
            lambda: self._v1.subscriptions.update_async(subscription_id, params, _keyed(key)),
        )

    async def cancel_subscription(self, key: str, subscription_id: str) -> None:
        """DELETE /v1/subscriptions/:id; Stripe shows one that has ended to nobody who ends it.

        Its invoices stay as they are, and Stripe stops collecting those that are draft or open. A
        person may still pay one that is open: that is a payment like any other then.
        """
        try:
            await self._write(
                "subscription.cancel",
                lambda: self._v1.subscriptions.cancel_async(
                    subscription_id, {"prorate": False, "invoice_now": False}, _keyed(key)
                ),
            )
        except ObjectOutOfReach:
            if (await self.standing(subscription_id)).view.status.lower() not in _OVER:
                raise

    async def settlement(self, checkout_id: str) -> Settlement:
        """Join a session to the payments of its invoice, or to its own."""
        session = await self._session(checkout_id, ["line_items", "subscription"])
        subscription = session.node("subscription")
        invoice_id, intent = session.id_of("invoice"), session.id_of("payment_intent")
        payments = [intent] if intent else []
        if invoice_id:
            found = await self._read(
                "invoice",
                lambda: self._v1.invoices.retrieve_async(invoice_id, {"expand": ["payments"]}),
            )
            payments += [one.payment_id for one in await self._paid_by(_node(found, invoice_id))]
        return Settlement(
            checkout_id=checkout_id,
            charges=await self._charges(payments),
            subscription_id=session.id_of("subscription"),
            subscription_stands=subscription is not None
            and subscription.text("status") not in _OVER,
        )

    async def collected(self, subscription_id: str, since: datetime) -> Sequence[Charge]:
        """Walk through all invoices: one that is old may have been paid lately."""
        params: InvoiceListParams = {
            "subscription": subscription_id,
            "limit": _PAGE,
            "expand": ["data.payments"],
        }
        payments: list[str] = []
        async for invoice in self._listed("invoice.list", params, self._v1.invoices.list_async):
            for one in await self._paid_by(invoice):
                if one.time is None:
                    raise ObjectUnreadable(f"{invoice.path} does not say when it was paid")
                if one.time >= since:
                    payments.append(one.payment_id)
        return await self._charges(payments)

    async def _paid_by(self, invoice: Node) -> list[Collected]:
        """Return what an invoice with ``payments`` expanded was paid with."""
        listed = invoice.node("payments")
        if listed is None or not listed.flag("has_more"):
            return list(payments_of(invoice.nodes("payments")))
        params: InvoicePaymentListParams = {"invoice": invoice.needed("id"), "limit": _PAGE}
        found = self._listed("invoice_payment.list", params, self._v1.invoice_payments.list_async)
        return list(payments_of([payment async for payment in found]))

    async def _charges(self, payments: Sequence[str]) -> tuple[Charge, ...]:
        charges = [await self._charge(payment) for payment in dict.fromkeys(payments)]
        return tuple(charge for charge in charges if charge is not None)

    async def _charge(self, payment_id: str) -> Charge | None:
        """Return a payment and what of it is gone again; None if nothing was collected."""
        intent = _node(
            await self._read(
                "payment_intent", lambda: self._v1.payment_intents.retrieve_async(payment_id)
            ),
            payment_id,
        )
        paid = intent.money("amount_received", intent.text("currency"))
        if paid is None or not paid.minor_units:
            return None
        given = [refund async for refund in self._refunds(payment_id)]
        made = [refund for refund in map(to_refund, given) if not refund.failed]
        refunded = sum((refund.amount for refund in made), paid - paid)
        return Charge(
            payment_id,
            paid,
            refunded,
            made[0].id if made else "",
            await self._disputed(payment_id, paid),
        )

    async def _disputed(self, payment_id: str, paid: Money) -> Money | None:
        params: DisputeListParams = {"payment_intent": payment_id, "limit": _PAGE}
        found = self._listed("dispute.list", params, self._v1.disputes.list_async)
        taken = [disputed_of(dispute, paid) async for dispute in found if took(dispute)]
        return sum(taken[1:], taken[0]) if taken else None

    async def refund(self, key: str, parameters: Parameters) -> Refund:
        """POST /v1/refunds."""
        params = cast("RefundCreateParams", parameters)
        made = await self._write(
            "refund.create", lambda: self._v1.refunds.create_async(params, _keyed(key))
        )
        return to_refund(_node(made, "refund"))

    async def find_refund(self, payment_id: str, marker: Marker) -> Refund | None:
        """Walk through the refunds of a payment."""
        async for refund in self._refunds(payment_id):
            if requests.refunded_by(refund.texts("metadata"), marker):
                return to_refund(refund)
        return None

    async def close(self) -> None:
        """Close connections."""
        await self._http.close_async()  # type: ignore[no-untyped-call]  # the library has no type for it

    def _refunds(self, payment_id: str) -> AsyncIterator[Node]:
        params: RefundListParams = {"payment_intent": payment_id, "limit": _PAGE}
        return self._listed("refund.list", params, self._v1.refunds.list_async)

    async def _session(self, checkout_id: str, expand: list[str]) -> Node:
        found = await self._read(
            "checkout",
            lambda: self._v1.checkout.sessions.retrieve_async(checkout_id, {"expand": expand}),
        )
        return _node(found, checkout_id)

    async def _listed(
        self, endpoint: str, params: P, call: Callable[[P], Awaitable[stripe.StripeObject]]
    ) -> AsyncIterator[Node]:
        """Walk through a list, page by page."""
        wanted: dict[str, object] = dict(cast("dict[str, object]", params))
        while True:
            found = _node(await self._read(endpoint, partial(call, cast("P", wanted))), endpoint)
            items = list(found.values("data"))
            for item in items:
                yield item
            if not items or not found.flag("has_more"):
                return
            wanted["starting_after"] = items[-1].needed("id")

    async def _read(self, endpoint: str, call: Callable[[], Awaitable[T]]) -> T:
        await self._pace(endpoint)
        return await answered(call())

    async def _write(self, endpoint: str, call: Callable[[], Awaitable[T]]) -> T:
        await self._pace(endpoint)
        return await answered(call(), writes=True)


def _keyed(key: str) -> stripe.RequestOptions:
    return {"idempotency_key": key}


def _node(answer: stripe.StripeObject, path: str) -> Node:
    return Node(answer.to_dict(for_json=True), path)
