"""The RPCs of costs, and the intake of the provisioner's facts."""

from dataclasses import dataclass

import structlog

from services.chassis.context import Context
from services.chassis.errors import InvalidArgument
from services.chassis.facts import FactRecord
from services.chassis.identity import Principal, current
from services.chassis.ids import Ids
from services.chassis.telemetry import current_trace_id
from services.pricing.costs import convert, usecases
from services.pricing.costs.advising import Adviser
from services.pricing.costs.ports import CostTransactions
from services.pricing.costs.sight import Asker
from services.pricing.costs.telling import Telling
from services.pricing.costs.usecases import BudgetChange
from tollgate.pricing.v1 import cost_service_pb2 as pb
from tollgate.pricing.v1.cost_service_pb2_grpc import CostServiceServicer

COSTS = pb.DESCRIPTOR.services_by_name["CostService"].full_name
PROVISIONER = "provisioner"
SUBJECT_CLAIM = "sub"
USER_CLAIMS = (SUBJECT_CLAIM, "email")
"""What the owner of capacity may be named by; see TOLLGATE_KUBE_USER_CLAIM."""

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("pricing.costs")


@dataclass(frozen=True, slots=True)
class ObservationIntake:
    """Takes the facts that the sink was given; returns only when one is durable."""

    tx: CostTransactions

    async def take(self, fact: FactRecord, source: str) -> None:
        """Take one fact; InvalidArgument if it can never be taken."""
        if source != PROVISIONER:
            raise InvalidArgument(f"{source} does not own {fact.type}.", reason="WRONG_SOURCE")
        if fact.type == convert.USED:
            await usecases.take_use(self.tx, convert.from_use_fact(fact))
            return
        observation = convert.from_fact(fact) if fact.type == convert.OBSERVED else None
        if observation is None:
            await usecases.keep_unknown(self.tx, fact, source)
            return
        for region in sorted(await usecases.take_observation(self.tx, observation)):
            _log.warning(
                "The rate card does not know the region; it costs as the default one.",
                region=region,
                tenant=observation.tenant,
            )


