"""What the use cases of costs need of the outside."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.chassis.facts import FactRecord
from services.chassis.transactions import Transactions
from services.pricing.changes import Change
from services.pricing.costs.budgets import Alert, Budget
from services.pricing.costs.domain import CostFilter, CostRecord, Dimension, Observation
from services.pricing.costs.forecast import DayChange, Standing
from services.pricing.costs.months import Window
from services.pricing.costs.notices import Notice
from services.pricing.costs.rating import CardHistory
from services.pricing.costs.report import Sum
from services.pricing.costs.sight import Asker
from services.pricing.costs.telling import Channel, Delivery
from services.pricing.costs.use import UsedHour, UseSummary
from services.pricing.domain import Catalog
from services.pricing.quotes import PlanQuote


@dataclass(frozen=True, slots=True)
class RecordQuery:
    """Which records: those that stood at or after ``begin`` and before ``end``, None for all.

    ``after`` is the begin and the name of the last record of the page before.
    """

    filter: CostFilter
    begin: int | None
    end: int | None
    after: tuple[int, str] | None
    limit: int


@dataclass(frozen=True, slots=True)
class RecommendationQuery:
    """Which recommendations; ``page_size`` and ``page_token`` as they were asked for."""

    filter: CostFilter
    only_savings: bool = False
    page_size: int = 0
    page_token: str = ""


class RecordStore(Protocol):
    """Observations of capacity and the records that follow from them, within one transaction."""

    async def now(self) -> datetime:
        """Return the database's time."""
        ...

    async def lock_tenant(self, tenant: str) -> None:
        """Keep everybody else from this tenant's observations and records."""
        ...

    async def add_observation(self, observation: Observation) -> bool:
        """Store an observation; False if this revision of the tenant was there already."""
        ...

    async def observations(self, tenant: str) -> Sequence[Observation]:
        """Return all that was observed of a tenant, in the order of revisions."""
        ...

    async def card_history(self) -> CardHistory | None:
        """Return which rate card was in force when; None if none ever was."""
        ...

    async def replace_records(self, tenant: str, records: Sequence[CostRecord]) -> None:
        """Make these the records of a tenant; what stands so already is not touched."""
        ...

    async def keep_unknown(self, fact: FactRecord, source: str) -> None:
        """Keep a fact for the version that knows its type."""
        ...

    async def records(self, query: RecordQuery) -> Sequence[CostRecord]:
        """Return records, newest first, of the same begin by name."""
        ...

    async def sums(
        self,
        filter: CostFilter,  # noqa: A002 - the contract's word
        window: Window,
        columns: Sequence[Dimension],
        limit: int,
    ) -> Sequence[Sum]:
        """Return what records cost within a window, by the values of these dimensions.

        At most ``limit`` of them. The month is no column.
        """
        ...

    async def standing(self, filter: CostFilter) -> Sequence[Standing]:  # noqa: A002
        """Return the rates of what stands, by currency and hours of a month."""
        ...

    async def changes(self, filter: CostFilter, window: Window) -> Sequence[DayChange]:  # noqa: A002
        """Return what stood at a window's begin, and what changed on each day of it."""
        ...

    async def fold_days(self) -> bool:
        """Make what is kept of each day smaller; tell whether there may be more of it to do.

        It changes no answer.
        """
        ...


class BudgetStore(Protocol):
    """Budgets and their alerts, within one transaction."""

    async def now(self) -> datetime:
        """Return the database's time."""
        ...

    async def add_budget(self, budget: Budget) -> None:
        """Store a new budget."""
        ...

    async def budget(self, name: str, *, locked: bool = False) -> Budget | None:
        """Return a budget; ``locked`` keeps others from changing it."""
        ...

    async def save_budget(self, budget: Budget) -> None:
        """Store what became of a budget."""
        ...

    async def delete_budget(self, name: str) -> None:
        """Delete a budget; its alerts stay."""
        ...

    async def budgets(self, asker: Asker, after: str, limit: int) -> Sequence[Budget]:
        """Return budgets that this caller may see, by name, which is by age."""
        ...

    async def add_alert(self, alert: Alert) -> bool:
        """Store an alert; False if it was raised already."""
        ...

    async def alerts(self, asker: Asker, budget: str, before: int, limit: int) -> Sequence[Alert]:
        """Return alerts that this caller may see, newest first, with a number below ``before``.

        Those of one budget, or of all if it is empty; ``before`` 0 is no bound.
        """
        ...

    async def add_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        """Store deliveries of an alert, and have them made after the commit."""
        ...

    async def delivery(self, name: str) -> Delivery | None:
        """Return a delivery."""
        ...

    async def save_delivery(self, delivery: Delivery) -> None:
        """Store how far a delivery is; one that is over stays as it is."""
        ...

    async def deliveries(self, alerts: Sequence[str]) -> Sequence[Delivery]:
        """Return who is told of these alerts, by alert, channel and target."""
        ...

    async def notices(self, budgets: Sequence[str]) -> Mapping[str, Notice]:
        """Return what was told last of these budgets; one of which nothing was is missing."""
        ...

    async def tell(self, notice: Notice) -> None:
        """Keep a notice as the last one of its budget, and have it delivered after the commit.

        The caller holds the budget's lock.
        """
        ...

    async def only_one_evaluates(self) -> bool:
        """Become the only one who evaluates budgets until the transaction ends, or say no."""
        ...

    async def once(
        self,
        actor: str,
        rpc: str,
        key: str,
        request_hash: bytes,
        produce: Callable[[], Awaitable[str]],
    ) -> str:
        """Return the name that ``produce`` made, or that it made the first time."""
        ...

    async def audit(self, change: Change) -> None:
        """Add to the audit record."""
        ...


class UseStore(Protocol):
    """What tenants use, and what stands beside it, within one transaction."""

    async def now(self) -> datetime:
        """Return the database's time."""
        ...

    async def add_use(self, used: UsedHour) -> bool:
        """Store an hour; False if it was there already."""
        ...

    async def use_of(self, tenants: Sequence[str], since: int) -> Mapping[str, UseSummary]:
        """Return what tenants used from an hour on; one that was never measured is missing."""
        ...

    async def forget_use(self, before: int, limit: int) -> int:
        """Forget hours before this one, at most so many; return how many."""
        ...

    async def standing_records(
        self,
        filter: CostFilter,  # noqa: A002
        after: str,
        limit: int,
    ) -> Sequence[CostRecord]:
        """Return the records of what stands, by tenant, from behind this one on."""
        ...

    async def tiers_of(self, names: Sequence[str]) -> Mapping[str, str]:
        """Return the tiers of those of these accounts that have one."""
        ...

    async def sold_to(self, accounts: Sequence[str]) -> Mapping[tuple[str, str], PlanQuote]:
        """Return by which quotes plans were sold, by account and plan; the last one of each."""
        ...


class Offers(Protocol):
    """What is sold now."""

    async def catalogs(self) -> Mapping[str, Catalog]:
        """Return the catalogs in force, by name."""
        ...


class Sender(Protocol):
    """One way to tell somebody."""

    @property
    def channel(self) -> Channel:
        """Which way it is."""
        ...

    async def send(self, delivery: Delivery) -> None:
        """Send a message; NotDelivered if nobody took it. Sent twice, it has the same id."""
        ...


class Store(RecordStore, BudgetStore, UseStore, Protocol):
    """Everything that is kept of costs, within one transaction."""


CostTransactions = Transactions[Store]
