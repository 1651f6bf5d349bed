"""What the gateway asks of pricing about costs: records, reports, forecasts, budgets, alerts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from gateway.ports.recommendations import Recommendations
from services.chassis.money import Money

FILTER_FIELDS = ("account", "user", "team", "organization", "plan", "region")
"""What costs can be narrowed by."""
DIMENSIONS = ("user", "team", "organization", "plan", "region", "account", "tenant", "month")
"""What a report can look at."""
BASES = ("spent", "forecast")
"""What a threshold can compare."""


@dataclass(frozen=True, slots=True)
class CostQuestion:
    """Which costs: ``narrow`` by filter fields, and in which time; None is the service's default.

    ``end`` is exclusive.
    """

    narrow: Mapping[str, str]
    begin: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class PageWish:
    """Which page of a list; 0 and empty are the service's defaults."""

    size: int = 0
    token: str = ""


@dataclass(frozen=True, slots=True)
class CostRecord:
    """One time in which capacity stood unchanged.

    ``cost`` and ``monthly_rate`` are decimals in the currency's major unit, as texts; ``end`` is
    None while it stands. ``kind`` and ``quota`` say what stood.
    """

    name: str
    tenant: str
    account: str
    user: str
    team: str
    organization: str
    plan: str
    region: str
    namespace: str
    kind: str
    quota: Mapping[str, str]
    begin: datetime
    end: datetime | None
    monthly_rate: str
    cost: str
    currency: str
    rate_card_version: str


@dataclass(frozen=True, slots=True)
class CostRecords:
    """A page of records, newest first."""

    records: Sequence[CostRecord]
    next_token: str


@dataclass(frozen=True, slots=True)
class CostLine:
    """What was spent by one value of each dimension, and by how many records."""

    values: Sequence[str]
    cost: Money
    records: int


@dataclass(frozen=True, slots=True)
class CostReport:
    """Lines that add up to the totals, one total for each currency."""

    lines: Sequence[CostLine]
    totals: Sequence[CostLine]
    begin: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Forecast:
    """What will have been spent by the month's end, in one currency."""

    spent: Money
    expected: Money
    low: Money
    high: Money


@dataclass(frozen=True, slots=True)
class MonthForecast:
    """The forecasts of a month, such as 2026-11."""

    month: str
    forecasts: Sequence[Forecast]


@dataclass(frozen=True, slots=True)
class Threshold:
    """A share of a budget in percent, and what is compared with it."""

    percent: int
    basis: str


@dataclass(frozen=True, slots=True)
class BudgetWish:
    """A budget as somebody wants it."""

    display_name: str
    narrow: Mapping[str, str]
    amount: Money
    thresholds: Sequence[Threshold]
    emails: Sequence[str] = ()
    webhook_url: str = ""


@dataclass(frozen=True, slots=True)
class Budget:
    """A budget as it stands."""

    name: str
    wish: BudgetWish
    create_time: datetime
    update_time: datetime
    etag: str


@dataclass(frozen=True, slots=True)
class Budgets:
    """A page of budgets, oldest first."""

    budgets: Sequence[Budget]
    next_token: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """Who is told of an alert, and how far that is.

    ``channel`` is mail or webhook, ``state`` pending, delivered or given-up.
    """

    name: str
    channel: str
    target: str
    state: str
    attempts: int
    last_error: str


@dataclass(frozen=True, slots=True)
class Alert:
    """A threshold that was passed."""

    name: str
    budget: str
    month: str
    threshold: Threshold
    amount: Money
    found: Money
    create_time: datetime
    deliveries: Sequence[Delivery] = ()


@dataclass(frozen=True, slots=True)
class Alerts:
    """A page of alerts, newest first."""

    alerts: Sequence[Alert]
    next_token: str


class Costs(Protocol):
    """Pricing's record of what capacity has cost. Who acts sees the own, operators see all."""

    async def records(self, asked: CostQuestion, page: PageWish) -> CostRecords:
        """Return a page of records."""
        ...

    async def report(self, asked: CostQuestion, dimensions: Sequence[str]) -> CostReport:
        """Return what was spent by these dimensions."""
        ...

    async def forecast(self, narrow: Mapping[str, str]) -> MonthForecast:
        """Return what will have been spent by the month's end."""
        ...

    async def create_budget(self, wish: BudgetWish, request_id: str) -> Budget:
        """Make a budget."""
        ...

    async def budget(self, name: str) -> Budget:
        """Return one budget."""
        ...

    async def budgets(self, page: PageWish) -> Budgets:
        """Return a page of budgets."""
        ...

    async def update_budget(
        self, name: str, wish: BudgetWish, *, etag: str, request_id: str
    ) -> Budget:
        """Change a budget as a whole; an etag that is not empty has to be the newest."""
        ...

    async def delete_budget(self, name: str, *, etag: str, request_id: str) -> None:
        """Delete a budget."""
        ...

    async def webhook_secret(self, name: str) -> str:
        """Return what a budget's webhook is signed with."""
        ...

    async def alerts(self, budget: str, page: PageWish) -> Alerts:
        """Return a page of alerts, of one budget or of all."""
        ...

    async def recommendations(
        self, narrow: Mapping[str, str], page: PageWish, *, only_savings: bool
    ) -> Recommendations:
        """Return a page of what is said of tenants; with ``only_savings`` it may hold few."""
        ...
