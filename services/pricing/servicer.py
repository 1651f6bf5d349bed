"""The pricing RPCs: convert, ask the use case, convert."""

from functools import partial

from services.chassis.context import Context
from services.chassis.identity import current, current_caller
from services.chassis.ids import Ids
from services.chassis.paging import page_of
from services.chassis.sharing import SharedRead
from services.chassis.telemetry import current_trace_id
from services.pricing import convert, usecases
from services.pricing.usecases import Asker, ItemQuery, PricingTransactions
from tollgate.pricing.v1 import pricing_service_pb2 as pb
from tollgate.pricing.v1.pricing_service_pb2_grpc import PricingServiceServicer

_TRUSTED = frozenset({"subscription", "payments", "provisioner"})
"""Services that decide for themselves whose a quote is; the gateway passes a person on."""
_PAUSE = 0.01
"""Seconds between two looks at the rate card in force, while many ask."""
SERVICE = pb.DESCRIPTOR.services_by_name["PricingService"].full_name


class PricingServicer(PricingServiceServicer):
    """Serves tollgate.pricing.v1.PricingService."""

    def __init__(self, tx: PricingTransactions, ids: Ids) -> None:
        self._tx = tx
        self._ids = ids
        # Half of what a price costs would be asking which rate card is in force.
        self._card_in_force = SharedRead(partial(usecases.card_in_force, tx), pause=_PAUSE)

    async def ListCatalogs(  # noqa: N802 - the contract's name
        self, request: pb.ListCatalogsRequest, context: Context
    ) -> pb.ListCatalogsResponse:
        """List the catalogs in force."""
        active = await usecases.list_catalogs(self._tx)
        return pb.ListCatalogsResponse(catalogs=[convert.to_proto_catalog(c) for c in active])

    async def ListPlans(  # noqa: N802
        self, request: pb.ListPlansRequest, context: Context
    ) -> pb.ListPlansResponse:
        """List a page of plans."""
        query = ItemQuery(request.catalog, request.include_hidden)
        page = page_of(
            await usecases.list_plans(self._tx, query), request.page_size, request.page_token
        )
        plans = [convert.to_proto_plan(catalog, plan) for catalog, plan in page.items]
        return pb.ListPlansResponse(plans=plans, next_page_token=page.next_token)

    async def GetPlan(  # noqa: N802
        self, request: pb.GetPlanRequest, context: Context
    ) -> pb.GetPlanResponse:
        """Return one plan."""
        found = await usecases.get_plan(self._tx, request.name, request.catalog_version)
        return pb.GetPlanResponse(plan=convert.to_proto_plan(*found))

    async def ListAddons(  # noqa: N802
        self, request: pb.ListAddonsRequest, context: Context
    ) -> pb.ListAddonsResponse:
        """List a page of add-ons."""
        query = ItemQuery(request.catalog, request.include_hidden)
        page = page_of(
            await usecases.list_addons(self._tx, query), request.page_size, request.page_token
        )
        addons = [convert.to_proto_addon(catalog, addon) for catalog, addon in page.items]
        return pb.ListAddonsResponse(addons=addons, next_page_token=page.next_token)

    async def ResolvePrices(  # noqa: N802
        self, request: pb.ResolvePricesRequest, context: Context
    ) -> pb.ResolvePricesResponse:
        """Say what a provider's prices stand for."""
        resolved = await usecases.resolve_prices(self._tx, request.provider, request.prices)
        return pb.ResolvePricesResponse(
            prices=[convert.to_proto_resolved(price) for price in resolved]
        )

    async def ExpandCapacity(  # noqa: N802
        self, request: pb.ExpandCapacityRequest, context: Context
    ) -> pb.ExpandCapacityResponse:
        """Expand a plan and its add-ons."""
        addons = convert.from_proto_addons(request.addons)
        expansion = await usecases.expand_capacity(
            self._tx, request.plan, request.catalog_version, addons
        )
        return convert.to_proto_expansion(expansion)

    async def CalculatePrice(  # noqa: N802
        self, request: pb.CalculatePriceRequest, context: Context
    ) -> pb.CalculatePriceResponse:
        """Say what a deployment costs."""
        asked = convert.from_proto_deployment(request.deployment)
        cost = await usecases.calculate_price(self._card_in_force, asked)
        return pb.CalculatePriceResponse(cost=convert.to_proto_cost(cost))

    async def CreateQuote(  # noqa: N802
        self, request: pb.CreateQuoteRequest, context: Context
    ) -> pb.CreateQuoteResponse:
        """Price something and keep the price."""
        asked = convert.from_proto_quote_request(request)
        shown = await usecases.create_quote(self._tx, self._ids, _asker(), asked)
        return pb.CreateQuoteResponse(quote=convert.to_proto_quote(shown))

    async def GetQuote(  # noqa: N802
        self, request: pb.GetQuoteRequest, context: Context
    ) -> pb.GetQuoteResponse:
        """Return one quote."""
        shown = await usecases.get_quote(self._tx, _asker(), request.name)
        return pb.GetQuoteResponse(quote=convert.to_proto_quote(shown))

    async def TakeQuote(  # noqa: N802
        self, request: pb.TakeQuoteRequest, context: Context
    ) -> pb.TakeQuoteResponse:
        """Give a quote to a taker."""
        shown = await usecases.take_quote(
            self._tx, _asker(), request.name, request.taker, paid=request.paid
        )
        return pb.TakeQuoteResponse(quote=convert.to_proto_quote(shown))


def _asker() -> Asker:
    principal, caller = current(), current_caller()
    operator = principal.kind == "service" or principal.is_platform_admin
    trusted = operator or (caller is not None and caller.service in _TRUSTED)
    return Asker(principal.subject, trusted, operator, current_trace_id())
