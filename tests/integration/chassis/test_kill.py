"""Kill -9 of the process that works outbox and queue, and of the database: nothing is lost."""

import asyncio
import os
import signal
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from deploy.sandbox.postgres.server import PostgresServer
from services.chassis import outbox, queue
from services.chassis.db import Connection, PgTransactions, Pool
from tests.contract.chassis.backends import fact
from tests.integration.chassis_pool import Migrated

KEYS = 7
ROUNDS = 60
_FIRST_TIME = """
INSERT INTO inbox_facts (source, fact_id, type) VALUES ('test', $1, 't')
ON CONFLICT DO NOTHING RETURNING true
"""
_WANT = """
INSERT INTO inbox_revisions AS known (object_key, type, revision) VALUES ($1, 't', 1)
ON CONFLICT (object_key, type) DO UPDATE SET revision = known.revision + 1
RETURNING revision
"""


class Story:
    """What the killed processes wrote."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def lines(self, kind: str) -> list[list[str]]:
        text = self._path.read_text() if self._path.exists() else ""
        return [line.split()[1:] for line in text.splitlines() if line.startswith(kind)]

    async def reaches(self, count: int) -> None:
        async with asyncio.timeout(30):
            while len(self.lines("")) < count:  # noqa: ASYNC110 - another process's file
                await asyncio.sleep(0.005)


@asynccontextmanager
async def program(migrated: Migrated, path: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """The process, killed at the end of the block."""
    root = Path(__file__).parents[3]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.integration.chassis.program",
        migrated.service,
        str(path),
        cwd=root,
        env={**os.environ, "PYTHONPATH": f"{root}:{root / 'protos/gen'}"},
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.wait()


async def _produce(pool: Pool) -> None:
    """Facts of several keys, and changes that ask for a reconcile, in one transaction each."""

    def same(connection: Connection) -> Connection:
        return connection

    transactions = PgTransactions(pool, same)

    async def change(conn: Connection, key: str, id_: str) -> None:
        # A commit whose answer was lost runs again; what it has done already it finds done.
        if not await conn.fetchval(_FIRST_TIME, id_):
            return
        await conn.fetchval(_WANT, key)
        await outbox.append(conn, [replace(fact(0, key=key, to="pricing"), id=id_)])
        await queue.enqueue(conn, "tenants", [key])

    async def once(key: str, id_: str) -> None:
        await transactions.run(lambda conn: change(conn, key, id_), timeout=30)

    for number in range(ROUNDS * KEYS):
        await once(f"acc_{number % KEYS}", f"fct_{number:03}")
        await asyncio.sleep(0.001)


async def _drained(pool: Pool) -> None:
    sql = "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM reconcile_queue)"
    async with asyncio.timeout(30):
        while await pool.fetchval(sql):  # noqa: ASYNC110 - rows that another process removes
            await asyncio.sleep(0.02)


async def test_nothing_is_lost_or_out_of_order_whoever_is_killed(
    pool: Pool, migrated: Migrated, postgres: PostgresServer, tmp_path: Path
) -> None:
    path = tmp_path / "story"
    story = Story(path)
    async with asyncio.TaskGroup() as group:
        producing = group.create_task(_produce(pool))
        for milestone in (60, 200):
            async with program(migrated, path):
                await story.reaches(milestone)
        async with program(migrated, path) as survivor:
            await story.reaches(350)
            await postgres.kill()
            await postgres.start()
            await producing
            await _drained(pool)
            assert survivor.returncode is None, "a restart of the database ended the worker"

    delivered: defaultdict[str, list[int]] = defaultdict(list)
    for key, id_ in story.lines("fact"):
        number = int(id_.removeprefix("fct_"))
        # What a killed relay had delivered comes once more, all that it had claimed.
        if number not in delivered[key]:
            delivered[key].append(number)
    for key, numbers in delivered.items():
        assert numbers == sorted(numbers), f"{key} out of order"
    assert {number for numbers in delivered.values() for number in numbers} == set(
        range(ROUNDS * KEYS)
    )
    assert await pool.fetchval("SELECT count(*) FROM dead_letters") == 0

    last = {key: int(wanted) for key, _, wanted in story.lines("run")}
    assert last == {f"acc_{number}": ROUNDS for number in range(KEYS)}
    epochs = [epoch for _, epoch, _ in story.lines("run")]
    assert len(epochs) == len(set(epochs)), "two runs had one epoch"
