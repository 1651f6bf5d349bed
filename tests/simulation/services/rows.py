"""What a replica works on: transactions on its service's store, its outbox and its queue.

The compositions ask for these rows and name no kind of store, so that the same worlds run in memory
and on PostgreSQL.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, cast

from services.chassis.clock import Clock
from services.chassis.facts import FactRecord
from services.chassis.relaying import OutboxRows
from services.chassis.telemetry import current_traceparent
from services.chassis.wakeups import Wakeups
from services.chassis.working import QueueRows
from services.payments.convert import to_fact_record
from services.provisioner.convert import Codec
from services.subscription import convert
from services.subscription.domain import CapacityOrdered
from tests.fakes.memory_db import MemoryTransactions, MemoryTx
from tests.fakes.memory_outbox import MemoryOutbox
from tests.fakes.memory_queue import MemoryQueue
from tests.fakes.payments import MemoryStore as PaymentsRows
from tests.fakes.provisioner import MemoryStore as ProvisionerRows
from tests.fakes.subscription import MemoryStore as SubscriptionRows
from tests.simulation.engine.database import SimDatabase, WorldDatabase
from tests.simulation.services.pricing_rows import PricingRows

CODEC = Codec()
"""The provisioner's."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one replica. ``tx`` runs transactions on the store of its service."""

    tx: Any
    outbox: OutboxRows
    queue: QueueRows


class OpenRows(Protocol):
    """Opens the rows of one service in the life that runs now."""

    async def __call__(
        self, service: str, db: WorldDatabase, clock: Clock, wakeups: Wakeups
    ) -> Rows:
        """Return them, once its database can be reached."""
        ...


def encode(fact: CapacityOrdered, traceparent: str) -> FactRecord:
    """Return an order as subscription's outbox keeps it."""
    return convert.to_record(fact, current_traceparent() or traceparent)


_STORES: dict[str, Callable[[MemoryTx], Any]] = {
    "pricing": PricingRows,
    "subscription": partial(SubscriptionRows, encode=encode),
    "payments": partial(PaymentsRows, codec=to_fact_record),
    "provisioner": partial(ProvisionerRows, codec=CODEC),
}


async def memory_rows(service: str, db: WorldDatabase, _clock: Clock, wakeups: Wakeups) -> Rows:
    """Return the rows of a service in memory."""
    memory = cast("SimDatabase", db)
    tx = MemoryTransactions(memory, _STORES[service], wakeups=wakeups)
    return Rows(tx, MemoryOutbox(memory), MemoryQueue(memory))
