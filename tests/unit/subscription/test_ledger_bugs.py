"""The schedules of the credit ledger find what they are there to find: each bug is planted once."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from itertools import count

import pytest
from hypothesis import Phase, given, settings

from services.chassis.facts import FactRecord
from services.subscription import convert, granting
from services.subscription.granting import DueGrant
from services.subscription.ledger import Entry, Grant, Part, Pool, Posting
from tests.fakes.ledger_model import Action, Play, ledger_catalog, schedules
from tests.fakes.memory_db import MemoryDatabase, MemoryTransactions, MemoryTx
from tests.fakes.subscription import MemoryStore
from tests.fakes.subscription_world import SteadyClock, World

_fresh = count()


class NoKey(MemoryStore):
    """Every call is entered, whatever its key."""

    async def entry(self, name: str) -> Entry | None:
        return None

    async def post(self, posting: Posting) -> Entry | None:
        return await super().post(replace(posting, name=f"{posting.name}{next(_fresh)}"))


class Overspends(MemoryStore):
    """Takes what grants have, and more."""

    async def take_from_grants(self, pool: Pool, amount: int, *, held: bool) -> list[Part]:
        parts = [*await super().take_from_grants(pool, min(amount, 5), held=held)]
        return [Part(parts[0].grant, amount)] if parts else []


class ForgetsHolds(MemoryStore):
    """Lets a hold leave as often as one likes."""

    async def settle_held(self, parts: object, *, spent: bool) -> int:
        return 0


def world(store: Callable[[MemoryTx, Callable[..., FactRecord]], MemoryStore]) -> World:
    db = MemoryDatabase(SteadyClock())
    tx = MemoryTransactions(db, lambda bound: store(bound, convert.to_record))
    return World(tx, ledger_catalog())


def find(store: Callable[[MemoryTx, Callable[..., FactRecord]], MemoryStore]) -> None:
    @given(schedules)
    @settings(
        max_examples=200, deadline=None, database=None, derandomize=True, phases=[Phase.generate]
    )
    def play(schedule: list[Action]) -> None:
        asyncio.run(Play(world(store)).run(schedule))

    play()


def test_without_a_bug_nothing_is_found() -> None:
    find(MemoryStore)


@pytest.mark.parametrize("store", [NoKey, Overspends, ForgetsHolds])
def test_a_planted_bug_is_found(store: type[MemoryStore]) -> None:
    with pytest.raises((AssertionError, BaseExceptionGroup)):
        find(store)


def test_a_renewal_that_grants_twice_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    due = granting.due_grant

    def twice(sub: object, purchase: object, invoices: object, newest: Grant | None) -> object:
        found = due(sub, purchase, invoices, None)  # type: ignore[arg-type]  # passed on
        return _Again(**{f: getattr(found, f) for f in DueGrant.__slots__}) if found else None

    class _Again(DueGrant):
        @property
        def name(self) -> str:
            return f"grt_{next(_fresh)}"

    monkeypatch.setattr("services.subscription.usecases.renewing.due_grant", twice)
    with pytest.raises((AssertionError, BaseExceptionGroup)):
        find(MemoryStore)
