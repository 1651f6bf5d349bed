"""The store of payments, in memory and on PostgreSQL, and events to put into it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from services import payments
from services.chassis.db import PgTransactions, open_pool
from services.chassis.migrate import migrate
from services.chassis.transactions import Transactions
from services.payments.convert import to_fact_record
from services.payments.domain import ObjectRef, RootKind
from services.payments.events import (
    EventState,
    Judgement,
    NewEvent,
    Sealed,
    StoredEvent,
    VerifiedEvent,
)
from services.payments.ports import Store
from services.payments.store import PgStore
from tests.fakes.chassis import MemoryDatabase, MemoryTransactions
from tests.fakes.payments import MemoryStore
from tests.integration.postgres_fixture import Database

MIGRATIONS = Path(payments.__file__).parent / "migrations"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ROOT = ObjectRef(RootKind.CHECKOUT, "cs_1")
PENDING, DONE = Judgement(EventState.PENDING), Judgement(EventState.DONE)

Tx = Transactions[Store]


def in_memory() -> Tx:
    """An empty store in memory."""
    return MemoryTransactions(MemoryDatabase(), lambda one: MemoryStore(one, to_fact_record))


@asynccontextmanager
async def opened(database: Database) -> AsyncIterator[Tx]:
    """An empty store on PostgreSQL."""
    dsns = await database.service("payments")
    await migrate(dsns.owner, "payments", [MIGRATIONS])
    pool = await open_pool(dsns.service, application_name="test", max_size=8)
    yield PgTransactions(pool, lambda connection: PgStore(connection, to_fact_record))
    await pool.close()


def new_event(event_id: str = "evt_1", **changes: object) -> NewEvent:
    """An event of ``ROOT`` that is to be put."""
    envelope = VerifiedEvent(
        event_id, "checkout.session.completed", "cs_1", "", False, "v1", NOON, ROOT
    )
    event = NewEvent("stripe", envelope, PENDING, Sealed("key", b"sealed"), NOON, "00-trace")
    return replace(event, **changes)  # type: ignore[arg-type]  # named by the test


async def put(tx: Tx, *events: NewEvent) -> Sequence[bool]:
    """Put events; tells of each whether it is new."""
    return await tx.run(lambda store: store.put_events(events))


async def event(tx: Tx, event_id: str = "evt_1") -> StoredEvent:
    """An event that is known to be there."""
    found = await tx.run(lambda store: store.event("stripe", event_id))
    assert found is not None
    return found
