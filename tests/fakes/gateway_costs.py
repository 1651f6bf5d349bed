"""Pricing's costs as the gateway sees them, in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from gateway.ports.costs import (
    Alert,
    Alerts,
    Budget,
    Budgets,
    BudgetWish,
    CostQuestion,
    CostRecord,
    CostRecords,
    CostReport,
    MonthForecast,
    PageWish,
)
from gateway.ports.recommendations import Recommendation, Recommendations
from services.chassis.errors import Aborted, NotFound, Refusal
from services.chassis.identity import Principal, current
from tests.fakes.gateway import NOW


@dataclass
class MemoryCosts:
    """Answers what is set; ``refusal`` is what the next question is answered with.

    Budgets are kept, and made once for each key; an etag counts their changes.
    """

    found: CostReport | None = None
    month: MonthForecast | None = None
    stood: Sequence[CostRecord] = ()
    raised: Sequence[Alert] = ()
    advice: Sequence[Recommendation] = ()
    token: str = ""
    refusal: Refusal | None = None
    kept: dict[str, Budget] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[object, ...]] = field(default_factory=list)
    callers: list[Principal] = field(default_factory=list)

    async def records(self, asked: CostQuestion, page: PageWish) -> CostRecords:
        """Answer the records that are set."""
        self._hear(asked, page)
        return CostRecords(self.stood, self.token)

    async def report(self, asked: CostQuestion, dimensions: Sequence[str]) -> CostReport:
        """Answer the report that is set."""
        self._hear(asked, tuple(dimensions))
        assert self.found is not None
        return self.found

    async def forecast(self, narrow: Mapping[str, str]) -> MonthForecast:
        """Answer the forecast that is set."""
        self._hear(narrow)
        assert self.month is not None
        return self.month

    async def recommendations(
        self, narrow: Mapping[str, str], page: PageWish, *, only_savings: bool
    ) -> Recommendations:
        """Answer the recommendations that are set."""
        self._hear(narrow, page, only_savings)
        return Recommendations(self.advice, self.token)

    async def create_budget(self, wish: BudgetWish, request_id: str) -> Budget:
        """Make a budget, once for each key."""
        self._hear(wish, request_id)
        name = self.keys.get(request_id, f"bud_{len(self.kept) + 1}")
        if request_id:
            self.keys[request_id] = name
        return self.kept.setdefault(name, Budget(name, wish, NOW, NOW, "1"))

    async def budget(self, name: str) -> Budget:
        """Return a budget."""
        self._hear(name)
        if name not in self.kept:
            raise NotFound(f"There is no budget {name}.", reason="UNKNOWN_BUDGET")
        return self.kept[name]

    async def budgets(self, page: PageWish) -> Budgets:
        """Return all budgets."""
        self._hear(page)
        return Budgets(list(self.kept.values()), self.token)

    async def update_budget(
        self, name: str, wish: BudgetWish, *, etag: str, request_id: str
    ) -> Budget:
        """Change a budget in the state that is named."""
        before = await self._to_change(name, etag)
        changed = replace(before, wish=wish, etag=str(int(before.etag) + 1))
        self.kept[name] = changed
        return changed

    async def delete_budget(self, name: str, *, etag: str, request_id: str) -> None:
        """Delete a budget in the state that is named."""
        await self._to_change(name, etag)
        del self.kept[name]

    async def webhook_secret(self, name: str) -> str:
        """Return a secret that is the budget's own."""
        return f"whsec_{(await self.budget(name)).name}"

    async def alerts(self, budget: str, page: PageWish) -> Alerts:
        """Return the alerts that are set, of one budget or of all."""
        self._hear(budget, page)
        return Alerts([one for one in self.raised if budget in ("", one.budget)], self.token)

    async def _to_change(self, name: str, etag: str) -> Budget:
        before = await self.budget(name)
        if etag not in ("", before.etag):
            raise Aborted("It was changed since you read it.", reason="ETAG_MISMATCH")
        return before

    def _hear(self, *asked: object) -> None:
        self.asked.append(asked)
        self.callers.append(current())
        if self.refusal is not None:
            raise self.refusal
