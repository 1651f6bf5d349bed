"""The store of costs in memory: small, real, and held to the same suite as PostgreSQL's."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TypeVar

from services.chassis.errors import Aborted, InvalidArgument
from services.chassis.facts import FactRecord
from services.pricing.changes import Change
from services.pricing.costs.budgets import Alert, Budget
from services.pricing.costs.domain import DAY, CostFilter, CostRecord, Dimension, Observation
from services.pricing.costs.forecast import DayChange, Standing
from services.pricing.costs.months import Window
from services.pricing.costs.notices import Notice
from services.pricing.costs.ports import RecordQuery
from services.pricing.costs.rating import CardHistory
from services.pricing.costs.report import Sum
from services.pricing.costs.sight import Asker
from services.pricing.costs.telling import Delivery, DeliveryState
from services.pricing.costs.timeline import sorted_once
from services.pricing.costs.use import UsedHour, UseSummary
from services.pricing.quotes import PlanQuote, Quote
from services.pricing.rates import RateCard
from services.pricing.sizes import EXACT
from tests.fakes.pricing_use import summary_of

T = TypeVar("T")
_FOREVER = 1 << 62


@dataclass
class CostState:
    """All rows. Values never change, so a copy of the collections is a copy of all."""

    cards: list[tuple[int, RateCard]] = field(default_factory=list)
    observations: dict[tuple[str, int], Observation] = field(default_factory=dict)
    records: dict[str, CostRecord] = field(default_factory=dict)
    unknown: list[tuple[FactRecord, str]] = field(default_factory=list)
    budgets: dict[str, Budget] = field(default_factory=dict)
    alerts: dict[str, Alert] = field(default_factory=dict)
    deliveries: dict[str, Delivery] = field(default_factory=dict)
    queued: list[str] = field(default_factory=list)
    notices: dict[str, Notice] = field(default_factory=dict)
    told: list[Notice] = field(default_factory=list)
    answers: dict[tuple[str, str, str], tuple[bytes, str]] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    used: dict[tuple[str, int], UsedHour] = field(default_factory=dict)
    tiers: dict[str, str] = field(default_factory=dict)
    quotes: list[Quote] = field(default_factory=list)

    def copied(self) -> "CostState":
        """Return rows that may be changed without changing these."""
        return CostState(**{name: copy(rows) for name, rows in vars(self).items()})


class MemoryRecords:
    """Observations and records in memory, within one transaction."""

    _state: CostState
    _now: datetime

    async def now(self) -> datetime:
        """Return the time of the transaction's begin."""
        return self._now

    async def lock_tenant(self, tenant: str) -> None:
        """Nothing to wait for: transactions in memory run one at a time."""

    async def add_observation(self, observation: Observation) -> bool:
        """Store an observation; False if this revision was there already."""
        key = (observation.tenant, observation.revision)
        return self._state.observations.setdefault(key, observation) is observation

    async def observations(self, tenant: str) -> Sequence[Observation]:
        """Return all that was observed of a tenant."""
        every = self._state.observations.values()
        return sorted_once(told for told in every if told.tenant == tenant)

    async def card_history(self) -> CardHistory | None:
        """Return which rate card was in force when."""
        return CardHistory(list(self._state.cards)) if self._state.cards else None

    async def replace_records(self, tenant: str, records: Sequence[CostRecord]) -> None:
        """Make these the records of a tenant."""
        kept = {name: one for name, one in self._state.records.items() if one.tenant != tenant}
        self._state.records = kept | {record.name: record for record in records}

    async def keep_unknown(self, fact: FactRecord, source: str) -> None:
        """Keep a fact for the version that knows its type."""
        self._state.unknown.append((fact, source))

    async def records(self, query: RecordQuery) -> Sequence[CostRecord]:
        """Return records, newest first."""
        found = [
            record
            for record in self._state.records.values()
            if query.filter.takes(record)
            if query.begin is None or _end(record) > query.begin
            if query.end is None or record.begin < query.end
            if query.after is None or (record.begin, record.name) < query.after
        ]
        found.sort(key=lambda record: (record.begin, record.name), reverse=True)
        return found[: query.limit]

    async def sums(
        self,
        filter: CostFilter,  # noqa: A002 - the contract's word
        window: Window,
        columns: Sequence[Dimension],
        limit: int,
    ) -> Sequence[Sum]:
        """Return what records cost within a window."""
        sums: dict[tuple[tuple[str, ...], str, int], Sum] = {}
        for record in self._taken(filter):
            seconds = min(_end(record), window.end) - max(record.begin, window.begin)
            if seconds <= 0:
                continue
            values = tuple(str(getattr(record, column)) for column in columns)
            key = (values, record.currency, record.hours_per_month)
            before = sums.get(key, Sum(*key, Decimal(0), 0, 0))
            sums[key] = replace(
                before,
                rate_seconds=EXACT.fma(record.monthly_rate, Decimal(seconds), before.rate_seconds),
                records=before.records + 1,
                begun=before.begun + (record.begin >= window.begin),
            )
        return list(sums.values())[:limit]

    async def standing(self, filter: CostFilter) -> Sequence[Standing]:  # noqa: A002
        """Return the rates of what stands."""
        rates: dict[tuple[str, int], Decimal] = defaultdict(Decimal)
        for record in self._taken(filter):
            if record.end is None:
                key = (record.currency, record.hours_per_month)
                rates[key] = EXACT.add(rates[key], record.monthly_rate)
        return [Standing(*key, rate) for key, rate in rates.items()]

    async def changes(self, filter: CostFilter, window: Window) -> Sequence[DayChange]:  # noqa: A002
        """Return what stood at a window's begin, and what changed on each day of it."""
        found: list[DayChange] = []
        for record in self._taken(filter):
            key, rate = (record.currency, record.hours_per_month), record.monthly_rate
            if record.begin <= window.begin < _end(record):
                found.append(DayChange(*key, -1, rate))
            for second, sign in ((record.begin, 1), (_end(record), -1)):
                if window.begin < second < window.end:
                    day, into = divmod(second - window.begin, DAY)
                    signed = rate if sign > 0 else rate.copy_negate()
                    left = EXACT.multiply(signed, Decimal(DAY - into))
                    found.append(DayChange(*key, day, signed, left))
        return found

    async def fold_days(self) -> bool:
        """Nothing is kept by day in memory."""
        return False

    def _taken(self, filter_: CostFilter) -> list[CostRecord]:
        return [record for record in self._state.records.values() if filter_.takes(record)]


