"""What is kept by day on PostgreSQL: small after a fold, and the same sums as before it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from services.chassis.db import PgTransactions, Pool, open_pool
from services.chassis.migrate import migrate
from services.pricing.costs import usecases
from services.pricing.costs.domain import DAY, CostFilter, Observation, second_of
from services.pricing.costs.months import Window
from services.pricing.costs.store import CardsByVersion, PgCostStore
from tests.contract.stores.costs_backend import CARD, CODEC, MIGRATIONS, OnPostgres
from tests.integration.postgres_fixture import Database
from tests.integration.pricing.test_alerts import CAPACITY

MARCH = datetime(2026, 3, 1, 9, tzinfo=UTC)
MONTH = Window(second_of(MARCH) - 9 * 3600, second_of(MARCH) + 30 * DAY)
_MANY = """
INSERT INTO cost_day_changes
SELECT n % 7, '', 'a/b', 'eu-west-1', 'usd', 730, n * 0.5, n, 1, 0
FROM generate_series(1, 20001) AS n"""


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    dsns = await database.service("pricing")
    await migrate(dsns.owner, "pricing", [MIGRATIONS])
    made = await open_pool(dsns.service, application_name="test", max_size=4)
    yield made
    await made.close()


@pytest.fixture
def tx(pool: Pool) -> PgTransactions[PgCostStore]:
    cards = CardsByVersion()
    return PgTransactions(pool, lambda one: PgCostStore(one, CODEC, cards))


async def counts(pool: Pool) -> tuple[int, int]:
    changes = await pool.fetchval("SELECT count(*) FROM cost_day_changes")
    return changes, await pool.fetchval("SELECT count(*) FROM cost_days")


def seen(revision: int, when: datetime) -> Observation:
    capacity = CAPACITY if revision % 2 else None
    return Observation("ten_1", revision, when, "acc_1", "kube-dc/dev", capacity, user="ada")


async def test_a_fold_leaves_one_row_for_a_day_and_no_answer_changes(
    pool: Pool, tx: PgTransactions[PgCostStore]
) -> None:
    await OnPostgres(pool).activate(CARD, datetime(2020, 1, 1, tzinfo=UTC))
    for revision in range(1, 7):
        told = seen(revision, MARCH + timedelta(minutes=10 * revision))
        await usecases.take_observation(tx, told)
    changes, days = await counts(pool)
    assert (changes > 3, days) == (True, 0)
    before = await tx.run(lambda store: store.sums(CostFilter(), MONTH, (), 10))
    assert not await tx.run(lambda store: store.fold_days())
    assert await counts(pool) == (0, 1)
    assert await tx.run(lambda store: store.sums(CostFilter(), MONTH, (), 10)) == before
    assert before[0].records == 3


async def test_what_is_too_much_for_one_fold_is_left_for_the_next(
    pool: Pool, tx: PgTransactions[PgCostStore]
) -> None:
    await pool.execute(_MANY)
    assert await tx.run(lambda store: store.fold_days())
    assert await counts(pool) == (1, 7)
    assert not await tx.run(lambda store: store.fold_days())
    assert await counts(pool) == (0, 7)
    assert await pool.fetchval("SELECT sum(rate) FROM cost_days") == Decimal(20001 * 10001) / 2
    assert await pool.fetchval("SELECT sum(begun) FROM cost_days") == 20001


async def test_one_folds_at_a_time(pool: Pool, tx: PgTransactions[PgCostStore]) -> None:
    await pool.execute(_MANY)
    async with pool.acquire() as other, other.transaction():
        assert await PgCostStore(other, CODEC, CardsByVersion()).fold_days()
        assert not await tx.run(lambda store: store.fold_days())
        assert (await counts(pool))[0] == 20001
    assert (await counts(pool))[0] == 1
