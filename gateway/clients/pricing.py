"""Pricing over gRPC."""

from collections.abc import Awaitable, Mapping, Sequence
from datetime import UTC

import grpc.aio
from google.protobuf.message import Message

from gateway.clients.paging import PAGE_SIZE, pages
from gateway.clients.values import INTERVALS, money, to_addons
from gateway.ports import (
    AddonQuantity,
    CostPart,
    Deployment,
    Interval,
    Offer,
    Quote,
    ResourceCost,
)
from services.chassis.money import Money
from tollgate.pricing.v1 import pricing_pb2
from tollgate.pricing.v1 import pricing_service_pb2 as pb
from tollgate.pricing.v1.pricing_service_pb2_grpc import PricingServiceStub


class GrpcPricing:
    """The port ``Pricing`` over a channel of the chassis."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = PricingServiceStub(channel)

    async def plans(self, catalog: str) -> Sequence[Offer]:
        """Return the plans that a catalog offers."""

        def ask(token: str) -> Awaitable[pb.ListPlansResponse]:
            request = pb.ListPlansRequest(catalog=catalog, page_size=PAGE_SIZE, page_token=token)
            return self._stub.ListPlans(request)

        return [_plan(plan) async for page in pages(ask) for plan in page.plans]

    async def addons(self, catalog: str) -> Sequence[Offer]:
        """Return the add-ons that a catalog offers."""

        def ask(token: str) -> Awaitable[pb.ListAddonsResponse]:
            request = pb.ListAddonsRequest(catalog=catalog, page_size=PAGE_SIZE, page_token=token)
            return self._stub.ListAddons(request)

        return [_addon(addon) async for page in pages(ask) for addon in page.addons]

    async def capacity(
        self, plan: str, addons: Sequence[AddonQuantity], catalog_version: str
    ) -> Mapping[str, str]:
        """Return what a plan and its add-ons stand for."""
        request = pb.ExpandCapacityRequest(
            plan=plan, addons=to_addons(addons), catalog_version=catalog_version
        )
        return dict((await self._stub.ExpandCapacity(request)).capacity.organization.quota)

    async def quote(self, deployment: Deployment, request_id: str) -> Quote:
        """Price a deployment for the person who acts, and keep the price."""
        request = pb.CreateQuoteRequest(deployment=_deployment(deployment), request_id=request_id)
        return _quote((await self._stub.CreateQuote(request)).quote)


def _deployment(deployment: Deployment) -> pricing_pb2.Deployment:
    return pricing_pb2.Deployment(
        resources=[
            pricing_pb2.ResourceSpec(
                type=one.type,
                cpu=one.cpu,
                memory=one.memory,
                storage=one.storage,
                replicas=one.replicas,
            )
            for one in deployment.resources
        ],
        region=deployment.region,
        duration_hours=deployment.hours,
        backup_plan=deployment.backup_plan,
        features=deployment.features,
    )


def _quote(quote: pricing_pb2.Quote) -> Quote:
    cost = quote.deployment.cost
    return Quote(
        name=quote.name,
        expire_time=quote.expire_time.ToDatetime(tzinfo=UTC),
        payment_required=quote.payment_required,
        total=money(cost.total),
        monthly=money(cost.monthly),
        resources=tuple(
            ResourceCost(one.type, money(one.amount), money(one.monthly), _parts(one.parts))
            for one in cost.resources
        ),
        components=_parts(cost.components),
        region=cost.region,
    )


def _parts(parts: Sequence[pricing_pb2.CostPart]) -> tuple[CostPart, ...]:
    return tuple(CostPart(one.component, money(one.amount), money(one.monthly)) for one in parts)


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
        if INTERVALS.get(price.interval) is Interval.MONTH:
            return money(price.amount)
    return None


def _has(message: Message, field: str) -> bool:
    return message.HasField(field)