class MemoryBudgets:
    """Budgets in memory, within one transaction."""

    _state: CostState
    busy: bool

    async def add_budget(self, budget: Budget) -> None:
        """Store a new budget."""
        assert budget.name not in self._state.budgets
        self._state.budgets[budget.name] = budget

    async def budget(self, name: str, *, locked: bool = False) -> Budget | None:
        """Return a budget."""
        return self._state.budgets.get(name)

    async def save_budget(self, budget: Budget) -> None:
        """Store what became of a budget."""
        assert budget.name in self._state.budgets
        self._state.budgets[budget.name] = budget

    async def delete_budget(self, name: str) -> None:
        """Delete a budget; its alerts stay."""
        del self._state.budgets[name]
        self._state.notices.pop(name, None)

    async def budgets(self, asker: Asker, after: str, limit: int) -> Sequence[Budget]:
        """Return budgets that this caller may see, by name."""
        seen = [one for one in self._state.budgets.values() if asker.may_see(one.filter)]
        return sorted((one for one in seen if one.name > after), key=lambda one: one.name)[:limit]

    async def add_alert(self, alert: Alert) -> bool:
        """Store an alert; False if it was raised already."""
        if alert.name in self._state.alerts:
            return False
        self._state.alerts[alert.name] = replace(alert, number=len(self._state.alerts) + 1)
        return True

    async def alerts(self, asker: Asker, budget: str, before: int, limit: int) -> Sequence[Alert]:
        """Return alerts that this caller may see, newest first."""
        found = [
            alert
            for alert in self._state.alerts.values()
            if asker.may_see(CostFilter(user=alert.user, organization=alert.organization))
            if budget in ("", alert.budget) and (before == 0 or alert.number < before)
        ]
        return sorted(found, key=lambda alert: -alert.number)[:limit]

    async def add_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        """Store deliveries, and note that they are due."""
        for one in deliveries:
            self._state.deliveries.setdefault(one.name, one)
        self._state.queued += [one.name for one in deliveries]

    async def delivery(self, name: str) -> Delivery | None:
        """Return a delivery."""
        return self._state.deliveries.get(name)

    async def save_delivery(self, delivery: Delivery) -> None:
        """Store how far a delivery is, unless it is over."""
        if self._state.deliveries[delivery.name].state is DeliveryState.PENDING:
            self._state.deliveries[delivery.name] = delivery

    async def deliveries(self, alerts: Sequence[str]) -> Sequence[Delivery]:
        """Return who is told of these alerts."""
        found = [one for one in self._state.deliveries.values() if one.alert in alerts]
        return sorted(found, key=lambda one: (one.alert, one.channel, one.target))

    async def notices(self, budgets: Sequence[str]) -> Mapping[str, Notice]:
        """Return what was told last of these budgets."""
        return {name: one for name, one in self._state.notices.items() if name in budgets}

    async def tell(self, notice: Notice) -> None:
        """Keep a notice as the last one, and note that it is on its way."""
        assert notice.budget in self._state.budgets
        self._state.notices[notice.budget] = notice
        self._state.told.append(notice)

    async def only_one_evaluates(self) -> bool:
        """Say whether another one evaluates, as the test has set it."""
        return not self.busy

    async def once(
        self,
        actor: str,
        rpc: str,
        key: str,
        request_hash: bytes,
        produce: Callable[[], Awaitable[str]],
    ) -> str:
        """Return what was produced under the key."""
        if not key:
            return await produce()
        known = self._state.answers.get((actor, rpc, key))
        if known is None:
            known = (request_hash, await produce())
            self._state.answers[(actor, rpc, key)] = known
        if known[0] != request_hash:
            raise InvalidArgument("used for another", reason="IDEMPOTENCY_KEY_REUSED")
        return known[1]

    async def audit(self, change: Change) -> None:
        """Add to the audit record."""
        self._state.changes.append(change)


