"""A database of pricing with many cost records, made in SQL: a month, and what stood before.

Each record is a tenant's whole life: of three, one stands still, and the others lived for up to a
day. There are 12 rates, 4 plans, 3 regions, a user for 200 records and an organization, with one
plan in one region, for 2,000.
"""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from deploy.sandbox.postgres.binaries import BinariesNotFound, find_binaries
from deploy.sandbox.postgres.server import PostgresServer
from services.chassis.db import PgTransactions, Pool, open_pool
from services.chassis.migrate import migrate
from services.pricing.costs.domain import DAY
from services.pricing.costs.ports import CostTransactions
from services.pricing.costs.store import CardsByVersion, PgCostStore
from services.pricing.costs.store.rows import COLUMNS, FOREVER
from tests.bench.errors import BenchUnavailable
from tests.contract.stores.costs_backend import CODEC, MIGRATIONS
from tests.integration.postgres_fixture import fresh_database

_DAYS = 28
_FILL = f"""
INSERT INTO pricing.cost_records ({", ".join(COLUMNS)})
SELECT 'cost_' || lpad(n::text, 26, '0'), begin_second,
    CASE WHEN n % 3 = 0 THEN {FOREVER} ELSE begin_second + 60 + n * 7919 % {DAY} END,
    1, 730, (12.0625 + n % 12 * 15.4375)::numeric, 'usd',
    'ten_' || lpad(n::text, 26, '0'), 'acc_' || n / 20, 'user_' || n / 200, '', 'org_' || n / 2000,
    'kube-dc/plan-' || n / 2000 % 4, 'region-' || n / 2000 % 3, 'namespace-' || n, repeat('f', 64)
FROM (
    SELECT n, $1::bigint + n * 104729 % ({_DAYS} * {DAY}::bigint) AS begin_second
    FROM generate_series($2::bigint, $3::bigint) AS n
) AS lives"""  # noqa: S608 - names of columns and numbers, all of them constants
# A server has others to serve; and the processor time of helpers that are gone cannot be read.
_ALONE = "max_parallel_workers_per_gather = 0"
_BARE = """
SELECT {column}, currency, hours_per_month,
    sum(monthly_rate * (least(end_second, $2) - greatest(begin_second, $1))) AS rate_seconds
FROM cost_records WHERE begin_second < $2 AND end_second > $1 GROUP BY 1, 2, 3"""


@dataclass
class Rows:
    """The database. A report is over the seconds from ``begin`` to ``end``, the last 28 days."""

    owner: "asyncpg.Connection[asyncpg.Record]"
    pool: Pool
    tx: CostTransactions
    begin: int
    end: int
    have: int = 0

    async def fill(self, size: int) -> None:
        """Let there be so many records, as a table is that has been served for some time."""
        await self.owner.execute(_FILL, self.begin, self.have, size - 1)
        self.have = size
        while await self.tx.run(lambda store: store.fold_days()):
            continue
        await self.owner.execute("VACUUM ANALYZE pricing.cost_records")
        await self.owner.execute("VACUUM ANALYZE pricing.cost_days")

    async def bare(self, column: str) -> object:
        """Ask for what each value of a column has spent, by the bare statement."""
        return await self.pool.fetch(_BARE.format(column=column), self.begin, self.end)


@asynccontextmanager
async def pricing_database(folder: Path) -> AsyncIterator[Rows]:
    """Give a database of pricing on a PostgreSQL of its own; BenchUnavailable without one."""
    try:
        server = PostgresServer(folder / "postgres", None, find_binaries(), durable=False)
    except BinariesNotFound as problem:
        raise BenchUnavailable(str(problem)) from problem
    async with AsyncExitStack() as opened:
        await server.start()
        opened.push_async_callback(server.stop)
        database = await fresh_database(server)
        dsns = await database.service("pricing")
        await migrate(dsns.owner, "pricing", [MIGRATIONS])
        admin = await asyncpg.connect(database.superuser)
        await admin.execute(f"ALTER DATABASE {database.name} SET {_ALONE}")
        await admin.close()
        pool = await open_pool(dsns.service, application_name="bench", max_size=2)
        opened.push_async_callback(pool.close)
        owner = await asyncpg.connect(dsns.owner)
        opened.push_async_callback(owner.close)
        # The observations behind the records are read one by one, and never summed.
        await owner.execute(
            "ALTER TABLE pricing.cost_records DROP CONSTRAINT cost_records_tenant_revision_fkey"
        )
        cards = CardsByVersion()
        tx: CostTransactions = PgTransactions(
            pool, lambda connection: PgCostStore(connection, CODEC, cards)
        )
        end = int(time.time())
        yield Rows(owner, pool, tx, end - _DAYS * DAY, end)
