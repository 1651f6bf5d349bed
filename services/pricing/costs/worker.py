"""Looks again and again whether budgets are passed, and keeps small what is kept."""

import structlog

from services.chassis.clock import Clock
from services.chassis.errors import Refusal, Unavailable
from services.chassis.metrics import Counter
from services.chassis.outage import Outage
from services.pricing.costs import usecases
from services.pricing.costs.advising import Adviser
from services.pricing.costs.ports import CostTransactions

FOLD_EVERY = 10.0
"""Seconds between two folds of the sums by day."""
FORGET_EVERY = 3600.0
"""Seconds between two looks for use that is too old to count."""

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("pricing.budgets")


class BudgetWatch:
    """Evaluates budgets, and tells operators of each alert: a line in the log, and a count.

    With ``notify`` it also tells those whom a budget concerns, by a fact.
    """

    def __init__(
        self, tx: CostTransactions, clock: Clock, alerts: Counter, *, notify: bool = False
    ) -> None:
        self._tx = tx
        self._notify = notify
        self._clock = clock
        self._alerts = alerts

    async def run(self, every: float) -> None:
        """Look every so many seconds, for ever; what fails is looked at again the next time."""
        while True:
            try:
                await self.look()
            except Unavailable as trouble:
                _log.warning("Budgets wait for the database.", problem=trouble.message)
            except Exception as error:  # noqa: BLE001 - a loop that ended would be missed by nobody
                _log.error("Budgets could not be evaluated.", exc_info=error)
            await self._clock.sleep(every)

    async def look(self) -> None:
        """Evaluate all budgets once."""
        for alert in await usecases.evaluate_budgets(self._tx, notify=self._notify):
            basis = str(alert.threshold.basis).lower()
            self._alerts.labels(basis).inc()
            _log.warning(
                "A budget passed a threshold.",
                budget=alert.budget,
                month=alert.month,
                percent=alert.threshold.percent,
                basis=basis,
                amount=str(alert.amount),
                found=str(alert.found),
            )


class DaySums:
    """Folds what has changed into the sums by day; no answer depends on when."""

    def __init__(self, tx: CostTransactions, clock: Clock) -> None:
        self._tx = tx
        self._clock = clock

    async def run(self, every: float) -> None:
        """Fold every so many seconds, for ever."""
        outage = Outage("Folding the sums by day", self._clock)
        while True:
            try:
                while await self._tx.run(lambda store: store.fold_days()):
                    continue
            except Refusal as refusal:
                await outage.pause(refusal)
            else:
                outage.over()
                await self._clock.sleep(every)


class OldUse:
    """Forgets what was used before the days that recommendations look at."""

    def __init__(self, tx: CostTransactions, adviser: Adviser, clock: Clock) -> None:
        self._tx = tx
        self._adviser = adviser
        self._clock = clock

    async def run(self, every: float) -> None:
        """Forget every so many seconds, for ever."""
        outage = Outage("Forgetting old use", self._clock)
        while True:
            try:
                while await usecases.forget_use(self._tx, self._adviser):
                    continue
            except Refusal as refusal:
                await outage.pause(refusal)
            else:
                outage.over()
                await self._clock.sleep(every)