class MemoryUse:
    """What tenants use, in memory, within one transaction."""

    _state: CostState

    async def add_use(self, used: UsedHour) -> bool:
        """Store an hour; False if it was there already."""
        return self._state.used.setdefault((used.tenant, used.hour), used) is used

    async def use_of(self, tenants: Sequence[str], since: int) -> Mapping[str, UseSummary]:
        """Return what tenants used from an hour on."""
        found = {
            tenant: [
                one
                for one in self._state.used.values()
                if one.tenant == tenant and one.hour >= since
            ]
            for tenant in tenants
        }
        return {tenant: summary_of(hours) for tenant, hours in found.items() if hours}

    async def forget_use(self, before: int, limit: int) -> int:
        """Forget hours before this one, at most so many."""
        old = [key for key in self._state.used if key[1] < before][:limit]
        for key in old:
            del self._state.used[key]
        return len(old)

    async def standing_records(
        self,
        filter: CostFilter,  # noqa: A002 - the contract's word
        after: str,
        limit: int,
    ) -> Sequence[CostRecord]:
        """Return the records of what stands, by tenant."""
        found = [
            one
            for one in self._state.records.values()
            if one.end is None and filter.takes(one) and one.tenant > after
        ]
        return sorted(found, key=lambda one: one.tenant)[:limit]

    async def tiers_of(self, names: Sequence[str]) -> Mapping[str, str]:
        """Return the tiers of those of these accounts that have one."""
        return {name: self._state.tiers[name] for name in names if name in self._state.tiers}

    async def sold_to(self, accounts: Sequence[str]) -> Mapping[tuple[str, str], PlanQuote]:
        """Return by which quotes plans were sold; all that are here were taken."""
        return {
            (one.owner, one.subject.plan): one.subject
            for one in self._state.quotes
            if one.owner in accounts and isinstance(one.subject, PlanQuote)
        }


class MemoryCostStore(MemoryRecords, MemoryBudgets, MemoryUse):
    """The store of costs in memory, within one transaction."""

    def __init__(self, state: CostState, now: datetime, *, busy: bool) -> None:
        self._state = state
        self._now = now
        self.busy = busy


class MemoryCostTransactions:
    """Transactions in memory, one at a time; a failed one leaves nothing.

    ``time`` is the store's time, None that of the machine. ``busy``: another one evaluates budgets.
    """

    def __init__(self) -> None:
        self.state = CostState()
        self.time: datetime | None = None
        self.busy = False

    async def run(
        self, fn: Callable[[MemoryCostStore], Awaitable[T]], *, timeout: float = 10.0
    ) -> T:
        """Run ``fn`` and keep what it did."""
        before, draft = self.state, self.state.copied()
        result = await fn(MemoryCostStore(draft, self.time or datetime.now(UTC), busy=self.busy))
        if self.state is not before:
            raise Aborted("another transaction was faster")
        self.state = draft
        return result

    async def single(
        self, fn: Callable[[MemoryCostStore], Awaitable[T]], *, timeout: float = 10.0
    ) -> T:
        """Run ``fn``, whose one statement is a transaction by itself."""
        return await self.run(fn, timeout=timeout)


def _end(record: CostRecord) -> int:
    return _FOREVER if record.end is None else record.end
