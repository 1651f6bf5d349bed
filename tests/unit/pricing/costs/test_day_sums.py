"""The sums by day are folded again and again, whatever becomes of the database."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from services.chassis.clock import SystemClock
from services.chassis.errors import Unavailable
from services.pricing.costs.ports import Store
from services.pricing.costs.worker import DaySums
from tests.fakes.pricing_costs import MemoryCostTransactions

T = TypeVar("T")


class FlakyTransactions(MemoryCostTransactions):
    """A database that is away for the first times."""

    def __init__(self, failures: int) -> None:
        super().__init__()
        self.failures = failures
        self.runs = 0

    async def run(self, fn: Callable[..., Awaitable[T]], *, timeout: float = 10.0) -> T:
        self.runs += 1
        if self.runs <= self.failures:
            raise Unavailable("away")
        return await super().run(fn, timeout=timeout)


class Impatient(SystemClock):
    """Does not wait, and ends the loop at its third ordinary pause."""

    def __init__(self) -> None:
        self.pauses: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        if self.pauses.count(7.0) == 3:
            raise asyncio.CancelledError


async def test_folding_goes_on_after_the_database_was_away() -> None:
    tx, clock = FlakyTransactions(failures=2), Impatient()
    with pytest.raises(asyncio.CancelledError):
        await DaySums(tx, clock).run(7.0)
    assert tx.runs == 5
    assert [pause for pause in clock.pauses if pause == 7.0] == [7.0] * 3
    assert len(clock.pauses) == 5


async def test_folding_in_memory_changes_nothing() -> None:
    async def fold(store: Store) -> None:
        assert not await store.fold_days()

    tx = MemoryCostTransactions()
    before = tx.state.copied()
    await tx.run(fold)
    assert vars(tx.state) == vars(before)
