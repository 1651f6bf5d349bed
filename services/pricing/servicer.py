"""The pricing RPCs: convert, ask the use case, convert."""

from functools import partial

from services.chassis.callrate import CallRate
from services.chassis.context import Context
from services.chassis.errors import InvalidArgument
from services.chassis.identity import current, current_caller
from services.chassis.ids import Ids
from services.chassis.paging import page_of
from services.chassis.sharing import SharedRead
from services.chassis.telemetry import current_trace_id
from services.pricing import convert, usecases
from services.pricing.claims import claims_of
from services.pricing.convert.paths import OF_DEPLOYMENT, OF_OBJECT, OF_PLAN
from services.pricing.ports import QuoteSigner
from services.pricing.quotes import Shown
from services.pricing.signatures import QuoteKeys
from services.pricing.usecases import (
    Asker,
    ItemQuery,
    PriceDesk,
    PricingTransactions,
    VersionDesk,
)
from tollgate.pricing.v1 import pricing_pb2
from tollgate.pricing.v1 import pricing_service_pb2 as pb
from tollgate.pricing.v1.pricing_service_pb2_grpc import PricingServiceServicer

_TRUSTED = frozenset({"subscription", "payments", "provisioner"})
"""Services that decide for themselves whose a quote is; the gateway passes a person on."""
_PAUSE = 0.01
"""Seconds between two looks at the rate card in force, while many ask."""
SERVICE = pb.DESCRIPTOR.services_by_name["PricingService"].full_name


