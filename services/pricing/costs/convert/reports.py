"""Records, reports and forecasts as messages, and what asks for them."""

from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction

from google.protobuf.timestamp_pb2 import Timestamp

from services.chassis.errors import Violations
from services.pricing.convert import to_proto_capacity
from services.pricing.convert.catalogs import to_proto_money
from services.pricing.costs.domain import CostFilter, CostRecord, Dimension
from services.pricing.costs.forecast import MonthForecast
from services.pricing.costs.ports import RecordQuery
from services.pricing.costs.report import CostLine, Report, ReportRequest
from tollgate.pricing.v1 import cost_pb2
from tollgate.pricing.v1 import cost_service_pb2 as pb

_DIMENSIONS = {cost_pb2.CostDimension.Value(f"COST_DIMENSION_{one.name}"): one for one in Dimension}
_PLACES = Decimal("1e-12")
_WIDE = Context(prec=200)
_LATEST = 253_402_300_799  # The last second that a timestamp can say.


def from_proto_filter(message: cost_pb2.CostFilter) -> CostFilter:
    """Read a filter; its texts are looked at by the use case."""
    return CostFilter(
        account=message.account,
        user=message.user,
        team=message.team,
        organization=message.organization,
        plan=message.plan,
        region=message.region,
    )


def to_proto_filter(filter: CostFilter) -> cost_pb2.CostFilter:  # noqa: A002 - the contract's word
    """Convert a filter."""
    return cost_pb2.CostFilter(**dict(filter.terms()))


def from_proto_query(request: pb.ListCostRecordsRequest) -> RecordQuery:
    """Read which records are asked for; the limit is the page size as it was asked for."""
    bad = Violations()
    begin = _second(request, "from_time", bad)
    end = _second(request, "to_time", bad)
    bad.raise_if_any()
    return RecordQuery(from_proto_filter(request.filter), begin, end, None, request.page_size)


def from_proto_report(request: pb.GetCostReportRequest) -> ReportRequest:
    """Read what a report is asked for; InvalidArgument for an unknown dimension."""
    bad = Violations()
    for place, number in enumerate(request.dimensions):
        if number not in _DIMENSIONS:
            allowed = ", ".join(Dimension)
            bad.add(f"dimensions[{place}]", f"expected one of {allowed}")
    begin = _second(request, "from_time", bad)
    end = _second(request, "to_time", bad)
    bad.raise_if_any()
    dimensions = tuple(_DIMENSIONS[number] for number in request.dimensions)
    return ReportRequest(from_proto_filter(request.filter), dimensions, begin, end)


def to_proto_record(record: CostRecord, now: int) -> cost_pb2.CostRecord:
    """Convert a record with what it has cost until ``now``, to twelve places."""
    return cost_pb2.CostRecord(
        name=record.name,
        tenant=record.tenant,
        account=record.account,
        user=record.user,
        team=record.team,
        organization=record.organization,
        plan=record.plan,
        region=record.region,
        namespace=record.namespace,
        capacity=to_proto_capacity(record.capacity),
        begin_time=Timestamp(seconds=record.begin),
        end_time=None if record.end is None else Timestamp(seconds=record.end),
        monthly_rate=plain(record.monthly_rate),
        currency=record.currency,
        rate_card_version=record.rate_card_version,
        cost=plain(to_places(record.cost(now))),
    )


def to_proto_report(report: Report) -> pb.GetCostReportResponse:
    """Convert a report."""
    return pb.GetCostReportResponse(
        lines=[_line(line) for line in report.lines],
        totals=[_line(line) for line in report.totals],
        from_time=Timestamp(seconds=report.window.begin),
        to_time=Timestamp(seconds=report.window.end),
    )


def to_proto_forecast(forecast: MonthForecast) -> pb.ForecastCostsResponse:
    """Convert a month's forecasts."""
    return pb.ForecastCostsResponse(
        month=forecast.month,
        forecasts=[
            cost_pb2.Forecast(
                spent=to_proto_money(one.spent),
                expected=to_proto_money(one.expected),
                low=to_proto_money(one.low),
                high=to_proto_money(one.high),
            )
            for one in forecast.forecasts
        ],
    )


def _line(line: CostLine) -> cost_pb2.CostLine:
    return cost_pb2.CostLine(
        values=line.values, cost=to_proto_money(line.cost), records=line.records
    )


def _second(
    request: pb.ListCostRecordsRequest | pb.GetCostReportRequest, field: str, bad: Violations
) -> int | None:
    has: bool = request.HasField(field)  # type: ignore[arg-type]  # one of two names, see above
    if not has:
        return None
    time: Timestamp = getattr(request, field)
    if not 0 <= time.seconds <= _LATEST:
        bad.add(field, "expected a time from 1970 to 9999")
    return time.seconds


def to_places(cost: Fraction) -> Decimal:
    """Return an amount to twelve places."""
    exact = _WIDE.divide(Decimal(cost.numerator), Decimal(cost.denominator))
    return exact.quantize(_PLACES, rounding=ROUND_HALF_EVEN, context=_WIDE)


def plain(amount: Decimal) -> str:
    """Write an amount without an exponent and without zeros at its end."""
    return f"{amount.normalize(_WIDE):f}"
