"""Payments over gRPC."""

from collections.abc import Sequence
from datetime import datetime

import grpc.aio

from services.chassis.errors import Unavailable
from services.chassis.facts import FactRecord
from services.subscription.clients.values import money, time_of, to_money, to_timestamp
from services.subscription.ports import (
    BilledItem,
    EndMode,
    Page,
    PageOrder,
    PageState,
    Provider,
)
from tollgate.payments.v1 import payments_pb2
from tollgate.payments.v1 import payments_service_pb2 as pb
from tollgate.payments.v1.payments_service_pb2_grpc import PaymentsServiceStub

TIMEOUT = 20.0
"""Seconds for a call behind which the provider is asked, several times at worst."""

_STATES = {
    payments_pb2.Checkout.STATE_OPEN: PageState.OPEN,
    payments_pb2.Checkout.STATE_COMPLETE: PageState.COMPLETE,
    payments_pb2.Checkout.STATE_EXPIRED: PageState.EXPIRED,
}
_MODES = {
    EndMode.AT_PERIOD_END: pb.EndSubscriptionRequest.MODE_AT_PERIOD_END,
    EndMode.NOW: pb.EndSubscriptionRequest.MODE_NOW,
    EndMode.RESUME: pb.EndSubscriptionRequest.MODE_RESUME,
}


class GrpcPayments:
    """The port ``Payments`` over a channel of the chassis."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = PaymentsServiceStub(channel)

    async def get_provider(self) -> Provider:
        """Return the provider that is on."""
        provider = (await self._stub.GetProvider(pb.GetProviderRequest())).provider
        return Provider(provider.name, provider.account, provider.checkout)

    async def create_checkout(self, order: PageOrder) -> Page:
        """Have a page made, or get the open one that was made for the same."""
        request = pb.CreateCheckoutRequest(
            account=order.account,
            identity=order.identity,
            email=order.email,
            items=_items(order.items),
            recurring=order.recurring,
            quote=order.quote,
            subtotal=to_money(order.subtotal),
            expire_time=to_timestamp(order.expire_time),
            success_url=order.success_url,
            cancel_url=order.cancel_url,
            trial_days=order.trial_days,
            promotion_code=order.promotion_code,
            request_id=order.request_id,
            customer_id=order.customer_id,
        )
        answer = await self._stub.CreateCheckout(request, timeout=TIMEOUT)
        return _page(answer.checkout)

    async def get_checkout(self, account: str, checkout_id: str) -> Page:
        """Return a page of the account."""
        request = pb.GetCheckoutRequest(account=account, checkout_id=checkout_id)
        return _page((await self._stub.GetCheckout(request, timeout=TIMEOUT)).checkout)

    async def portal(self, account: str, return_url: str, customer_id: str) -> str:
        """Return a URL of the provider's portal."""
        request = pb.CreatePortalSessionRequest(
            account=account, return_url=return_url, customer_id=customer_id
        )
        return (await self._stub.CreatePortalSession(request, timeout=TIMEOUT)).url

    async def change(
        self,
        account: str,
        provider_subscription_id: str,
        items: Sequence[BilledItem],
        request_id: str,
        held: Sequence[BilledItem] = (),
    ) -> None:
        """Have a subscription billed for these items from now on, if it is for what is held."""
        request = pb.ChangeSubscriptionRequest(
            account=account,
            provider_subscription_id=provider_subscription_id,
            items=_items(items),
            request_id=request_id,
            held_items=_items(held),
        )
        await self._stub.ChangeSubscription(request, timeout=TIMEOUT)

    async def end(
        self, account: str, provider_subscription_id: str, mode: EndMode, request_id: str
    ) -> None:
        """End a subscription, or take a coming end back."""
        request = pb.EndSubscriptionRequest(
            account=account,
            provider_subscription_id=provider_subscription_id,
            mode=_MODES[mode],
            request_id=request_id,
        )
        await self._stub.EndSubscription(request, timeout=TIMEOUT)

    async def refund(self, checkout_id: str, reason: str, request_id: str) -> str:
        """Give back what a checkout was paid with; return the refund's id."""
        request = pb.RefundCheckoutRequest(
            checkout_id=checkout_id, reason=reason, request_id=request_id
        )
        return (await self._stub.RefundCheckout(request, timeout=TIMEOUT)).refund_id

    async def give_way(
        self,
        account: str,
        provider_subscription_id: str,
        paid_since: datetime,
        reason: str,
        request_id: str,
    ) -> str:
        """End a subscription and give back what was collected since a time; the refund's id."""
        request = pb.RefundSubscriptionRequest(
            account=account,
            provider_subscription_id=provider_subscription_id,
            paid_since=to_timestamp(paid_since),
            reason=reason,
            request_id=request_id,
        )
        return (await self._stub.RefundSubscription(request, timeout=TIMEOUT)).refund_id

    async def refresh(self, provider_subscription_id: str) -> FactRecord:
        """Have a subscription fetched now, and return the state fact of it."""
        request = pb.RefreshSubscriptionRequest(provider_subscription_id=provider_subscription_id)
        fact = (await self._stub.RefreshSubscription(request, timeout=TIMEOUT)).fact
        return FactRecord(
            id=fact.id,
            key=fact.key,
            revision=fact.revision,
            type=fact.type,
            payload=fact.payload,
            traceparent=fact.traceparent,
        )


def _items(items: Sequence[BilledItem]) -> list[payments_pb2.BilledItem]:
    return [
        payments_pb2.BilledItem(price_id=item.price_id, quantity=item.quantity) for item in items
    ]


def _page(checkout: payments_pb2.Checkout) -> Page:
    state = _STATES.get(checkout.state)
    if state is None:
        raise Unavailable("Payments tells of a payment page in a state that is not known here.")
    return Page(
        operation=checkout.operation,
        checkout_id=checkout.checkout_id,
        account=checkout.account,
        quote=checkout.quote,
        state=state,
        paid=checkout.paid,
        url=checkout.url,
        expire_time=time_of(checkout, "expire_time"),
        provider_subscription_id=checkout.provider_subscription_id,
        subtotal=money(checkout.subtotal) if checkout.HasField("subtotal") else None,
    )
