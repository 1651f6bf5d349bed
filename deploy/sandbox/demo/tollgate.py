"""Tollgate as a client sees it: gRPC with a bearer token, on the services' public listeners."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import grpc.aio

from tollgate.payments.v1 import payments_service_pb2
from tollgate.payments.v1.payments_service_pb2_grpc import PaymentsServiceStub
from tollgate.provisioner.v1 import provisioner_pb2, provisioner_service_pb2
from tollgate.provisioner.v1.provisioner_service_pb2_grpc import ProvisionerServiceStub
from tollgate.subscription.v1 import subscription_pb2, subscription_service_pb2
from tollgate.subscription.v1.subscription_service_pb2_grpc import SubscriptionServiceStub

Tenant = provisioner_pb2.Tenant


class Tollgate:
    """Asks as a platform admin."""

    def __init__(self, endpoints: dict[str, Any]) -> None:
        token = endpoints["tokens"]["platform-admin"]
        self._metadata = (("authorization", f"Bearer {token}"),)
        self._payments = grpc.aio.insecure_channel(endpoints["grpc"]["payments"])
        self._provisioner = grpc.aio.insecure_channel(endpoints["grpc"]["provisioner"])
        self._subscription = grpc.aio.insecure_channel(endpoints["grpc"]["subscription"])

    async def close(self) -> None:
        """Close the channels."""
        await self._payments.close()
        await self._provisioner.close()
        await self._subscription.close()

    async def account_of(self, provider_account: str, customer: str) -> str | None:
        """Return the account that a Stripe customer belongs to, if it has one yet."""
        binding = subscription_pb2.CustomerBinding(
            provider="stripe", provider_account=provider_account, customer_id=customer
        )
        request = subscription_service_pb2.ListAccountsRequest(customer=binding)
        stub = SubscriptionServiceStub(self._subscription)
        answer = await stub.ListAccounts(request, metadata=self._metadata, timeout=5)
        return answer.accounts[0].name if answer.accounts else None

    async def event_of(self, session: str) -> datetime | None:
        """Return when the event of a completed checkout session was received, if it was."""
        request = payments_service_pb2.ListEventsRequest(page_size=50)
        stub = PaymentsServiceStub(self._payments)
        answer = await stub.ListEvents(request, metadata=self._metadata, timeout=5)
        for event in answer.events:
            if event.object_id == session and event.type == "checkout.session.completed":
                received: datetime = event.receive_time.ToDatetime(tzinfo=UTC)
                return received
        return None

    async def refunds_due(self) -> int:
        """Return how many purchases are listed to be given back."""
        return len(await self._purchases(subscription_pb2.Purchase.STATUS_REFUND_DUE))

    async def parked_checkouts(self) -> list[str]:
        """Return the checkout sessions that were paid and wait for a person."""
        found = await self._purchases(subscription_pb2.Purchase.STATUS_PARKED)
        return [purchase.checkout_id for purchase in found]

    async def _purchases(
        self, status: subscription_pb2.Purchase.Status.ValueType
    ) -> list[subscription_pb2.Purchase]:
        request = subscription_service_pb2.ListPurchasesRequest(status=status, page_size=1000)
        stub = SubscriptionServiceStub(self._subscription)
        answer = await stub.ListPurchases(request, metadata=self._metadata, timeout=5)
        return list(answer.purchases)

    async def tenants(self, account: str) -> list[Tenant]:
        """Return the tenants of an account."""
        request = provisioner_service_pb2.ListTenantsRequest(account=account)
        stub = ProvisionerServiceStub(self._provisioner)
        answer = await stub.ListTenants(request, metadata=self._metadata, timeout=5)
        return list(answer.tenants)


async def until(question: Callable[[], Any], timeout: float, what: str, every: float = 0.02) -> Any:
    """Ask until the answer is neither None nor empty; TimeoutError names what never came.

    A service that is away is asked again: in this story it comes back by itself.
    """
    try:
        async with asyncio.timeout(timeout):
            while True:
                try:
                    answer = await question()
                except grpc.aio.AioRpcError as error:
                    if error.code() is not grpc.StatusCode.UNAVAILABLE:
                        raise
                    answer = None
                if answer:
                    return answer
                await asyncio.sleep(every)
    except TimeoutError:
        raise TimeoutError(f"waited {timeout:g} s for {what}") from None


def seconds_between(tenant: Tenant, moment: Any) -> float:
    """Return the seconds from the webhook behind a tenant to a later time."""
    later: datetime = moment.ToDatetime(tzinfo=UTC)
    received: datetime = tenant.receive_time.ToDatetime(tzinfo=UTC)
    return (later - received).total_seconds()
