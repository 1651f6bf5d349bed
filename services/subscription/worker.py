"""The loops of subscription: retention timer, refunds, unknown prices, epochs, housekeeping.

The relay to the provisioner is the chassis's; `__main__` starts it beside these.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from services.chassis.backoff import Jitter, system_jitter
from services.chassis.clock import Clock
from services.chassis.db import Pool
from services.chassis.errors import is_transient
from services.chassis.metrics import Metrics
from services.chassis.outbox import backlog
from services.chassis.retaking import retake
from services.subscription import convert, usecases
from services.subscription.auditing import Actor
from services.subscription.ports import Payments
from services.subscription.servicer import FactIntake

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("subscription.worker")

Step = Callable[[], Awaitable[None]]
HOUSEKEEPING = 15.0
PURGE = 3600.0
SYSTEM = Actor("subscription")


async def every(
    seconds: float, name: str, step: Step, clock: Clock, jitter: Jitter = system_jitter
) -> None:
    """Run a step for ever, about every so many seconds, spread over a fifth of that.

    A step that fails is tried again at its next time: it reads what is to do from the database.
    """
    failures = 0
    while True:
        try:
            await step()
        except Exception as error:  # noqa: BLE001 - a loop that ended would be missed by nobody
            failures += 1
            passing = is_transient(error)
            if failures == 1 or not passing:
                write = _log.warning if passing else _log.error
                write(f"{name} failed.", error=str(error), exc_info=None if passing else error)
        else:
            if failures:
                _log.info(f"{name} goes on.", failures=failures)
            failures = 0
        await clock.sleep(seconds * (0.9 + 0.2 * jitter()))


@dataclass(frozen=True, slots=True)
class Giver:
    """Who gives money back, and how long a purchase stands refused before that."""

    payments: Payments
    delay: timedelta


@dataclass(slots=True)
class Chores:
    """What is done from time to time; every method is one step of a loop."""

    intake: FactIntake
    pool: Pool
    metrics: Metrics
    giver: Giver
    _stopped: bool = field(default=False, init=False)
    _refunds_stopped: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        watch = self.metrics.watch
        watch("retention_stopped", "1 while the retention timer is stopped", lambda: self._stopped)
        watch(
            "refunds_stopped",
            "1 while the refund worker is stopped",
            lambda: self._refunds_stopped,
        )

    async def sweep(self) -> None:
        """Act on graces that are over; stops, and says so, before it touches too many accounts."""
        swept = await usecases.sweep_retention(self.intake.tx)
        if swept.stopped and not self._stopped:
            _log.error(
                "The retention timer is stopped: it would touch too many accounts.",
                due=swept.due,
                limit=swept.limit,
            )
        self._stopped = swept.stopped
        if swept.done:
            _log.info("Retention times were over.", accounts=swept.done)
        self.intake.alerting.tell(swept.alerts)

    async def give_refunds(self) -> None:
        """Give back what is due; decides on nothing more, and says so, before it is too much."""
        tx, giver = self.intake.tx, self.giver
        if not await usecases.refunds_ahead(tx, giver.delay):
            self._refunds_stopped = False
            return
        news = usecases.News(giver.payments, self.intake.take)
        found = await usecases.decide_refunds(tx, news, delay=giver.delay)
        self.intake.alerting.tell(found.alerts)
        if found.stopped and not self._refunds_stopped:
            _log.error(
                "The refund worker is stopped: it would give back too many purchases.",
                due=found.due,
                limit=found.limit,
            )
        self._refunds_stopped = found.stopped
        # What was decided before is given back even while nothing more is decided.
        given, alerts = await usecases.give_refunds(tx, giver.payments)
        if given:
            _log.info("Money was given back.", times=given)
        self.intake.alerting.tell(alerts)

    async def release_holds(self) -> None:
        """Give back credits that were set aside for longer than they may be."""
        released = await usecases.release_expired(self.intake.tx, SYSTEM.name)
        if released:
            _log.info("Holds were given back.", holds=released)

    async def retry_prices(self) -> None:
        """Apply what waited for prices that a catalog knows by now, and for quotes."""
        intake = self.intake
        alerts = await usecases.retry_unknown_prices(intake.tx, intake.pricing, intake.ids)
        intake.alerting.tell(alerts)
        intake.alerting.tell(await usecases.retry_unknown_quotes(intake.tx, intake.pricing))

    async def renew_assigned(self) -> None:
        """Grant the credits of months that began for what was given by hand."""
        renewed = await usecases.renew_assigned(self.intake.tx, SYSTEM)
        if renewed:
            _log.info("Months of assignments began.", accounts=renewed)

    async def resend(self) -> None:
        """Give orders of an older epoch again."""
        sent = await usecases.resend_behind(self.intake.tx, SYSTEM)
        if sent:
            _log.info("Orders were given again in a new epoch.", accounts=sent)

    async def purge(self) -> None:
        """Forget idempotency keys that are past their time, and waits that are over."""
        while await self.intake.tx.run(lambda store: store.forget_answers()):
            pass
        while await self.intake.tx.run(lambda store: store.forget_postponed()):
            pass

    async def count_backlog(self) -> None:
        """Show how much waits for the provisioner."""
        waiting = {row.destination: row for row in await backlog(self.pool)}
        row = waiting.get("provisioner")
        facts = self.metrics.gauge("outbox_facts", "Facts that wait", ("destination",))
        facts.labels("provisioner").set(row.facts if row else 0)
        oldest = self.metrics.gauge("outbox_oldest_seconds", "Age of the oldest", ("destination",))
        oldest.labels("provisioner").set(row.oldest_seconds if row else 0)

    async def take_kept(self) -> None:
        """Take what an earlier version kept because it did not know it."""
        taken = await retake(self.intake.tx, convert.KNOWN_TYPES, self.intake.take)
        if taken:
            _log.info("Facts that were kept unknown are taken.", facts=taken)
