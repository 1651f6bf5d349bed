"""A process that relays facts and reconciles keys until it is killed; see test_kill.

Usage: program DSN FILE. What reaches the destination is written to FILE, a line for each fact and
run, in one write: what a killed process has written stands.
"""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from services.chassis.backoff import Backoff
from services.chassis.db import open_pool
from services.chassis.facts import Delivery, FactRecord, Outcome
from services.chassis.outbox import Relay
from services.chassis.queue import Done, Job, Worker
from services.chassis.queue import Outcome as RunOutcome


async def main(dsn: str, path: Path) -> None:
    """Work until killed."""
    log = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    pool = await open_pool(dsn, application_name="program", max_size=4)

    async def deliver(facts: Sequence[FactRecord]) -> list[Delivery]:
        await asyncio.sleep(0.01)
        for one in facts:
            os.write(log, f"fact {one.key} {one.id}\n".encode())
        return [Delivery(one.id, Outcome.ACCEPTED) for one in facts]

    async def reconcile(job: Job) -> RunOutcome:
        wanted = await pool.fetchval(
            "SELECT revision FROM inbox_revisions WHERE object_key = $1", job.key
        )
        await asyncio.sleep(0.01)
        os.write(log, f"run {job.key} {job.epoch} {wanted}\n".encode())
        return Done()

    backoff = Backoff(base=0.01, cap=0.1)
    relay = Relay(pool, "pricing", deliver, batch=8, lease=0.6, deliver_timeout=0.3, poll=0.05)
    worker = Worker(
        pool, "tenants", reconcile, concurrency=4, lease=0.6, poll=0.05, backoff=backoff
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(relay.run())
        group.create_task(worker.run())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
