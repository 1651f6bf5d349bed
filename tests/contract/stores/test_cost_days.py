"""Sums that nobody narrows to a person are what the records add up to; memory and PostgreSQL."""

import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial

import pytest

from services.pricing.costs.domain import DAY, CostFilter, Dimension, moment_of
from services.pricing.costs.forecast import daily_costs
from services.pricing.costs.months import Window
from services.pricing.costs.ports import Store
from services.pricing.costs.report import Sum
from tests.contract.stores.costs_backend import CARD, Backend, InMemory, on_postgres
from tests.contract.stores.test_costs import LONG_AGO, MARCH, quota, seen, take
from tests.integration.postgres_fixture import Database

BEGIN = int(MARCH.timestamp())
USERS = ("ada", "uma", "zoe")
PLANS = ("kube-dc/dev", "kube-dc/pro")
Added = dict[tuple[str, ...], tuple[Fraction, int, int]]
"""Cost, records, and how many of them began within the window."""


@pytest.fixture(params=["memory", "postgres"])
async def store(request: pytest.FixtureRequest, database: Database) -> AsyncIterator[Backend]:
    if request.param == "memory":
        memory = InMemory()
        await memory.activate(CARD, LONG_AGO)
        yield memory
        return
    async with on_postgres(database) as backend:
        await backend.activate(CARD, LONG_AGO)
        yield backend


async def live(store: Backend, chance: random.Random, number: int) -> None:
    """Let a tenant come, change and go; its facts arrive in any order, so that records change."""
    user, plan = chance.choice(USERS), chance.choice(PLANS)
    organization = chance.choice(("", "acme", "other"))
    seconds = sorted(chance.sample(range(-9 * DAY, 12 * DAY), chance.randint(1, 4)))
    # Also exactly at the turn of a day.
    seconds[0] -= seconds[0] % DAY if chance.random() < 0.3 else 0
    told = [
        replace(
            seen(f"ten_{number}", place + 1, MARCH, quota(chance.randint(1, 8)), user),
            observe_time=moment_of(BEGIN + second),
            plan=plan,
            organization=organization,
        )
        for place, second in enumerate(seconds)
    ]
    if len(told) > 1 and chance.random() < 0.7:
        told[-1] = replace(told[-1], capacity=None)
    chance.shuffle(told)
    await take(store, *told)


async def sums(store: Backend, filter_: CostFilter, window: Window, *columns: Dimension) -> Added:
    found = await store.tx.run(partial(_sums, filter_, window, columns))
    return added(found, len(columns))


def added(found: Sequence[Sum], width: int) -> Added:
    together: Added = {}
    for one in found:
        key = one.values[:width]
        cost, records, begun = together.get(key, (Fraction(0), 0, 0))
        together[key] = (cost + one.cost, records + one.records, begun + one.begun)
    return together


async def _sums(
    narrow: CostFilter, window: Window, columns: Sequence[Dimension], rows: Store
) -> Sequence[Sum]:
    return await rows.sums(narrow, window, columns, 1000)


async def by_user(store: Backend, window: Window, *columns: Dimension) -> Added:
    """Return the same sums from the records of each person."""
    every: list[Sum] = []
    for user in USERS:
        narrow = CostFilter(user=user)
        every += await store.tx.run(partial(_sums, narrow, window, columns))
    return added(every, len(columns))


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_sums_of_all_are_the_sums_of_everybody(store: Backend, seed: int) -> None:
    chance = random.Random(seed)
    for number in range(24):
        await live(store, chance, number)
        if number % 9 == 4:
            await store.tx.run(lambda rows: rows.fold_days())
    windows = [Window(BEGIN, BEGIN + 5 * DAY), Window(BEGIN + 7, BEGIN + 8)]
    for _ in range(12):
        begin = BEGIN + chance.randrange(-10 * DAY, 12 * DAY)
        windows.append(Window(begin, begin + chance.randrange(1, 6 * DAY)))
    for window in windows:
        for columns in (
            (),
            (Dimension.PLAN,),
            (Dimension.REGION, Dimension.PLAN),
            (Dimension.ORGANIZATION,),
        ):
            everybody = await by_user(store, window, *columns)
            assert await sums(store, CostFilter(), window, *columns) == everybody
        one = await by_user(store, window, Dimension.PLAN)
        narrow = CostFilter(plan=PLANS[0])
        wanted = {key: value for key, value in one.items() if key == (PLANS[0],)}
        assert await sums(store, narrow, window, Dimension.PLAN) == wanted


async def test_days_and_what_stands_are_those_of_everybody(store: Backend) -> None:
    chance = random.Random(5)
    for number in range(20):
        await live(store, chance, number)
    await store.tx.run(lambda rows: rows.fold_days())
    await live(store, chance, 20)
    window = Window(BEGIN - 3 * DAY, BEGIN + 6 * DAY)

    async def days(filter_: CostFilter) -> list[Fraction]:
        changes = await store.tx.run(lambda rows: rows.changes(filter_, window))
        return list(daily_costs(changes, 9).get("usd", [Fraction(0)] * 9))

    async def stands(filter_: CostFilter) -> Fraction:
        found = await store.tx.run(lambda rows: rows.standing(filter_))
        return sum((Fraction(one.rate) for one in found), Fraction(0))

    each = [await days(CostFilter(user=user)) for user in USERS]
    assert await days(CostFilter()) == [sum(day) for day in zip(*each, strict=True)]
    assert await stands(CostFilter()) == sum(
        [await stands(CostFilter(user=user)) for user in USERS], Fraction(0)
    )
    assert any(await days(CostFilter()))
