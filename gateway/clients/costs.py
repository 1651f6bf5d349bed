"""Costs and budgets over gRPC."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import grpc.aio
from google.protobuf.timestamp_pb2 import Timestamp

from gateway.clients.recommendations import recommendation
from gateway.clients.values import money, time_of
from gateway.ports.costs import (
    Alert,
    Alerts,
    Budget,
    Budgets,
    BudgetWish,
    CostLine,
    CostQuestion,
    CostRecord,
    CostRecords,
    CostReport,
    Delivery,
    Forecast,
    MonthForecast,
    PageWish,
    Threshold,
)
from gateway.ports.recommendations import Recommendations
from tollgate.common.v1 import capacity_pb2, money_pb2
from tollgate.pricing.v1 import cost_pb2
from tollgate.pricing.v1 import cost_service_pb2 as pb
from tollgate.pricing.v1.cost_service_pb2_grpc import CostServiceStub

_BASES: Mapping[int, str] = {
    cost_pb2.BudgetThreshold.BASIS_SPENT: "spent",
    cost_pb2.BudgetThreshold.BASIS_FORECAST: "forecast",
}
_CHANNELS: Mapping[int, str] = {
    cost_pb2.AlertDelivery.CHANNEL_MAIL: "mail",
    cost_pb2.AlertDelivery.CHANNEL_WEBHOOK: "webhook",
}
_STATES: Mapping[int, str] = {
    cost_pb2.AlertDelivery.STATE_PENDING: "pending",
    cost_pb2.AlertDelivery.STATE_DELIVERED: "delivered",
    cost_pb2.AlertDelivery.STATE_GIVEN_UP: "given-up",
}
_OTHER = "other"
"""A word that only a newer version of pricing knows."""


class GrpcCosts:
    """The port ``Costs`` over a channel of the chassis."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = CostServiceStub(channel)

    async def records(self, asked: CostQuestion, page: PageWish) -> CostRecords:
        """Return a page of records."""
        request = pb.ListCostRecordsRequest(
            filter=_filter(asked.narrow),
            from_time=_stamp(asked.begin),
            to_time=_stamp(asked.end),
            page_size=page.size,
            page_token=page.token,
        )
        answer = await self._stub.ListCostRecords(request)
        return CostRecords([_record(one) for one in answer.records], answer.next_page_token)

    async def report(self, asked: CostQuestion, dimensions: Sequence[str]) -> CostReport:
        """Return what was spent by these dimensions."""
        request = pb.GetCostReportRequest(
            filter=_filter(asked.narrow),
            dimensions=[
                cost_pb2.CostDimension.Value(f"COST_DIMENSION_{one.upper()}") for one in dimensions
            ],
            from_time=_stamp(asked.begin),
            to_time=_stamp(asked.end),
        )
        answer = await self._stub.GetCostReport(request)
        return CostReport(
            [_line(one) for one in answer.lines],
            [_line(one) for one in answer.totals],
            answer.from_time.ToDatetime(tzinfo=UTC),
            answer.to_time.ToDatetime(tzinfo=UTC),
        )

    async def forecast(self, narrow: Mapping[str, str]) -> MonthForecast:
        """Return what will have been spent by the month's end."""
        answer = await self._stub.ForecastCosts(pb.ForecastCostsRequest(filter=_filter(narrow)))
        return MonthForecast(
            answer.month,
            [
                Forecast(money(one.spent), money(one.expected), money(one.low), money(one.high))
                for one in answer.forecasts
            ],
        )

    async def create_budget(self, wish: BudgetWish, request_id: str) -> Budget:
        """Make a budget."""
        request = pb.CreateBudgetRequest(budget=_wanted(wish), request_id=request_id)
        return _budget((await self._stub.CreateBudget(request)).budget)

    async def budget(self, name: str) -> Budget:
        """Return one budget."""
        return _budget((await self._stub.GetBudget(pb.GetBudgetRequest(name=name))).budget)

    async def budgets(self, page: PageWish) -> Budgets:
        """Return a page of budgets."""
        request = pb.ListBudgetsRequest(page_size=page.size, page_token=page.token)
        answer = await self._stub.ListBudgets(request)
        return Budgets([_budget(one) for one in answer.budgets], answer.next_page_token)

    async def update_budget(
        self, name: str, wish: BudgetWish, *, etag: str, request_id: str
    ) -> Budget:
        """Change a budget as a whole."""
        wanted = _wanted(wish)
        wanted.name, wanted.etag = name, etag
        request = pb.UpdateBudgetRequest(budget=wanted, request_id=request_id)
        return _budget((await self._stub.UpdateBudget(request)).budget)

    async def delete_budget(self, name: str, *, etag: str, request_id: str) -> None:
        """Delete a budget."""
        request = pb.DeleteBudgetRequest(name=name, etag=etag, request_id=request_id)
        await self._stub.DeleteBudget(request)

    async def webhook_secret(self, name: str) -> str:
        """Return what a budget's webhook is signed with."""
        request = pb.GetBudgetWebhookSecretRequest(name=name)
        return (await self._stub.GetBudgetWebhookSecret(request)).secret

    async def alerts(self, budget: str, page: PageWish) -> Alerts:
        """Return a page of alerts."""
        request = pb.ListBudgetAlertsRequest(
            budget=budget, page_size=page.size, page_token=page.token
        )
        answer = await self._stub.ListBudgetAlerts(request)
        return Alerts([_alert(one) for one in answer.alerts], answer.next_page_token)

    async def recommendations(
        self, narrow: Mapping[str, str], page: PageWish, *, only_savings: bool
    ) -> Recommendations:
        """Return a page of what is said of tenants."""
        request = pb.ListRecommendationsRequest(
            filter=_filter(narrow),
            only_savings=only_savings,
            page_size=page.size,
            page_token=page.token,
        )
        answer = await self._stub.ListRecommendations(request)
        found = [recommendation(one) for one in answer.recommendations]
        return Recommendations(found, answer.next_page_token)


