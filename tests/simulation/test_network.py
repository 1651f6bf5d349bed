"""Calls and transactions of a world: what arrives, what is lost, and what a crash ends."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

import pytest

from services.chassis.access import AccessTable, Rule
from services.chassis.errors import DeadlineExceeded, PermissionDenied, Unavailable
from services.chassis.facts import FactRecord, Outcome
from services.chassis.identity import Principal, acting, current
from services.chassis.sink import DELIVER, SERVICE, FactSinkClient, FactSinkServicer
from tests.fakes.memory_db import MemoryTransactions, MemoryTx, Table
from tests.fakes.memory_queue import MemoryQueue, enqueue
from tests.simulation.engine.database import SimDatabase, SimWakeups
from tests.simulation.engine.loop import SimLoop
from tests.simulation.engine.network import SimNet
from tests.simulation.engine.process import SimProcess
from tests.simulation.engine.randomness import SimClock
from tollgate.common.v1.fact_sink_service_pb2_grpc import add_FactSinkServicer_to_server

ROWS: Table[str, str] = Table("rows")
FACT = FactRecord("fct_1", "key", 1, "test.Fact", b"payload")
ACCESS: AccessTable = {DELIVER: Rule(callers=frozenset({"payments"}))}

Handle = Callable[[FactRecord, str], Awaitable[None]]


class Pair:
    """Two replicas of a consumer, and whoever calls them."""

    def __init__(self, handle: Handle, replicas: int = 2) -> None:
        self.loop = SimLoop(Random(1), 1_000_000)
        self.net = SimNet(self.loop, Random(2))
        self.replicas = [
            SimProcess(self.loop, f"consumer-{n}", self._serve(handle), service="consumer")
            for n in range(replicas)
        ]
        for process in self.replicas:
            self.net.join(process)

    def run(self, main: Callable[["Pair"], Awaitable[None]]) -> None:
        """Start the replicas and run a test."""

        async def world() -> None:
            for process in self.replicas:
                process.start()
            await asyncio.sleep(1.0)
            await main(self)

        self.loop.run_world(world())
        self.loop.bury()

    def sink(self, caller: str = "payments") -> FactSinkClient:
        """Return what the caller delivers through."""
        channel: Any = self.net.channel(caller, "consumer")
        return FactSinkClient(channel, timeout=5.0)

    def _serve(self, handle: Handle) -> Callable[[SimProcess], Awaitable[None]]:
        async def main(process: SimProcess) -> None:
            async with asyncio.TaskGroup() as tasks:
                servicer = FactSinkServicer(handle, tasks)
                self.net.serve([(add_FactSinkServicer_to_server, servicer, SERVICE)], ACCESS)
                await process.stopping.wait()

        return main


def test_a_call_crosses_as_bytes_with_its_caller_and_whoever_acts() -> None:
    heard: list[tuple[FactRecord, str, str]] = []

    async def handle(fact: FactRecord, source: str) -> None:
        heard.append((fact, source, current().subject))

    async def main(pair: Pair) -> None:
        with acting(Principal("ann", "user")):
            [answer] = await pair.sink().deliver([FACT])
        assert answer.outcome is Outcome.ACCEPTED

    Pair(handle).run(main)
    assert heard == [(FACT, "payments", "ann")]


def test_a_call_that_was_answered_leaves_no_deadline_to_wait_for() -> None:
    async def handle(_fact: FactRecord, _source: str) -> None:
        return

    async def main(pair: Pair) -> None:
        await pair.sink().deliver([FACT])
        steps = pair.loop.steps
        await SimClock(pair.loop).sleep(3600.0)
        assert pair.loop.steps == steps + 1

    Pair(handle).run(main)


def test_who_may_not_call_is_refused_as_over_the_wire() -> None:
    async def handle(_fact: FactRecord, _source: str) -> None:
        raise AssertionError("nobody gets here")

    async def main(pair: Pair) -> None:
        with pytest.raises(PermissionDenied) as refused:
            await pair.sink("pricing").deliver([FACT])
        assert refused.value.reason == "CALLER_NOT_ALLOWED"

    Pair(handle).run(main)


def test_a_call_to_a_replica_that_is_killed_is_made_again_at_the_other() -> None:
    heard: list[str] = []

    async def main(pair: Pair) -> None:
        delivery = asyncio.ensure_future(pair.sink().deliver([FACT]))
        while not heard:  # noqa: ASYNC110 - what is heard is a list
            await asyncio.sleep(0.001)
        next(one for one in pair.replicas if one.name == heard[0].partition("#")[0]).crash()
        [answer] = await delivery
        assert answer.outcome is Outcome.ACCEPTED

    async def handle(_fact: FactRecord, _source: str) -> None:
        task: Any = asyncio.current_task()
        heard.append(task.life.name)
        await asyncio.sleep(0.5)

    Pair(handle).run(main)
    assert len(heard) == len(set(heard)) == 2


def test_a_request_that_arrives_late_is_begun_though_its_caller_has_hung_up() -> None:
    heard: list[float] = []

    async def handle(_fact: FactRecord, _source: str) -> None:
        heard.append(asyncio.get_running_loop().time())

    async def main(pair: Pair) -> None:
        pair.net.trouble.late, pair.net.trouble.late_seconds = 1.0, 60.0
        asked = pair.loop.time()
        with pytest.raises(DeadlineExceeded):
            await pair.sink().deliver([FACT])
        assert heard == []
        pair.net.trouble.late = 0.0
        await pair.sink().deliver([FACT])
        await asyncio.sleep(60.0)
        assert heard[1] > asked + 5.0

    Pair(handle).run(main)
    assert len(heard) == 2


def test_with_every_replica_down_a_call_is_unavailable_after_its_attempts() -> None:
    async def handle(_fact: FactRecord, _source: str) -> None:
        raise AssertionError("nobody gets here")

    async def main(pair: Pair) -> None:
        for process in pair.replicas:
            process.crash()
        with pytest.raises(Unavailable):
            await pair.sink().deliver([FACT])

    Pair(handle).run(main)


def test_a_deadline_ends_the_call_and_not_the_work_that_outlives_it() -> None:
    done: list[str] = []

    async def handle(fact: FactRecord, _source: str) -> None:
        await asyncio.sleep(30.0)
        done.append(fact.id)

    async def main(pair: Pair) -> None:
        with pytest.raises(DeadlineExceeded):
            await pair.sink().deliver([FACT])
        assert not done
        await asyncio.sleep(60.0)

    Pair(handle).run(main)
    assert done == [FACT.id]


def test_an_answer_that_is_lost_was_work_that_was_done_and_is_done_again() -> None:
    heard: list[str] = []

    async def handle(fact: FactRecord, _source: str) -> None:
        heard.append(fact.id)

    async def main(pair: Pair) -> None:
        pair.net.trouble.lose_answer = 1.0
        with pytest.raises(Unavailable):
            await pair.sink().deliver([FACT])

    Pair(handle).run(main)
    assert len(heard) > 1


def _database() -> tuple[SimLoop, SimDatabase]:
    loop = SimLoop(Random(1), 1_000_000)
    return loop, SimDatabase(loop, SimClock(loop), Random(2))


def test_a_crash_rolls_back_what_was_open_and_frees_its_rows() -> None:
    loop, db = _database()
    transactions: MemoryTransactions[MemoryTx] = MemoryTransactions(db, lambda tx: tx)

    async def holds(_process: SimProcess) -> None:
        async def work(tx: MemoryTx) -> None:
            await tx.put(ROWS, "one", "half way")
            await asyncio.sleep(5.0)

        await transactions.run(work)

    async def world() -> None:
        process = SimProcess(loop, "one", holds)
        process.on_end(db.life_ended)
        process.start()
        await asyncio.sleep(1.0)
        asyncio.get_running_loop().call_later(1.0, process.crash)
        await transactions.run(lambda tx: tx.put(ROWS, "one", "whole"))
        assert loop.time() < 3.0, "the row was free as soon as its holder was dead"
        assert db.committed(ROWS) == {"one": "whole"}
        assert not db.open
        assert not db.holders

    loop.run_world(world())
    loop.bury()


@pytest.mark.parametrize("took_effect", [False, True])
def test_a_lost_commit_runs_again_whether_or_not_it_took_effect(took_effect: bool) -> None:
    loop, db = _database()
    transactions: MemoryTransactions[MemoryTx] = MemoryTransactions(db, lambda tx: tx)
    found: list[str | None] = []

    async def work(tx: MemoryTx) -> None:
        found.append(tx.get(ROWS, "one"))
        await tx.put(ROWS, "one", "written")
        if len(found) > 1:
            db.trouble.lose_before = db.trouble.lose_after = 0.0

    async def world() -> None:
        if took_effect:
            db.trouble.lose_after = 1.0
        else:
            db.trouble.lose_before = 1.0
        await transactions.run(work)

    loop.run_world(world())
    loop.bury()
    assert found == [None, "written" if took_effect else None]


def test_a_waiting_worker_is_woken_at_the_first_poll_after_its_row_is_due() -> None:
    loop, db = _database()
    transactions: MemoryTransactions[MemoryTx] = MemoryTransactions(db, lambda tx: tx)
    wakeups = SimWakeups(db)

    async def world() -> None:
        wait = asyncio.ensure_future(wakeups.wait("queue:work", 0, timeout=1.0))
        await asyncio.sleep(3600.0)
        assert not wait.done(), "nothing is due, so nobody looks"
        await transactions.run(lambda tx: enqueue(tx, "work", ["key"], due_in=600.0))
        await wait
        assert 3600.0 + 600.0 <= loop.time() <= 3600.0 + 601.5
        assert [one.key for one in await MemoryQueue(db).claim("work", 1, 10.0)] == ["key"]

    loop.run_world(world())
    loop.bury()
