"""Facts that a version did not know are taken by the one that does."""

import asyncio

import pytest

from services.chassis.clock import SystemClock
from services.chassis.errors import Unavailable
from services.chassis.facts import FactRecord
from services.chassis.retaking import retake, retake_for_ever
from tests.fakes import memory_inbox
from tests.fakes.memory_db import MemoryDatabase, MemoryTransactions
from tests.fakes.memory_inbox import MemoryKeptFacts

NEW = "tollgate.test.v1.New"


@pytest.fixture
def db() -> MemoryDatabase:
    return MemoryDatabase()


@pytest.fixture
def tx(db: MemoryDatabase) -> MemoryTransactions[MemoryKeptFacts]:
    return MemoryTransactions(db, MemoryKeptFacts)


async def keep(db: MemoryDatabase, number: int, type_name: str = NEW) -> None:
    fact = FactRecord(f"fct_{number}", "key", number, type_name, b"")
    tx = db.begin()
    await memory_inbox.keep_unknown(tx, fact, "subscription")
    tx.commit()


async def test_what_was_kept_is_taken_in_order_and_once(
    db: MemoryDatabase, tx: MemoryTransactions[MemoryKeptFacts]
) -> None:
    for number in (3, 1, 2):
        await keep(db, number)
    await keep(db, 4, "tollgate.test.v1.StillUnknown")
    taken: list[tuple[str, str]] = []

    async def take(fact: FactRecord, source: str) -> None:
        taken.append((fact.id, source))

    assert await retake(tx, [NEW], take) == 3
    assert taken == [(f"fct_{number}", "subscription") for number in (3, 1, 2)]
    assert await retake(tx, [NEW], take) == 0


async def test_what_could_not_be_taken_is_kept_and_taken_later(
    db: MemoryDatabase, tx: MemoryTransactions[MemoryKeptFacts]
) -> None:
    await keep(db, 1)
    taken: list[str] = []

    async def fail(fact: FactRecord, source: str) -> None:
        raise Unavailable("gone")

    async def take(fact: FactRecord, source: str) -> None:
        taken.append(fact.id)

    with pytest.raises(Unavailable):
        await retake(tx, [NEW], fail)
    assert await retake(tx, [NEW], take) == 1
    assert taken == ["fct_1"]


async def test_the_loop_goes_on_after_a_failure_and_takes_what_an_older_replica_keeps_later(
    db: MemoryDatabase, tx: MemoryTransactions[MemoryKeptFacts]
) -> None:
    class Clock(SystemClock):
        """A clock whose sleep is a look of the test."""

        def __init__(self) -> None:
            self.slept: asyncio.Queue[float] = asyncio.Queue()
            self.go_on = asyncio.Semaphore(0)

        async def sleep(self, seconds: float) -> None:
            self.slept.put_nowait(seconds)
            await self.go_on.acquire()

    clock, taken, broken = Clock(), list[str](), [True]

    async def take(fact: FactRecord, source: str) -> None:
        if broken.pop():
            raise RuntimeError("a defect")
        broken.append(False)
        taken.append(fact.id)

    await keep(db, 1)
    loop = asyncio.create_task(retake_for_ever(tx, [NEW], take, clock, every=5.0))
    async with asyncio.timeout(5):
        assert await clock.slept.get() == 5.0
        assert taken == []
        broken.append(False)
        clock.go_on.release()
        await clock.slept.get()
        assert taken == ["fct_1"]
        await keep(db, 2)
        clock.go_on.release()
        await clock.slept.get()
    assert taken == ["fct_1", "fct_2"]
    loop.cancel()
    assert await asyncio.gather(loop, return_exceptions=True)