def _filter(narrow: Mapping[str, str]) -> cost_pb2.CostFilter:
    return cost_pb2.CostFilter(**narrow)


def _narrow(message: cost_pb2.CostFilter) -> Mapping[str, str]:
    return {field.name: value for field, value in message.ListFields()}


def _stamp(time: datetime | None) -> Timestamp | None:
    if time is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(time.astimezone(UTC))
    return stamp


def _record(message: cost_pb2.CostRecord) -> CostRecord:
    kind, quota = _stood(message.capacity)
    return CostRecord(
        name=message.name,
        tenant=message.tenant,
        account=message.account,
        user=message.user,
        team=message.team,
        organization=message.organization,
        plan=message.plan,
        region=message.region,
        namespace=message.namespace,
        kind=kind,
        quota=quota,
        begin=message.begin_time.ToDatetime(tzinfo=UTC),
        end=time_of(message, "end_time"),
        monthly_rate=message.monthly_rate,
        cost=message.cost,
        currency=message.currency,
        rate_card_version=message.rate_card_version,
    )


def _stood(capacity: capacity_pb2.Capacity) -> tuple[str, Mapping[str, str]]:
    """Return the kind of a capacity, and the quota of one that has any."""
    kind = capacity.WhichOneof("kind") or "nothing"
    if kind == "organization":
        return kind, dict(capacity.organization.quota)
    return kind, dict(capacity.namespace.quota)


def _line(message: cost_pb2.CostLine) -> CostLine:
    return CostLine(tuple(message.values), money(message.cost), message.records)


def _wanted(wish: BudgetWish) -> cost_pb2.Budget:
    return cost_pb2.Budget(
        display_name=wish.display_name,
        filter=_filter(wish.narrow),
        amount=money_pb2.Money(currency=wish.amount.currency, minor_units=wish.amount.minor_units),
        thresholds=[
            cost_pb2.BudgetThreshold(
                percent=one.percent,
                basis=cost_pb2.BudgetThreshold.Basis.Value(f"BASIS_{one.basis.upper()}"),
            )
            for one in wish.thresholds
        ],
        emails=wish.emails,
        webhook_url=wish.webhook_url,
    )


def _budget(message: cost_pb2.Budget) -> Budget:
    return Budget(
        name=message.name,
        wish=BudgetWish(
            display_name=message.display_name,
            narrow=_narrow(message.filter),
            amount=money(message.amount),
            thresholds=[threshold(one) for one in message.thresholds],
            emails=tuple(message.emails),
            webhook_url=message.webhook_url,
        ),
        create_time=message.create_time.ToDatetime(tzinfo=UTC),
        update_time=message.update_time.ToDatetime(tzinfo=UTC),
        etag=message.etag,
    )


def threshold(message: cost_pb2.BudgetThreshold) -> Threshold:
    """Read a threshold."""
    return Threshold(message.percent, _BASES.get(message.basis, _OTHER))


def _alert(message: cost_pb2.BudgetAlert) -> Alert:
    return Alert(
        name=message.name,
        budget=message.budget,
        month=message.month,
        threshold=threshold(message.threshold),
        amount=money(message.amount),
        found=money(message.found),
        create_time=message.create_time.ToDatetime(tzinfo=UTC),
        deliveries=[
            Delivery(
                name=one.name,
                channel=_CHANNELS.get(one.channel, _OTHER),
                target=one.target,
                state=_STATES.get(one.state, _OTHER),
                attempts=one.attempts,
                last_error=one.last_error,
            )
            for one in message.deliveries
        ],
    )
