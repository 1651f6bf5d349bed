"""Handles what is due to be told, and says how it went."""

from collections.abc import Sequence

import structlog

from services.chassis.metrics import Counter
from services.chassis.queue import Again, Done, Job, Outcome
from services.pricing.costs import usecases
from services.pricing.costs.ports import CostTransactions, Sender
from services.pricing.costs.telling import DeliveryState

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("pricing.alerts")


class AlertTeller:
    """Makes one delivery of the queue; ``outcomes`` counts tries by channel and outcome."""

    def __init__(self, tx: CostTransactions, senders: Sequence[Sender], outcomes: Counter) -> None:
        self._tx = tx
        self._senders = senders
        self._outcomes = outcomes

    async def handle(self, job: Job) -> Outcome:
        """Try once; what failed is due again, ever later, until it is given up."""
        tried, again = await usecases.deliver(self._tx, self._senders, job.key)
        if tried is None:
            return Done()
        outcome = "failed" if tried.state is DeliveryState.PENDING else tried.state.lower()
        self._outcomes.labels(tried.channel.lower(), outcome).inc()
        if tried.state is DeliveryState.GIVEN_UP:
            _log.warning(
                "An alert of a budget was given up.",
                delivery=tried.name,
                budget=tried.budget,
                channel=tried.channel.lower(),
                attempts=tried.attempts,
                problem=tried.last_error,
            )
        return Done() if again is None else Again(again)
