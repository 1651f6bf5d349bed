"""Pricing over gRPC."""

from collections.abc import Sequence
from datetime import UTC, timedelta

import grpc.aio

from services.chassis.errors import Unavailable
from services.subscription.clients.values import money, to_addons
from services.subscription.offers import AddonQuantity, Capacity, CapacityKind, EndPolicy, Terms
from services.subscription.ports import (
    Addon,
    CatalogInfo,
    Expansion,
    Interval,
    Plan,
    Price,
    Quote,
    QuoteLine,
    ResolvedPrice,
    Selection,
)
from tollgate.common.v1 import capacity_pb2
from tollgate.pricing.v1 import pricing_pb2
from tollgate.pricing.v1 import pricing_service_pb2 as pb
from tollgate.pricing.v1.pricing_service_pb2_grpc import PricingServiceStub

_PAGE = 1000
_POLICIES = {
    pricing_pb2.END_POLICY_FREE: EndPolicy.FREE,
    pricing_pb2.END_POLICY_SUSPEND_THEN_CANCEL: EndPolicy.SUSPEND_THEN_CANCEL,
    pricing_pb2.END_POLICY_DELETE: EndPolicy.DELETE,
}
_INTERVALS = {
    Interval.ONCE: pricing_pb2.INTERVAL_ONCE,
    Interval.MONTH: pricing_pb2.INTERVAL_MONTH,
    Interval.YEAR: pricing_pb2.INTERVAL_YEAR,
}
_READ_INTERVALS = {number: interval for interval, number in _INTERVALS.items()}


