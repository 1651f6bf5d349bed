"""Payments and the provisioner as far as subscription asks them, served over gRPC."""

import asyncio
from dataclasses import dataclass, field

from services.chassis.context import Context
from services.chassis.errors import InvalidArgument, NotFound
from services.chassis.facts import FactRecord
from services.chassis.ids import derived
from tollgate.common.v1 import facts_pb2
from tollgate.payments.v1 import payments_pb2, payments_service_pb2
from tollgate.payments.v1.payments_service_pb2_grpc import (
    PaymentsServiceServicer,
)
from tollgate.provisioner.v1 import provisioner_pb2, provisioner_service_pb2
from tollgate.provisioner.v1.provisioner_service_pb2_grpc import (
    ProvisionerServiceServicer,
)
from tollgate.subscription.v1 import events_pb2


@dataclass
class Provisioner:
    """What the provisioner was told."""

    facts: list[FactRecord] = field(default_factory=list)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def take(self, fact: FactRecord, source: str) -> None:
        assert source == "subscription"
        async with self.news:
            self.facts.append(fact)
            self.news.notify_all()

    async def orders(self, count: int) -> list[events_pb2.CapacityOrdered]:
        async with asyncio.timeout(20), self.news:
            await self.news.wait_for(lambda: len(self.facts) >= count)
        return [events_pb2.CapacityOrdered.FromString(fact.payload) for fact in self.facts]


class Payments(PaymentsServiceServicer):
    """Payments as far as subscription asks: pages that are open until a test pays them."""

    def __init__(self) -> None:
        self.pages: dict[str, payments_pb2.Checkout] = {}
        self.requests: dict[str, payments_service_pb2.CreateCheckoutRequest] = {}
        self.changes: list[payments_service_pb2.ChangeSubscriptionRequest] = []
        self.ends: list[payments_service_pb2.EndSubscriptionRequest] = []
        self.refunds: list[payments_service_pb2.RefundCheckoutRequest] = []
        self.given_back: list[payments_service_pb2.RefundSubscriptionRequest] = []
        self.refreshed: list[str] = []
        self.states: dict[str, facts_pb2.Fact] = {}
        """What a refresh shows of each subscription."""

    async def IngestEvents(self, request, context):  # type: ignore[no-untyped-def]  # noqa: N802
        raise InvalidArgument("not asked here")

    ListEvents = ReplayEvent = IngestEvents

    async def GetProvider(  # noqa: N802
        self, request: payments_service_pb2.GetProviderRequest, context: Context
    ) -> payments_service_pb2.GetProviderResponse:
        provider = payments_pb2.Provider(name="stripe", account="acct_1", checkout=True)
        return payments_service_pb2.GetProviderResponse(provider=provider)

    async def CreateCheckout(  # noqa: N802
        self, request: payments_service_pb2.CreateCheckoutRequest, context: Context
    ) -> payments_service_pb2.CreateCheckoutResponse:
        checkout_id = derived("cs", request.request_id)
        assert self.requests.setdefault(checkout_id, request) == request
        page = self.pages.setdefault(
            checkout_id,
            payments_pb2.Checkout(
                operation=derived("op", request.request_id),
                checkout_id=checkout_id,
                account=request.account,
                quote=request.quote,
                state=payments_pb2.Checkout.STATE_OPEN,
                url=f"https://pay.example/{checkout_id}",
                expire_time=request.expire_time,
                subtotal=request.subtotal,
            ),
        )
        return payments_service_pb2.CreateCheckoutResponse(checkout=page)

    async def GetCheckout(  # noqa: N802
        self, request: payments_service_pb2.GetCheckoutRequest, context: Context
    ) -> payments_service_pb2.GetCheckoutResponse:
        page = self.pages.get(request.checkout_id)
        if page is None or page.account != request.account:
            raise NotFound("there is no such page", reason="UNKNOWN_CHECKOUT")
        return payments_service_pb2.GetCheckoutResponse(checkout=page)

    async def CreatePortalSession(  # noqa: N802
        self, request: payments_service_pb2.CreatePortalSessionRequest, context: Context
    ) -> payments_service_pb2.CreatePortalSessionResponse:
        url = f"https://portal.example/{request.customer_id}"
        return payments_service_pb2.CreatePortalSessionResponse(url=url)

    async def ChangeSubscription(  # noqa: N802
        self, request: payments_service_pb2.ChangeSubscriptionRequest, context: Context
    ) -> payments_service_pb2.ChangeSubscriptionResponse:
        self.changes.append(request)
        return payments_service_pb2.ChangeSubscriptionResponse()

    async def EndSubscription(  # noqa: N802
        self, request: payments_service_pb2.EndSubscriptionRequest, context: Context
    ) -> payments_service_pb2.EndSubscriptionResponse:
        self.ends.append(request)
        return payments_service_pb2.EndSubscriptionResponse()

    async def RefundCheckout(  # noqa: N802
        self, request: payments_service_pb2.RefundCheckoutRequest, context: Context
    ) -> payments_service_pb2.RefundCheckoutResponse:
        self.refunds.append(request)
        return payments_service_pb2.RefundCheckoutResponse(refund_id="re_1")

    async def RefundSubscription(  # noqa: N802
        self, request: payments_service_pb2.RefundSubscriptionRequest, context: Context
    ) -> payments_service_pb2.RefundSubscriptionResponse:
        self.given_back.append(request)
        return payments_service_pb2.RefundSubscriptionResponse(refund_id="re_1")

    async def RefreshSubscription(  # noqa: N802
        self, request: payments_service_pb2.RefreshSubscriptionRequest, context: Context
    ) -> payments_service_pb2.RefreshSubscriptionResponse:
        self.refreshed.append(request.provider_subscription_id)
        state = self.states.get(request.provider_subscription_id)
        if state is None:
            raise NotFound("the provider shows none", reason="UNKNOWN_SUBSCRIPTION")
        return payments_service_pb2.RefreshSubscriptionResponse(fact=state)


class Quotas(ProvisionerServiceServicer):
    """The provisioner as far as subscription asks: what organizations use."""

    def __init__(self) -> None:
        self.used: dict[str, dict[str, str]] = {}

    async def SetCapacity(self, request, context):  # type: ignore[no-untyped-def]  # noqa: N802
        raise InvalidArgument("not asked here")

    GetTenant = ListTenants = SetCapacity
    GetProjectQuota = UpdateProjectQuota = DeleteProjectQuota = SetCapacity

    async def WatchTenants(self, request, context):  # type: ignore[no-untyped-def]  # noqa: N802
        raise InvalidArgument("not asked here")
        yield

    async def GetOrganizationQuota(  # noqa: N802
        self, request: provisioner_service_pb2.GetOrganizationQuotaRequest, context: Context
    ) -> provisioner_service_pb2.GetOrganizationQuotaResponse:
        used = self.used.get(request.organization)
        if used is None:
            raise NotFound("there is none", reason="ORGANIZATION_NOT_FOUND")
        quota = provisioner_pb2.OrganizationQuota(organization=request.organization, used=used)
        return provisioner_service_pb2.GetOrganizationQuotaResponse(quota=quota)
