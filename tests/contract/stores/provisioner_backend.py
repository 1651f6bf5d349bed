"""The provisioner's two keepings, memory and PostgreSQL, with a look at what was written."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from services.chassis.db import PgTransactions, Pool, open_pool
from services.chassis.migrate import migrate
from services.chassis.queue import PgQueue
from services.chassis.wakeups import Wakeups
from services.chassis.working import QueueRows
from services.provisioner import usecases
from services.provisioner.convert import Codec
from services.provisioner.ports import Store, Transactions
from services.provisioner.store import QUEUE, PgStore
from tests.fakes.chassis import MemoryDatabase, MemoryQueue, MemoryTransactions
from tests.fakes.memory_outbox import OUTBOX
from tests.fakes.memory_queue import QUEUE as KEYS
from tests.fakes.provisioner import AUDIT, MemoryStore
from tests.integration.postgres_fixture import Database

MIGRATIONS = Path(usecases.__file__).parent / "migrations"

Look = Callable[[], Awaitable[list[str]]]


@dataclass
class Backend:
    """One keeping, its queue, and what else was written: keys of facts, queued keys, audits."""

    tx: Transactions[Store]
    wakeups: Wakeups
    facts: Look
    keys: Look
    audited: Look
    queue: QueueRows


def memory_backend() -> Backend:
    """In memory."""
    db, wakeups, codec = MemoryDatabase(), Wakeups(), Codec()
    tx: MemoryTransactions[Store] = MemoryTransactions(
        db, lambda one: MemoryStore(one, codec), wakeups=wakeups
    )

    async def facts() -> list[str]:
        return [row.fact.key for row in db.committed(OUTBOX).values()]

    async def keys() -> list[str]:
        return [key for queue, key in db.committed(KEYS) if queue == QUEUE]

    async def audited() -> list[str]:
        return [entry.action for entry in db.committed(AUDIT).values()]

    return Backend(tx, wakeups, facts, keys, audited, MemoryQueue(db))


def postgres_backend(pool: Pool) -> Backend:
    """On PostgreSQL, as the service's own role."""
    wakeups, codec = Wakeups(), Codec()
    tx: PgTransactions[Store] = PgTransactions(
        pool, lambda one: PgStore(one, codec), wakeups=wakeups
    )

    async def facts() -> list[str]:
        return [row[0] for row in await pool.fetch("SELECT fact_key FROM outbox ORDER BY seq")]

    async def keys() -> list[str]:
        found = await pool.fetch("SELECT key FROM reconcile_queue WHERE queue = $1", QUEUE)
        return [row[0] for row in found]

    async def audited() -> list[str]:
        return [row[0] for row in await pool.fetch("SELECT action FROM audit ORDER BY seq")]

    return Backend(tx, wakeups, facts, keys, audited, PgQueue(pool))


@pytest.fixture
async def on_postgres(database: Database) -> AsyncIterator[Backend]:
    dsns = await database.service("provisioner")
    await migrate(dsns.owner, "provisioner", [MIGRATIONS])
    pool = await open_pool(dsns.service, application_name="test", max_size=8)
    yield postgres_backend(pool)
    await pool.close()


@pytest.fixture(params=["memory", "postgres"])
def backend(request: pytest.FixtureRequest) -> Backend:
    if request.param == "memory":
        return memory_backend()
    found: Backend = request.getfixturevalue("on_postgres")
    return found