class GrpcPricing:
    """The port ``Pricing`` over a channel of the chassis."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = PricingServiceStub(channel)

    async def resolve_prices(self, provider: str, prices: Sequence[str]) -> Sequence[ResolvedPrice]:
        """Say what price ids stand for, in their order."""
        request = pb.ResolvePricesRequest(provider=provider, prices=list(prices))
        answer = await self._stub.ResolvePrices(request)
        return [_resolved(price) for price in answer.prices]

    async def expand_capacity(
        self, plan: str, addons: Sequence[AddonQuantity], catalog_version: str
    ) -> Expansion:
        """Expand a plan and its add-ons."""
        request = pb.ExpandCapacityRequest(
            plan=plan, addons=to_addons(addons), catalog_version=catalog_version
        )
        return _expansion(await self._stub.ExpandCapacity(request))

    async def get_plan(self, plan: str) -> Plan:
        """Return a plan at its newest version."""
        return _plan((await self._stub.GetPlan(pb.GetPlanRequest(name=plan))).plan)

    async def list_plans(self, catalog: str) -> Sequence[Plan]:
        """Return all plans of a catalog that customers are offered, in its order."""
        found: list[Plan] = []
        request = pb.ListPlansRequest(catalog=catalog, page_size=_PAGE)
        while True:
            answer = await self._stub.ListPlans(request)
            found += [_plan(plan) for plan in answer.plans]
            if not answer.next_page_token:
                return found
            request.page_token = answer.next_page_token

    async def list_addons(self, catalog: str) -> Sequence[Addon]:
        """Return all add-ons of a catalog, in its order."""
        found: list[Addon] = []
        request = pb.ListAddonsRequest(catalog=catalog, page_size=_PAGE, include_hidden=True)
        while True:
            answer = await self._stub.ListAddons(request)
            found += [_addon(addon) for addon in answer.addons]
            if not answer.next_page_token:
                return found
            request.page_token = answer.next_page_token

    async def list_catalogs(self) -> Sequence[CatalogInfo]:
        """Return the catalogs in force, by name."""
        answer = await self._stub.ListCatalogs(pb.ListCatalogsRequest())
        return [
            CatalogInfo(catalog.name, catalog.version, catalog.free_plan)
            for catalog in answer.catalogs
        ]

    async def create_quote(
        self, owner: str, selection: Selection, lifetime: timedelta, request_id: str
    ) -> Quote:
        """Have a selection priced for an account."""
        request = pb.CreateQuoteRequest(
            owner=owner,
            plan=pb.PlanSelection(
                plan=selection.plan,
                addons=to_addons(selection.addons),
                currency=selection.currency,
                interval=_INTERVALS[selection.interval],
                trial=selection.trial,
            ),
            lifetime_seconds=int(lifetime.total_seconds()),
            request_id=request_id,
        )
        return _quote((await self._stub.CreateQuote(request)).quote)

    async def get_quote(self, name: str) -> Quote:
        """Return a quote."""
        return _quote((await self._stub.GetQuote(pb.GetQuoteRequest(name=name))).quote)

    async def take_quote(self, name: str, taker: str, *, paid: bool) -> Quote:
        """Take a quote once."""
        request = pb.TakeQuoteRequest(name=name, taker=taker, paid=paid)
        return _quote((await self._stub.TakeQuote(request)).quote)


def _resolved(price: pb.ResolvedPrice) -> ResolvedPrice:
    known = price.HasField("price")
    return ResolvedPrice(
        price_id=price.provider_price,
        plan=price.plan,
        addon=price.addon,
        catalog_version=price.catalog_version,
        amount=money(price.price.amount) if known else None,
        creates_account=price.foreign_checkout_creates_account,
        interval=_READ_INTERVALS.get(price.price.interval) if known else None,
    )


def _expansion(answer: pb.ExpandCapacityResponse) -> Expansion:
    kind = answer.capacity.WhichOneof("kind")
    on_unpaid, on_end = _POLICIES.get(answer.plan.on_unpaid), _POLICIES.get(answer.plan.on_end)
    if kind is None or on_unpaid is None or on_end is None:
        # A newer pricing than this version: what it means is not known here, so nothing is done.
        raise Unavailable(f"Pricing expanded {answer.plan.name} to something not known here.")
    return Expansion(
        Capacity(CapacityKind(kind), answer.capacity.SerializeToString(deterministic=True)),
        on_unpaid,
        on_end,
        timedelta(seconds=answer.plan.retention_seconds),
        _terms(answer.plan),
        _limits(answer.capacity),
        answer.active_version,
    )


def _limits(capacity: capacity_pb2.Capacity) -> dict[str, str]:
    limits = dict(capacity.organization.quota)
    if capacity.organization.HasField("public_ips"):
        limits["public_ips"] = str(capacity.organization.public_ips)
    return limits


def _terms(plan: pricing_pb2.Plan) -> Terms:
    return Terms(plan.display_name, plan.tier, tuple(sorted(plan.features)), plan.credits)


def _plan(plan: pricing_pb2.Plan) -> Plan:
    kind = plan.provisions.WhichOneof("kind")
    return Plan(
        name=plan.name,
        catalog_version=plan.catalog_version,
        terms=_terms(plan),
        kind=CapacityKind(kind) if kind else None,
        prices=_prices(plan.prices),
        self_service=plan.self_service,
        trial_days=plan.trial_days,
    )


def _addon(addon: pricing_pb2.Addon) -> Addon:
    return Addon(addon.name, _prices(addon.prices), addon.self_service and not addon.disabled)


def _prices(prices: Sequence[pricing_pb2.Price]) -> list[Price]:
    """Read prices; one of an interval that is not known here cannot be bought here."""
    return [
        Price(money(price.amount), _READ_INTERVALS[price.interval], dict(price.provider_prices))
        for price in prices
        if price.interval in _READ_INTERVALS
    ]


def _quote(quote: pricing_pb2.Quote) -> Quote:
    return Quote(
        name=quote.name,
        owner=quote.owner,
        amount=money(quote.amount),
        expire_time=quote.expire_time.ToDatetime(tzinfo=UTC),
        taker=quote.taker,
        plan=quote.plan.plan,
        interval=_READ_INTERVALS.get(quote.plan.interval, Interval.MONTH),
        trial_days=quote.plan.trial_days,
        lines=tuple(
            QuoteLine(line.subject, line.quantity, dict(line.provider_prices))
            for line in quote.plan.lines
        ),
    )
