"""What every store of hours does, in memory and on PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from services.chassis.clock import SystemClock
from services.chassis.db import PgTransactions, Pool, open_pool
from services.chassis.facts import FactRecord
from services.chassis.ids import RandomIds
from services.chassis.migrate import migrate
from services.pricing.costs.convert import from_use_fact
from services.pricing.costs.use import UsedHour
from services.provisioner import usecases
from services.provisioner.convert import Codec
from services.provisioner.convert.usage import USAGE_OBSERVED, to_use_fact
from services.provisioner.domain import TenantPhase
from services.provisioner.metering.hours import Metered, Use
from services.provisioner.metering.ports import MeteringStore
from services.provisioner.metering.store import PgMeteringStore
from services.provisioner.naming import Naming
from services.provisioner.ports import Transactions
from services.provisioner.store import PgStore
from tests.fakes.chassis import MemoryDatabase, MemoryTransactions
from tests.fakes.memory_outbox import OUTBOX
from tests.fakes.provisioner_metering import READY, MemoryMeteringStore
from tests.integration.postgres_fixture import Database
from tests.unit.provisioner.world import order

MIGRATIONS = Path(usecases.__file__).parent / "migrations"
_FACTS = """
SELECT fact_id, fact_key, revision, type, payload, ARRAY[destination], traceparent
FROM outbox WHERE type = $1 ORDER BY seq"""


@dataclass
class Backend:
    """A keeping, tenants that are ready, and the facts that wait."""

    tx: Transactions[MeteringStore]
    make: Callable[[str, bool], Awaitable[str]]
    facts: Callable[[], Awaitable[Sequence[FactRecord]]]

    async def add(self, hour: int, **used: Use) -> None:
        async def add(store: MeteringStore) -> None:
            await store.lock()
            await store.add(hour, used)

        await self.tx.run(add)

    async def tell(self, before: int, limit: int = 500) -> int:
        async def tell(store: MeteringStore) -> int:
            await store.lock()
            return await store.tell(before, limit)

        return await self.tx.run(tell)

    async def told(self) -> list[UsedHour]:
        return [from_use_fact(fact) for fact in await self.facts()]


def in_memory() -> Backend:
    db = MemoryDatabase()
    tx: Transactions[MeteringStore] = MemoryTransactions(
        db, lambda one: MemoryMeteringStore(one, to_use_fact)
    )

    async def make(account: str, ready: bool) -> str:
        tenant = f"ten_{account}"
        if ready:
            db.set(READY.name, tenant, Metered(tenant, f"customer-{account}", ""))
        return tenant

    async def facts() -> list[FactRecord]:
        return [row.fact for _, row in sorted(db.committed(OUTBOX).items())]

    return Backend(tx, make, facts)


def of_pool(pool: Pool) -> Backend:
    tx: PgTransactions[MeteringStore] = PgTransactions(
        pool, lambda one: PgMeteringStore(one, to_use_fact)
    )
    tenants = PgTransactions(pool, lambda one: PgStore(one, Codec()))

    async def make(account: str, ready: bool) -> str:
        asked = replace(order(owner_subject="ada"), account=account)
        made = await usecases.order_capacity(
            tenants, Naming(), RandomIds(), SystemClock(), asked, "service:subscription"
        )
        phase = TenantPhase.READY if ready else TenantPhase.SUSPENDED
        seen = replace(made, phase=phase, uid="u", namespace=f"customer-{account}")
        await tenants.run(lambda store: store.save_tenant(seen))
        return made.id

    async def facts() -> list[FactRecord]:
        rows = await pool.fetch(_FACTS, USAGE_OBSERVED)
        return [FactRecord(*row) for row in rows]

    return Backend(tx, make, facts)


@pytest.fixture(params=["memory", "postgres"])
async def backend(request: pytest.FixtureRequest, database: Database) -> AsyncIterator[Backend]:
    if request.param == "memory":
        yield in_memory()
        return
    dsns = await database.service("provisioner")
    await migrate(dsns.owner, "provisioner", [MIGRATIONS])
    pool = await open_pool(dsns.service, application_name="test", max_size=8)
    yield of_pool(pool)
    await pool.close()


async def test_samples_of_an_hour_become_one_fact_of_means_and_peaks(backend: Backend) -> None:
    tenant = await backend.make("acc_1", True)
    await backend.add(7, **{tenant: Use(100, 1000, None)})
    await backend.add(7, **{tenant: Use(301, 500, 90)})
    await backend.add(7, **{tenant: Use(0, 1001, 70)})
    assert await backend.tell(7) == 0
    assert await backend.tell(8) == 1
    assert await backend.told() == [
        UsedHour(tenant, 7, 3, 134, 301, 834, 1001, 90),
    ]
    (fact,) = await backend.facts()
    assert (fact.key, fact.revision) == (f"use:{tenant}", 7)
    assert list(fact.destinations) == ["pricing"]


async def test_storage_that_nothing_counts_is_not_told(backend: Backend) -> None:
    tenant = await backend.make("acc_1", True)
    await backend.add(7, **{tenant: Use(1, 1)})
    await backend.tell(8)
    assert [one.storage_bytes for one in await backend.told()] == [None]


async def test_hours_are_told_oldest_first_so_many_at_once_and_each_once(backend: Backend) -> None:
    tenants = sorted([await backend.make(f"acc_{number}", True) for number in range(2)])
    for hour in (9, 8):
        await backend.add(hour, **{tenant: Use(hour, hour) for tenant in tenants})
    assert [await backend.tell(10, 3), await backend.tell(10, 3), await backend.tell(10, 3)] == [
        3,
        1,
        0,
    ]
    told = [(one.hour, one.tenant) for one in await backend.told()]
    assert told == [(hour, tenant) for hour in (8, 9) for tenant in tenants]


async def test_of_replicas_that_tell_at_once_each_hour_is_told_once(backend: Backend) -> None:
    tenant = await backend.make("acc_1", True)
    for hour in range(1, 6):
        await backend.add(hour, **{tenant: Use(hour, hour)})
    told = await asyncio.gather(*(backend.tell(6) for _ in range(4)))
    assert sorted(told) == [0, 0, 0, 5]
    assert len(await backend.facts()) == 5


async def test_of_replicas_whose_turn_it_is_at_once_one_measures(backend: Backend) -> None:
    claims = [backend.tx.single(lambda store: store.claim(3600.0)) for _ in range(4)]
    assert sorted(await asyncio.gather(*claims)) == [False, False, False, True]
    assert not await backend.tx.single(lambda store: store.claim(3600.0))


async def test_tenants_that_are_not_ready_are_not_measured_and_pages_go_by_id(
    backend: Backend,
) -> None:
    ready = sorted([await backend.make(f"acc_{number}", True) for number in range(3)])
    await backend.make("acc_9", False)

    async def page(after: str) -> list[str]:
        found = await backend.tx.single(lambda store: store.metered(after, 2))
        return [one.tenant for one in found]

    assert await page("") == ready[:2]
    assert await page(ready[1]) == ready[2:]
