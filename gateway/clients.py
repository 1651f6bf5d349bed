"""The services over gRPC, behind the gateway's ports."""

from collections.abc import Mapping, Sequence

import grpc.aio
from google.protobuf.message import Message

from gateway.ports import IngestAnswer, Ingested, Offer, Provider, Webhook
from services.chassis.money import Money
from tollgate.payments.v1 import payments_pb2, payments_service_pb2
from tollgate.payments.v1.payments_service_pb2_grpc import PaymentsServiceStub
from tollgate.pricing.v1 import pricing_pb2, pricing_service_pb2
from tollgate.pricing.v1.pricing_service_pb2_grpc import PricingServiceStub

_OUTCOMES: Mapping[int, Ingested] = {
    payments_pb2.IngestResult.OUTCOME_STORED: Ingested.STORED,
    payments_pb2.IngestResult.OUTCOME_DUPLICATE: Ingested.DUPLICATE,
    payments_pb2.IngestResult.OUTCOME_REFUSED: Ingested.REFUSED,
    payments_pb2.IngestResult.OUTCOME_TOO_LARGE: Ingested.TOO_LARGE,
    payments_pb2.IngestResult.OUTCOME_NO_PROVIDER: Ingested.NO_PROVIDER,
    payments_pb2.IngestResult.OUTCOME_UNAVAILABLE: Ingested.UNAVAILABLE,
}
_PAGE = 1000


class GrpcPayments:
    """The payments service."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = PaymentsServiceStub(channel)

    async def ingest(self, webhooks: Sequence[Webhook]) -> Sequence[IngestAnswer]:
        """Hand over webhook requests; an answer for each, in their order."""
        events = [
            payments_pb2.RawEvent(
                provider=webhook.provider,
                path=webhook.path,
                headers=webhook.headers,
                body=webhook.body,
            )
            for webhook in webhooks
        ]
        request = payments_service_pb2.IngestEventsRequest(events=events)
        answer = await self._stub.IngestEvents(request)
        # An outcome that a newer version of payments knows is no receipt here.
        return [
            IngestAnswer(_OUTCOMES.get(result.outcome, Ingested.UNAVAILABLE), result.reason)
            for result in answer.results
        ]

    async def provider(self) -> Provider:
        """Return the payment provider that is on."""
        answer = await self._stub.GetProvider(payments_service_pb2.GetProviderRequest())
        provider = answer.provider
        return Provider(
            name=provider.name,
            checkout=provider.checkout,
            portal=provider.portal,
            webhooks=provider.webhooks,
            addons=provider.addons,
        )


class GrpcPricing:
    """The pricing service."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = PricingServiceStub(channel)

    async def plans(self, catalog: str) -> Sequence[Offer]:
        """Return the plans that a catalog offers."""
        found: list[Offer] = []
        token = ""
        while True:
            request = pricing_service_pb2.ListPlansRequest(
                catalog=catalog, page_size=_PAGE, page_token=token
            )
            answer = await self._stub.ListPlans(request)
            found += [_plan(plan) for plan in answer.plans]
            token = answer.next_page_token
            if not token:
                return found

    async def addons(self, catalog: str) -> Sequence[Offer]:
        """Return the add-ons that a catalog offers."""
        found: list[Offer] = []
        token = ""
        while True:
            request = pricing_service_pb2.ListAddonsRequest(
                catalog=catalog, page_size=_PAGE, page_token=token
            )
            answer = await self._stub.ListAddons(request)
            found += [_addon(addon) for addon in answer.addons]
            token = answer.next_page_token
            if not token:
                return found


def _plan(plan: pricing_pb2.Plan) -> Offer:
    organization = plan.provisions.organization
    has_organization = _has(plan.provisions, "organization")
    has_ips = has_organization and _has(organization, "public_ips")
    quota = organization.quota if has_organization else plan.provisions.namespace.quota
    return Offer(
        name=plan.name,
        display_name=plan.display_name,
        description=plan.description,
        monthly=_monthly(plan.prices),
        recommended=plan.recommended,
        highlights=tuple(plan.highlights),
        quota=dict(quota),
        object_storage_gb=organization.object_storage_gb if has_organization else None,
        public_ips=organization.public_ips if has_ips else None,
    )


def _addon(addon: pricing_pb2.Addon) -> Offer:
    return Offer(
        name=addon.name,
        display_name=addon.display_name,
        description=addon.description,
        monthly=_monthly(addon.prices),
        recommended=False,
        highlights=(),
        quota=dict(addon.adds),
        object_storage_gb=None,
        public_ips=None,
    )


def _monthly(prices: Sequence[pricing_pb2.Price]) -> Money | None:
    for price in prices:
        if price.interval == pricing_pb2.INTERVAL_MONTH:
            return Money(price.amount.currency, price.amount.minor_units)
    return None


def _has(message: Message, field: str) -> bool:
    return message.HasField(field)
