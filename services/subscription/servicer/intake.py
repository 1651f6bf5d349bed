"""The intake of facts: read one, give it to its use case, tell what needs a person."""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from typing import assert_never

import structlog

from services.chassis.errors import InvalidArgument
from services.chassis.facts import FactRecord
from services.chassis.ids import Ids
from services.chassis.metrics import Counter
from services.subscription import convert, usecases
from services.subscription.auditing import Alert
from services.subscription.convert import Incoming
from services.subscription.domain import Observation
from services.subscription.incoming import (
    CheckoutPaid,
    InvoicePaid,
    InvoicePaymentFailed,
    PaymentReversed,
    ProviderSubscription,
)
from services.subscription.noticing import BudgetNotice
from services.subscription.ports import Pricing, SubscriptionTransactions
from services.subscription.usecases import Envelope, PricesInForce, PurchaseFact

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("subscription.facts")


class Alerting:
    """Tells operators what needs a person: an error in the log, and a count."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter

    def tell(self, alerts: tuple[Alert, ...]) -> None:
        """Log and count each of them."""
        for alert in alerts:
            self._counter.labels(alert.reason).inc()
            details = {name: text for name, text in alert.details if text}
            _log.error(
                "A person has to look at this.",
                alert=str(alert.reason),
                object=alert.object,
                **details,
            )


@dataclass(frozen=True, slots=True)
class FactIntake:
    """Takes the facts that the sink was given; returns only when one is durable."""

    tx: SubscriptionTransactions
    pricing: Pricing
    ids: Ids
    alerting: Alerting
    prices: PricesInForce = field(default_factory=PricesInForce)

    async def take(self, record: FactRecord, source: str) -> None:
        """Take one fact; InvalidArgument if it can never be taken."""
        if convert.source_of(record.type) != source:
            raise InvalidArgument(f"{source} does not own {record.type}.", reason="WRONG_SOURCE")
        envelope = Envelope(record, source)
        fact = convert.from_record(record)
        if fact is None:
            await usecases.keep_unknown(self.tx, envelope)
            return
        alerts = await self._take(envelope, fact)
        if alerts:
            self.alerting.tell(alerts)

    async def take_together(self, records: Sequence[FactRecord], source: str) -> bool:
        """Take what came together of one customer's purchases, all or none.

        False if there is anything else among it: who takes it one by one says what that is.
        """
        if any(convert.source_of(record.type) != source for record in records):
            return False
        facts: list[tuple[Envelope, PurchaseFact]] = []
        for record in records:
            fact = convert.from_record(record)
            if not isinstance(fact, PurchaseFact):
                return False
            facts.append((Envelope(record, source), fact))
        # Two customers of one transaction would have to be locked in an order.
        if len({fact.payer.customer for _, fact in facts}) != 1:
            return False
        self.alerting.tell(await self._purchase(facts))
        return True

    def _purchase(
        self, facts: Sequence[tuple[Envelope, PurchaseFact]]
    ) -> Awaitable[tuple[Alert, ...]]:
        return usecases.take_purchase(self.tx, self.pricing, self.ids, facts, self.prices)

    def _take(self, envelope: Envelope, fact: Incoming) -> Awaitable[tuple[Alert, ...] | None]:
        match fact:
            case CheckoutPaid() | ProviderSubscription() | InvoicePaid():
                return self._purchase([(envelope, fact)])
            case InvoicePaymentFailed():
                return usecases.take_payment_failure(self.tx, self.ids, envelope, fact)
            case PaymentReversed():
                return usecases.take_reversal(self.tx, self.ids, envelope, fact)
            case Observation():
                return usecases.take_observation(self.tx, envelope, fact)
            case BudgetNotice():
                return usecases.take_budget_notice(self.tx, envelope, fact)
            case _:
                assert_never(fact)
