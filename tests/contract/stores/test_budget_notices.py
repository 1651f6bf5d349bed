"""What pricing tells of budgets: facts of the transaction that made them true; both stores."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.chassis.facts import FactRecord
from services.pricing.costs import usecases
from services.pricing.costs.budgets import Basis, Budget, Threshold
from services.pricing.costs.domain import CostFilter
from services.pricing.costs.ports import Store
from tests.contract.stores.costs_backend import CARD, Backend, InMemory, on_postgres
from tests.contract.stores.test_budgets import ADA, ALL_WAYS, BOSS, NEW, OURS, OWN, make, spend
from tests.integration.postgres_fixture import Database
from tollgate.pricing.v1.events_pb2 import BudgetAlerted

LOW = replace(OWN, thresholds=(Threshold(1, Basis.FORECAST), Threshold(900, Basis.FORECAST)))


@pytest.fixture(params=["memory", "postgres"])
async def store(request: pytest.FixtureRequest, database: Database) -> AsyncIterator[Backend]:
    if request.param == "memory":
        memory = InMemory()
        await memory.activate(CARD, datetime(2020, 1, 1, tzinfo=UTC))
        yield memory
        return
    async with on_postgres(database) as backend:
        await backend.activate(CARD, datetime(2020, 1, 1, tzinfo=UTC))
        yield backend


def read(fact: FactRecord) -> BudgetAlerted:
    return BudgetAlerted.FromString(fact.payload)


def percents(fact: FactRecord) -> list[int]:
    return [one.threshold.percent for one in read(fact).passed]


async def noticed(store: Backend) -> Budget:
    """Let a threshold of Ada's be passed, and be told of."""
    await spend(store, 8)
    made = await make(store, ADA, LOW)
    assert len(await usecases.evaluate_budgets(store.tx)) == 1
    return made


async def test_a_passed_threshold_is_told_to_subscription_once(store: Backend) -> None:
    made = await noticed(store)
    (fact,) = await store.told()
    assert (fact.key, fact.revision, percents(fact)) == (f"budget:{made.name}", 1, [1])
    said = read(fact)
    assert (said.budget, said.display_name, said.filter.user) == (made.name, "My month", "ada")
    assert said.month == f"{datetime.now(UTC):%Y-%m}"
    assert said.amount.minor_units == 10_000
    assert said.passed[0].found.minor_units > 25_000
    assert await usecases.evaluate_budgets(store.tx) == []
    assert await store.told() == [fact]


async def test_where_nobody_is_to_be_told_alerts_are_raised_and_told_of_later(
    store: Backend,
) -> None:
    await spend(store, 8)
    await make(store, ADA, LOW)
    assert len(await usecases.evaluate_budgets(store.tx, notify=False)) == 1
    assert await store.told() == []
    assert await usecases.evaluate_budgets(store.tx) == []
    assert [percents(fact) for fact in await store.told()] == [[1]]


async def test_a_change_takes_back_what_was_told_and_what_is_still_reached_is_told_anew(
    store: Backend,
) -> None:
    made = await noticed(store)
    change = replace(NEW, name=made.name)
    # 8 cores are 280.32 a month: 1 % of 50,000 is not reached.
    await usecases.update_budget(
        store.tx, ADA, change, replace(LOW, minor_units=5_000_000), ALL_WAYS
    )
    assert [(fact.revision, percents(fact)) for fact in await store.told()] == [(1, [1]), (2, [])]
    assert await usecases.evaluate_budgets(store.tx) == []
    assert len(await store.told()) == 2
    await usecases.update_budget(store.tx, ADA, change, LOW, ALL_WAYS)
    # Nothing was told of since: there is nothing to take back.
    assert len(await store.told()) == 2
    # It was raised in this month, and is raised once; that it stands is told all the same.
    assert await usecases.evaluate_budgets(store.tx) == []
    assert [(fact.revision, percents(fact)) for fact in await store.told()][2:] == [(3, [1])]


async def test_a_deleted_budget_is_taken_back(store: Backend) -> None:
    made = await noticed(store)
    await usecases.delete_budget(store.tx, ADA, replace(NEW, name=made.name))
    assert [(fact.revision, percents(fact)) for fact in await store.told()] == [(1, [1]), (2, [])]

    async def left(rows: Store) -> int:
        return len(await rows.notices([made.name]))

    assert await store.tx.run(left) == 0


async def test_who_changes_a_budget_while_it_is_evaluated_has_the_last_word(
    database: Database,
) -> None:
    async with on_postgres(database) as store:
        await store.activate(CARD, datetime(2020, 1, 1, tzinfo=UTC))
        await spend(store, 8)
        made = await make(store, ADA, LOW)
        evaluations: list[asyncio.Task[object]] = []

        async def rename(rows: Store) -> None:
            known = await rows.budget(made.name, locked=True)
            assert known is not None
            evaluations.append(asyncio.create_task(usecases.evaluate_budgets(store.tx)))
            # It has read the budget as it was, and would tell of that.
            await store.until_somebody_waits()
            await rows.save_budget(replace(known, display_name="Renamed", revision=2))

        await store.tx.run(rename)
        await asyncio.gather(*evaluations)
        assert await store.told() == []
        await usecases.evaluate_budgets(store.tx)
        assert [read(fact).display_name for fact in await store.told()] == ["Renamed"]


async def test_a_budget_that_names_nobody_is_told_to_nobody(store: Backend) -> None:
    await spend(store, 8)
    nobodys = replace(LOW, filter=CostFilter(plan="kube-dc/dev"))
    root = replace(ADA, everything=True)
    await make(store, root, nobodys)
    await make(store, BOSS, replace(OURS, thresholds=LOW.thresholds))
    assert [one.threshold.percent for one in await usecases.evaluate_budgets(store.tx)] == [1]
    assert await store.told() == []
