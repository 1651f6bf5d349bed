"""Costs and budgets as the dialect writes them: JSON bodies, and rows of a table."""

from collections.abc import Mapping, Sequence

from gateway import figures
from gateway.ports.costs import (
    Alert,
    Budget,
    CostLine,
    CostRecord,
    CostReport,
    MonthForecast,
    Threshold,
)
from gateway.routes.costs.csvs import text
from services.chassis.money import Money

RECORD_COLUMNS = (
    "id",
    "tenant",
    "account",
    "user",
    "team",
    "organization",
    "plan",
    "region",
    "namespace",
    "kind",
    "begin",
    "end",
    "monthlyRate",
    "cost",
    "currency",
    "rateCardVersion",
)


def report_view(report: CostReport, dimensions: Sequence[str]) -> Mapping[str, object]:
    """Return a report."""
    return {
        "by": list(dimensions),
        "from": figures.instant(report.begin),
        "to": figures.instant(report.end),
        "lines": [
            {"values": dict(zip(dimensions, line.values, strict=True)), **_spent(line)}
            for line in report.lines
        ],
        "totals": [_spent(line) for line in report.totals],
    }


def report_columns(dimensions: Sequence[str]) -> list[str]:
    """Return the columns of a report's table."""
    return [*dimensions, "amount", "currency", "records"]


def report_rows(report: CostReport) -> list[list[str]]:
    """Return a report's lines as cells; totals are left to who adds them up."""
    return [
        [
            *(text(value) for value in line.values),
            f"{line.cost.to_decimal():f}",
            _code(line.cost),
            str(line.records),
        ]
        for line in report.lines
    ]


def record_view(record: CostRecord) -> Mapping[str, object]:
    """Return a record."""
    return {
        "id": record.name,
        "tenant": record.tenant,
        "account": record.account,
        "user": record.user or None,
        "team": record.team or None,
        "organization": record.organization or None,
        "plan": record.plan,
        "region": record.region,
        "namespace": record.namespace or None,
        "kind": record.kind,
        "quota": dict(record.quota),
        "begin": figures.instant(record.begin),
        "end": figures.instant(record.end),
        "monthlyRate": record.monthly_rate,
        "cost": record.cost,
        "currency": record.currency.upper(),
        "rateCardVersion": record.rate_card_version,
    }


def record_row(record: CostRecord) -> list[str]:
    """Return a record as cells."""
    view = record_view(record)
    return [text(str(view[column] or "")) for column in RECORD_COLUMNS]


def forecast_view(found: MonthForecast) -> Mapping[str, object]:
    """Return a forecast."""
    return {
        "month": found.month,
        "forecasts": [
            {
                "spent": figures.amount(one.spent),
                "expected": figures.amount(one.expected),
                "low": figures.amount(one.low),
                "high": figures.amount(one.high),
                "currency": _code(one.spent),
            }
            for one in found.forecasts
        ],
    }


def budget_view(budget: Budget) -> Mapping[str, object]:
    """Return a budget."""
    wish = budget.wish
    return {
        "id": budget.name,
        "displayName": wish.display_name,
        "filter": dict(wish.narrow),
        "amount": figures.amount(wish.amount),
        "currency": _code(wish.amount),
        "thresholds": [threshold_view(one) for one in wish.thresholds],
        "emails": list(wish.emails),
        "webhookUrl": wish.webhook_url or None,
        "createdAt": figures.instant(budget.create_time),
        "updatedAt": figures.instant(budget.update_time),
        "etag": budget.etag,
    }


def alert_view(alert: Alert) -> Mapping[str, object]:
    """Return an alert, with who is told of it."""
    return {
        "id": alert.name,
        "budget": alert.budget,
        "month": alert.month,
        "threshold": threshold_view(alert.threshold),
        "amount": figures.amount(alert.amount),
        "found": figures.amount(alert.found),
        "currency": _code(alert.amount),
        "createdAt": figures.instant(alert.create_time),
        "deliveries": [
            {
                "id": one.name,
                "channel": one.channel,
                "target": one.target,
                "state": one.state,
                "attempts": one.attempts,
                "lastError": one.last_error or None,
            }
            for one in alert.deliveries
        ],
    }


def _spent(line: CostLine) -> Mapping[str, object]:
    return {
        "amount": figures.amount(line.cost),
        "currency": _code(line.cost),
        "records": line.records,
    }


def threshold_view(threshold: Threshold) -> Mapping[str, object]:
    """Write a threshold."""
    return {"percent": threshold.percent, "basis": threshold.basis}


def _code(money: Money) -> str:
    return money.currency.upper()
