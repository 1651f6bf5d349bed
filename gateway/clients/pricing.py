"""Pricing over gRPC."""

from collections.abc import Awaitable, Mapping, Sequence
from datetime import UTC
from typing import TypedDict

from google.protobuf.message import Message

from gateway.clients.paging import PAGE_SIZE, pages
from gateway.clients.quotes import to_object
from gateway.clients.sources import GrpcCatalogSources
from gateway.clients.values import INTERVALS, money, to_addons
from gateway.ports import (
    AddonQuantity,
    Commitment,
    CostPart,
    Deployment,
    DeploymentCost,
    DerivedResource,
    Discount,
    Interval,
    ObjectWish,
    Offer,
    PlaceOffer,
    Quote,
    ResourceCost,
    Schedule,
)
from services.chassis.money import Money
from tollgate.pricing.v1 import pricing_pb2
from tollgate.pricing.v1 import pricing_service_pb2 as pb

_UPFRONT = {
    "none": pricing_pb2.Commitment.UPFRONT_NONE,
    "partial": pricing_pb2.Commitment.UPFRONT_PARTIAL,
    "all": pricing_pb2.Commitment.UPFRONT_ALL,
}
_KINDS: Mapping[int, str] = {
    pricing_pb2.Discount.KIND_VOLUME: "volume",
    pricing_pb2.Discount.KIND_COMMITMENT: "commitment",
    pricing_pb2.Discount.KIND_ACCOUNT: "account",
    pricing_pb2.Discount.KIND_COUPON: "coupon",
}


class GrpcPricing(GrpcCatalogSources):
    """The port ``Pricing`` over a channel of the chassis."""

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

    async def price(self, deployment: Deployment) -> DeploymentCost:
        """Price a deployment for the person who acts, without keeping the price."""
        request = pb.CalculatePriceRequest(deployment=_deployment(deployment))
        return DeploymentCost(**_costs((await self._stub.CalculatePrice(request)).cost))

    async def quote_object(self, wish: ObjectWish, rest: Deployment, request_id: str) -> Quote:
        """Price an object for the person who acts, and keep the price, bound to it."""
        request = pb.CreateQuoteRequest(
            deployment=_deployment(rest),
            request_id=request_id,
            object=to_object(wish),
            catalog=wish.catalog,
        )
        return _quote((await self._stub.CreateQuote(request)).quote)

    async def price_object(self, wish: ObjectWish, rest: Deployment) -> DeploymentCost:
        """Price an object for the person who acts, without keeping the price."""
        request = pb.PriceObjectRequest(
            object=to_object(wish), deployment=_deployment(rest), catalog=wish.catalog
        )
        answer = await self._stub.PriceObject(request)
        return DeploymentCost(
            derived=_derived(answer.deployment),
            spec_hash=answer.object.spec_hash,
            **_costs(answer.cost),
        )

    async def compare(
        self, deployment: Deployment, clouds: Sequence[str], regions: Sequence[str]
    ) -> Sequence[PlaceOffer]:
        """Price a deployment in these clouds and regions, all if none are named."""
        request = pb.ComparePricesRequest(
            deployment=_deployment(deployment), clouds=clouds, regions=regions
        )
        return [_place(offer) for offer in (await self._stub.ComparePrices(request)).offers]


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
        cloud=deployment.cloud,
        commitment=_commitment(deployment.commitment),
        coupon=deployment.coupon,
    )


def _commitment(asked: Commitment | None) -> pricing_pb2.Commitment | None:
    if asked is None:
        return None
    # A word that is none of them is left to pricing, which says what would be right.
    upfront = _UPFRONT.get(asked.upfront, pricing_pb2.Commitment.UPFRONT_UNSPECIFIED)
    return pricing_pb2.Commitment(years=asked.years, upfront=upfront)


def _quote(quote: pricing_pb2.Quote) -> Quote:
    return Quote(
        name=quote.name,
        expire_time=quote.expire_time.ToDatetime(tzinfo=UTC),
        payment_required=quote.payment_required,
        signature=quote.signature,
        derived=_derived(quote.deployment.deployment),
        spec_hash=quote.deployment.object.spec_hash,
        **_costs(quote.deployment.cost),
    )


def _derived(deployment: pricing_pb2.Deployment) -> tuple[DerivedResource, ...]:
    return tuple(
        DerivedResource(one.type, one.cpu, one.memory, one.storage, one.replicas)
        for one in deployment.resources
    )


class _Costs(TypedDict):
    total: Money
    monthly: Money
    resources: Sequence[ResourceCost]
    components: Sequence[CostPart]
    region: str
    cloud: str
    discounts: Sequence[Discount]
    schedule: Schedule | None
    taxed_by_provider: bool


def _costs(cost: pricing_pb2.Cost) -> _Costs:
    return _Costs(
        total=money(cost.total),
        monthly=money(cost.monthly),
        resources=tuple(
            ResourceCost(one.type, money(one.amount), money(one.monthly), _parts(one.parts))
            for one in cost.resources
        ),
        components=_parts(cost.components),
        region=cost.region,
        cloud=cost.cloud,
        discounts=tuple(
            Discount(_KINDS.get(one.kind, "other"), one.name, money(one.amount), money(one.monthly))
            for one in cost.discounts
        ),
        schedule=_schedule(cost.schedule) if _has(cost, "schedule") else None,
        taxed_by_provider=cost.tax == pricing_pb2.TAX_TREATMENT_ADDED_BY_PROVIDER,
    )


def _schedule(schedule: pricing_pb2.PaymentSchedule) -> Schedule:
    return Schedule(money(schedule.upfront), tuple(map(money, schedule.instalments)))


def _place(offer: pricing_pb2.Offer) -> PlaceOffer:
    cost = DeploymentCost(**_costs(offer.cost)) if _has(offer, "cost") else None
    return PlaceOffer(offer.cloud, offer.region, cost, offer.missing)


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
