"""The gateway of a simulated world: what it forwards, and who it lets act.

It keeps nothing, so it is never killed: a webhook that it drops is one that the shop sends again.
"""

import asyncio
from dataclasses import dataclass
from typing import Any

from gateway.clients.payments import GrpcPayments
from gateway.ports import IngestAnswer, Ingested, Webhook
from services.chassis.groupcommit import GroupCommit
from services.chassis.identity import Principal
from services.chassis.metadata import PRINCIPAL, principal_to_bytes
from services.payments.events import RawRequest
from tests.simulation.engine.network import SimNet
from tollgate.payments.v1.payments_service_pb2_grpc import PaymentsServiceStub
from tollgate.pricing.v1.pricing_service_pb2_grpc import PricingServiceStub
from tollgate.provisioner.v1.provisioner_service_pb2_grpc import ProvisionerServiceStub
from tollgate.subscription.v1.credit_service_pb2_grpc import CreditServiceStub
from tollgate.subscription.v1.subscription_service_pb2_grpc import SubscriptionServiceStub

GATEWAY = "gateway"


@dataclass(frozen=True, slots=True)
class Calls:
    """The public RPCs, as one person; what they raise are refusals."""

    pricing: PricingServiceStub
    subscription: SubscriptionServiceStub
    credits: CreditServiceStub
    payments: PaymentsServiceStub
    provisioner: ProvisionerServiceStub


class _Acting:
    """A channel that names the person on whose behalf the gateway calls."""

    def __init__(self, net: SimNet, target: str, principal: Principal) -> None:
        self._channel = net.channel(GATEWAY, target)
        self._who = ((PRINCIPAL, principal_to_bytes(principal)),)

    def unary_unary(self, *args: Any, **kwargs: Any) -> Any:
        """Return a callable for one method."""
        invoke = self._channel.unary_unary(*args, **kwargs)

        async def call(request: Any, *, timeout: float | None = None) -> Any:
            return await invoke(request, timeout=timeout, metadata=self._who)

        return call

    def unary_stream(self, *args: Any, **kwargs: Any) -> Any:
        """Return what refuses."""
        return self._channel.unary_stream(*args, **kwargs)


class Edge:
    """Forwards webhooks in batches and calls on behalf of people."""

    def __init__(self, net: SimNet) -> None:
        self._net = net
        channel: Any = net.channel(GATEWAY, "payments")
        self._batches: GroupCommit[Webhook, IngestAnswer] = GroupCommit(
            GrpcPayments(channel).ingest,
            key=lambda webhook: webhook.path,
            size=lambda webhook: len(webhook.body),
            max_batch=64,
        )

    async def run(self) -> None:
        """Forward what gathers, for ever."""
        await self._batches.run(asyncio.Event())

    async def deliver(self, raw: RawRequest) -> bool:
        """Take one webhook; True is the 200 that ends its deliveries. Raises refusals."""
        webhook = Webhook(raw.provider, raw.path, raw.headers, raw.body)
        answer = await self._batches.submit(webhook)
        return answer.outcome in (Ingested.STORED, Ingested.DUPLICATE)

    def calls(self, principal: Principal) -> Calls:
        """Return the public RPCs as this person."""

        def channel(target: str) -> Any:
            return _Acting(self._net, target, principal)

        return Calls(
            PricingServiceStub(channel("pricing")),
            SubscriptionServiceStub(channel("subscription")),
            CreditServiceStub(channel("subscription")),
            PaymentsServiceStub(channel("payments")),
            ProvisionerServiceStub(channel("provisioner")),
        )