class CostServicer(CostServiceServicer):
    """Serves tollgate.pricing.v1.CostService."""

    def __init__(
        self,
        tx: CostTransactions,
        ids: Ids,
        user_claim: str,
        adviser: Adviser,
        telling: Telling | None = None,
    ) -> None:
        self._telling = telling or Telling()
        self._adviser = adviser
        self._tx = tx
        self._ids = ids
        self._user_claim = user_claim

    async def ListCostRecords(  # noqa: N802 - the contract's name
        self, request: pb.ListCostRecordsRequest, context: Context
    ) -> pb.ListCostRecordsResponse:
        """List a page of cost records."""
        query = convert.from_proto_query(request)
        page, now = await usecases.list_records(self._tx, self._asker(), query, request.page_token)
        return pb.ListCostRecordsResponse(
            records=[convert.to_proto_record(record, now) for record in page.items],
            next_page_token=page.next_token,
        )

    async def GetCostReport(  # noqa: N802
        self, request: pb.GetCostReportRequest, context: Context
    ) -> pb.GetCostReportResponse:
        """Say what was spent in a time."""
        asked = convert.from_proto_report(request)
        return convert.to_proto_report(await usecases.get_report(self._tx, self._asker(), asked))

    async def ForecastCosts(  # noqa: N802
        self, request: pb.ForecastCostsRequest, context: Context
    ) -> pb.ForecastCostsResponse:
        """Say what will have been spent by the month's end."""
        asked = convert.from_proto_filter(request.filter)
        found = await usecases.forecast_costs(self._tx, self._asker(), asked)
        return convert.to_proto_forecast(found)

    async def CreateBudget(  # noqa: N802
        self, request: pb.CreateBudgetRequest, context: Context
    ) -> pb.CreateBudgetResponse:
        """Make a budget."""
        change = BudgetChange(*convert.from_proto_change(request))
        wish = convert.from_proto_wish(request.budget)
        budget = await usecases.create_budget(
            self._tx, self._ids, self._asker(), change, wish, self._telling
        )
        return pb.CreateBudgetResponse(budget=convert.to_proto_budget(budget))

    async def GetBudget(  # noqa: N802
        self, request: pb.GetBudgetRequest, context: Context
    ) -> pb.GetBudgetResponse:
        """Return one budget."""
        budget = await usecases.get_budget(self._tx, self._asker(), request.name)
        return pb.GetBudgetResponse(budget=convert.to_proto_budget(budget))

    async def ListBudgets(  # noqa: N802
        self, request: pb.ListBudgetsRequest, context: Context
    ) -> pb.ListBudgetsResponse:
        """List a page of budgets."""
        page = await usecases.list_budgets(
            self._tx, self._asker(), request.page_size, request.page_token
        )
        budgets = [convert.to_proto_budget(budget) for budget in page.items]
        return pb.ListBudgetsResponse(budgets=budgets, next_page_token=page.next_token)

    async def UpdateBudget(  # noqa: N802
        self, request: pb.UpdateBudgetRequest, context: Context
    ) -> pb.UpdateBudgetResponse:
        """Change a budget."""
        wanted = request.budget
        change = BudgetChange(*convert.from_proto_change(request), wanted.name, wanted.etag)
        wish = convert.from_proto_wish(wanted)
        budget = await usecases.update_budget(self._tx, self._asker(), change, wish, self._telling)
        return pb.UpdateBudgetResponse(budget=convert.to_proto_budget(budget))

    async def DeleteBudget(  # noqa: N802
        self, request: pb.DeleteBudgetRequest, context: Context
    ) -> pb.DeleteBudgetResponse:
        """Delete a budget."""
        change = BudgetChange(*convert.from_proto_change(request), request.name, request.etag)
        await usecases.delete_budget(self._tx, self._asker(), change)
        return pb.DeleteBudgetResponse()

    async def GetBudgetWebhookSecret(  # noqa: N802
        self, request: pb.GetBudgetWebhookSecretRequest, context: Context
    ) -> pb.GetBudgetWebhookSecretResponse:
        """Say what a budget's webhook is signed with."""
        secret = await usecases.webhook_secret(self._tx, self._asker(), self._telling, request.name)
        return pb.GetBudgetWebhookSecretResponse(secret=secret)

    async def ListBudgetAlerts(  # noqa: N802
        self, request: pb.ListBudgetAlertsRequest, context: Context
    ) -> pb.ListBudgetAlertsResponse:
        """List a page of alerts."""
        page = await usecases.list_alerts(
            self._tx, self._asker(), request.budget, request.page_size, request.page_token
        )
        alerts = [convert.to_proto_alert(one.alert, one.deliveries) for one in page.items]
        return pb.ListBudgetAlertsResponse(alerts=alerts, next_page_token=page.next_token)

    async def ListRecommendations(  # noqa: N802
        self, request: pb.ListRecommendationsRequest, context: Context
    ) -> pb.ListRecommendationsResponse:
        """List a page of recommendations."""
        query = convert.from_proto_recommendations(request)
        page = await usecases.list_recommendations(self._tx, self._adviser, self._asker(), query)
        found = [convert.to_proto_recommendation(one) for one in page.items]
        return pb.ListRecommendationsResponse(
            recommendations=found, next_page_token=page.next_token
        )

    def _asker(self) -> Asker:
        return asker_of(current(), self._user_claim, current_trace_id())


def asker_of(principal: Principal, user_claim: str, trace_id: str = "") -> Asker:
    """Return what somebody may see; ``user_claim`` names a person's own account."""
    own = principal.subject if user_claim == SUBJECT_CLAIM else principal.email
    person = principal.kind == "user"
    return Asker(
        actor=principal.subject,
        name=own if person else "",
        organization=principal.organization if principal.is_org_admin else "",
        everything=not person or principal.is_platform_admin,
        trace_id=trace_id,
        email=principal.email if person else "",
    )
