"""What every store of told plans does, in memory and on PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.chassis.db import PgTransactions, open_pool
from services.chassis.migrate import migrate
from services.provisioner import usecases
from services.provisioner.convert.plans import to_plans_fact
from services.provisioner.plans.ports import PlansStore
from services.provisioner.plans.seen import PlansSeen, Told
from services.provisioner.plans.store import PgPlansStore
from services.provisioner.ports import Transactions
from tests.fakes.chassis import MemoryDatabase, MemoryTransactions
from tests.fakes.memory_outbox import OUTBOX
from tests.fakes.provisioner_plans import MemoryPlansStore
from tests.integration.postgres_fixture import Database

MIGRATIONS = Path(usecases.__file__).parent / "migrations"
SOURCE = "kube-dc/billing-plans"
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
ONE = PlansSeen(SOURCE, stands=True, text="plans: {}\n", resource_version="7")
TWO = PlansSeen(SOURCE, stands=True, text="plans: {small: {}}\n", resource_version="8")


@dataclass
class Backend:
    """A keeping, and the revisions of the facts that wait for pricing."""

    tx: Transactions[PlansStore]
    revisions: Callable[[], Awaitable[list[int]]]

    async def tell(self, seen: PlansSeen, revision: int, after: int) -> bool:
        async def write(store: PlansStore) -> bool:
            return await store.tell(seen, revision, NOON, after=after)

        return await self.tx.single(write)

    async def last(self) -> Told | None:
        return await self.tx.single(lambda store: store.last_told(SOURCE))


def in_memory() -> Backend:
    db = MemoryDatabase()

    async def revisions() -> list[int]:
        rows = sorted(db.committed(OUTBOX).items())
        return [row.fact.revision for _, row in rows if row.destination == "pricing"]

    make = MemoryTransactions(db, lambda one: MemoryPlansStore(one, to_plans_fact))
    tx: Transactions[PlansStore] = make
    return Backend(tx, revisions)


@pytest.fixture
async def on_postgres(database: Database) -> AsyncIterator[Backend]:
    dsns = await database.service("provisioner")
    await migrate(dsns.owner, "provisioner", [MIGRATIONS])
    pool = await open_pool(dsns.service, application_name="test", max_size=4)
    tx: PgTransactions[PlansStore] = PgTransactions(
        pool, lambda one: PgPlansStore(one, to_plans_fact)
    )

    async def revisions() -> list[int]:
        found = "SELECT revision FROM outbox WHERE destination = 'pricing' ORDER BY seq"
        return [row["revision"] for row in await pool.fetch(found)]

    yield Backend(tx, revisions)
    await pool.close()


@pytest.fixture(params=["memory", "postgres"])
def backend(request: pytest.FixtureRequest) -> Backend:
    if request.param == "memory":
        return in_memory()
    found: Backend = request.getfixturevalue("on_postgres")
    return found


async def test_what_is_told_is_known_and_waits_for_pricing(backend: Backend) -> None:
    assert await backend.last() is None
    assert await backend.tell(ONE, 5, after=0)
    assert await backend.tell(TWO, 9, after=5)
    assert await backend.last() == Told(9, TWO.digest)
    assert await backend.revisions() == [5, 9]
    sources = await backend.tx.single(lambda store: store.told_sources())
    assert list(sources) == [(SOURCE, Told(9, TWO.digest))]


async def test_what_was_read_before_another_told_is_not_told(backend: Backend) -> None:
    assert await backend.tell(ONE, 5, after=0)
    assert not await backend.tell(TWO, 6, after=0)
    assert not await backend.tell(TWO, 6, after=4)
    assert await backend.last() == Told(5, ONE.digest)
    assert await backend.revisions() == [5]


async def test_of_replicas_that_tell_at_once_one_does(backend: Backend) -> None:
    told = await asyncio.gather(*(backend.tell(ONE, 5 + n, after=0) for n in range(4)))
    assert sorted(told) == [False, False, False, True]
    assert len(await backend.revisions()) == 1