class PricingServicer(PricingServiceServicer):
    """Serves tollgate.pricing.v1.PricingService."""

    def __init__(
        self,
        tx: PricingTransactions,
        ids: Ids,
        rate: CallRate | None = None,
        signer: QuoteSigner | None = None,
        versions: VersionDesk | None = None,
    ) -> None:
        """Serve from ``tx``; ``rate`` bounds how often a person may have prices, None does not.

        Without a ``signer`` quotes carry no signature,
        without ``versions`` dry runs see quotes only.
        """
        self._tx = tx
        self._ids = ids
        self._rate = rate
        self._signer: QuoteSigner = signer or QuoteKeys()
        self._versions = versions or VersionDesk(tx)
        # Half of what a price costs would be asking which rate card is in force.
        shared = SharedRead(partial(usecases.card_in_force, tx), pause=_PAUSE)
        self._prices = PriceDesk(tx, shared)

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

    async def CalculatePrice(  # type: ignore[override]  # noqa: N802 - written already
        self, request: pb.CalculatePriceRequest, context: Context
    ) -> bytes:
        """Say what a deployment costs; the answer is written already."""
        self._count()
        asked = request.account
        try:
            return await usecases.price_shown(
                self._prices,
                _asker(traced=False).account(asked) if asked else current().subject,
                lambda: convert.from_proto_deployment(request.deployment),
                convert.written_price,
            )
        except InvalidArgument as error:
            raise OF_DEPLOYMENT.named(error) from None

    async def ComparePrices(  # noqa: N802
        self, request: pb.ComparePricesRequest, context: Context
    ) -> pb.ComparePricesResponse:
        """Say what a deployment costs at each place; counted as so many prices."""
        self._count()
        asked = convert.from_proto_comparison(request)
        with OF_DEPLOYMENT:
            offers = await usecases.compare_prices(
                self._prices,
                _asker(),
                asked,
                request.account,
                charge=self._count_more,
            )
        return pb.ComparePricesResponse(offers=[convert.to_proto_offer(one) for one in offers])

    async def SetAccountTier(  # noqa: N802
        self, request: pb.SetAccountTierRequest, context: Context
    ) -> pb.SetAccountTierResponse:
        """Give an account a tier, or take it away."""
        asked = convert.from_proto_tier_request(request)
        held = await usecases.set_account_tier(self._tx, _asker(), asked)
        return pb.SetAccountTierResponse(account_tier=convert.to_proto_account_tier(held))

    async def ListAccountTiers(  # noqa: N802
        self, request: pb.ListAccountTiersRequest, context: Context
    ) -> pb.ListAccountTiersResponse:
        """List a page of accounts that have a tier."""
        page = await usecases.list_account_tiers(
            self._tx, _asker(), request.page_size, request.page_token
        )
        tiers = [convert.to_proto_account_tier(held) for held in page.items]
        return pb.ListAccountTiersResponse(account_tiers=tiers, next_page_token=page.next_token)

    async def ListCatalogSources(  # noqa: N802
        self, request: pb.ListCatalogSourcesRequest, context: Context
    ) -> pb.ListCatalogSourcesResponse:
        """List a page of what catalogs are told of by."""
        found = await usecases.list_catalog_sources(self._tx, _asker())
        page = page_of(found, request.page_size, request.page_token)
        sources = [convert.to_proto_source(*one) for one in page.items]
        return pb.ListCatalogSourcesResponse(sources=sources, next_page_token=page.next_token)

    async def CreateQuote(  # noqa: N802
        self, request: pb.CreateQuoteRequest, context: Context
    ) -> pb.CreateQuoteResponse:
        """Price something and keep the price."""
        self._count()
        asked = convert.from_proto_quote_request(request)
        with OF_PLAN if request.WhichOneof("subject") == "plan" else OF_DEPLOYMENT:
            shown = await usecases.create_quote(self._tx, self._ids, _asker(), asked)
        return pb.CreateQuoteResponse(quote=self._quote(shown))

    async def GetQuote(  # noqa: N802
        self, request: pb.GetQuoteRequest, context: Context
    ) -> pb.GetQuoteResponse:
        """Return one quote."""
        shown = await usecases.get_quote(self._tx, _asker(), request.name)
        return pb.GetQuoteResponse(quote=self._quote(shown))

    async def TakeQuote(  # noqa: N802
        self, request: pb.TakeQuoteRequest, context: Context
    ) -> pb.TakeQuoteResponse:
        """Give a quote to a taker."""
        shown = await usecases.take_quote(
            self._tx, _asker(), request.name, request.taker, paid=request.paid
        )
        return pb.TakeQuoteResponse(quote=self._quote(shown))

    async def PriceObject(  # noqa: N802
        self, request: pb.PriceObjectRequest, context: Context
    ) -> pb.PriceObjectResponse:
        """Say what a custom resource costs."""
        self._count()
        with OF_DEPLOYMENT:
            priced = await usecases.price_object(
                self._prices,
                _asker(),
                convert.from_proto_object(request.object),
                convert.from_proto_deployment(request.deployment),
                catalog=request.catalog,
                account=request.account,
            )
        return pb.PriceObjectResponse(
            deployment=convert.to_proto_deployment(priced.deployment),
            cost=convert.to_proto_cost(priced.cost),
            object=convert.to_proto_bound(priced.bound),
        )

    async def MatchQuote(  # noqa: N802
        self, request: pb.MatchQuoteRequest, context: Context
    ) -> pb.MatchQuoteResponse:
        """Say whether an object is what was quoted."""
        made = convert.from_proto_object(request.object)
        with OF_OBJECT:
            match = await usecases.match_quote(
                self._tx, _asker(), request.quote, made, request.catalog
            )
        return pb.MatchQuoteResponse(exact=match.exact, spec_hash=match.spec_hash)

    async def VerifyQuote(  # noqa: N802
        self, request: pb.VerifyQuoteRequest, context: Context
    ) -> pb.VerifyQuoteResponse:
        """Check a signature, and say where its quote stands."""
        verified, shown = await usecases.verify_quote(
            self._tx, self._signer, _asker(), request.signature
        )
        return pb.VerifyQuoteResponse(
            claims=convert.to_proto_claims(verified),
            state=convert.to_proto_state(shown),
            taker=shown.stored.taker,
        )

    async def ListQuoteKeys(  # noqa: N802
        self, request: pb.ListQuoteKeysRequest, context: Context
    ) -> pb.ListQuoteKeysResponse:
        """List the public keys."""
        return pb.ListQuoteKeysResponse(
            keys=[convert.to_proto_key(key) for key in self._signer.public_keys()]
        )

    async def DryRunVersion(  # noqa: N802
        self, request: pb.DryRunVersionRequest, context: Context
    ) -> pb.DryRunVersionResponse:
        """Say what a new version would touch."""
        match request.WhichOneof("content"):
            case "catalog":
                run, text = usecases.dry_run_catalog, request.catalog
            case "rate_card":
                run, text = usecases.dry_run_rate_card, request.rate_card
            case _:
                raise InvalidArgument("content: expected a catalog or a rate card")
        outcome = await run(self._versions, text, request.file_name)
        page = page_of(outcome.effects, request.page_size, request.page_token)
        return convert.to_proto_outcome(outcome, page)

    async def CalculateSessionCost(  # noqa: N802
        self, request: pb.CalculateSessionCostRequest, context: Context
    ) -> pb.CalculateSessionCostResponse:
        """Say what a session costs."""
        cost = await usecases.calculate_session_cost(
            self._tx, request.plan, request.catalog_version, request.duration_seconds
        )
        return pb.CalculateSessionCostResponse(cost=convert.to_proto_session_cost(cost))

    async def ReportSessionMargins(  # noqa: N802
        self, request: pb.ReportSessionMarginsRequest, context: Context
    ) -> pb.ReportSessionMarginsResponse:
        """Say what plans of sessions leave."""
        asked = [(one.plan, one.sessions) for one in request.sessions]
        catalog, found = await usecases.report_session_margins(self._tx, request.catalog, asked)
        return pb.ReportSessionMarginsResponse(
            margins=[convert.to_proto_margin(one.plan, one.interval, one.margin) for one in found],
            catalog_version=catalog.version,
        )

    def _quote(self, shown: Shown) -> pricing_pb2.Quote:
        """Convert a quote, signed by the key of now."""
        signature = self._signer.sign(claims_of(shown.stored.quote))
        return convert.to_proto_quote(shown, signature)

    def _count(self, prices: int = 1) -> None:
        """Count prices that a person asks for; what services ask of themselves is not counted."""
        principal, caller = current(), current_caller()
        if self._rate is None or principal.kind != "user" or prices <= 0:
            return
        if caller is None or caller.service not in _TRUSTED:
            self._rate.take(principal, prices)

    def _count_more(self, prices: int) -> None:
        """Count the prices of a call that was counted as one.

        All that may come at once is the most that a call is counted as, or it could never be made.
        """
        if self._rate is not None:
            self._count(min(prices, self._rate.at_once) - 1)


def _asker(*, traced: bool = True) -> Asker:
    """Return who asks; where nothing is written down, nobody needs the trace."""
    principal, caller = current(), current_caller()
    operator = principal.kind == "service" or principal.is_platform_admin
    trusted = operator or (caller is not None and caller.service in _TRUSTED)
    return Asker(principal.subject, trusted, operator, current_trace_id() if traced else "")
