"""Migrations go forward once, in order, one migrator at a time, and give way to who is working."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from services.chassis.migrate import CHASSIS_MIGRATIONS, MigrationError, migrate
from tests.integration.chassis.clocks import TellingClock
from tests.integration.postgres_fixture import Database

SCHEMA = "migrated"
TABLE = "CREATE TABLE things (id bigint PRIMARY KEY)"


def _folder(tmp_path: Path, **files: str) -> Path:
    folder = tmp_path / "things" / "migrations"
    folder.mkdir(parents=True, exist_ok=True)
    for name, sql in files.items():
        (folder / f"{name}.sql").write_text(sql)
    return folder


async def test_what_is_missing_is_applied_once_the_chassis_first(
    database: Database, tmp_path: Path
) -> None:
    owner = (await database.service(SCHEMA)).owner
    folder = _folder(tmp_path, **{"0001_init": TABLE})
    first = await migrate(owner, SCHEMA, [folder])
    assert first[0] == "chassis/0001_outbox.sql"
    assert first[-1] == "things/0001_init.sql"
    _folder(tmp_path, **{"0002_more": "ALTER TABLE things ADD COLUMN name text"})
    assert await migrate(owner, SCHEMA, [folder]) == ["things/0002_more.sql"]
    assert await migrate(owner, SCHEMA, [folder]) == []


async def test_a_changed_file_is_named_and_nothing_is_applied(
    database: Database, tmp_path: Path
) -> None:
    owner = (await database.service(SCHEMA)).owner
    folder = _folder(tmp_path, **{"0001_init": TABLE})
    await migrate(owner, SCHEMA, [folder])
    _folder(tmp_path, **{"0001_init": TABLE + " ", "0002_more": "CREATE TABLE more ()"})
    with pytest.raises(MigrationError, match=r"things/0001_init\.sql was changed"):
        await migrate(owner, SCHEMA, [folder])


async def test_a_file_that_comes_too_late_is_refused(database: Database, tmp_path: Path) -> None:
    owner = (await database.service(SCHEMA)).owner
    folder = _folder(tmp_path, **{"0002_init": TABLE})
    await migrate(owner, SCHEMA, [folder])
    _folder(tmp_path, **{"0001_late": "SELECT 1"})
    with pytest.raises(MigrationError, match="later number"):
        await migrate(owner, SCHEMA, [folder])


async def test_a_failing_file_leaves_nothing_of_itself(database: Database, tmp_path: Path) -> None:
    owner = (await database.service(SCHEMA)).owner
    folder = _folder(tmp_path, **{"0001_init": f"{TABLE}; SELECT 1 / 0"})
    with pytest.raises(MigrationError, match=r"things/0001_init\.sql failed: division by zero"):
        await migrate(owner, SCHEMA, [folder])
    _folder(tmp_path, **{"0001_init": TABLE})
    assert await migrate(owner, SCHEMA, [folder]) == ["things/0001_init.sql"]


async def test_two_migrators_at_once_apply_everything_once(
    database: Database, tmp_path: Path
) -> None:
    owner = (await database.service(SCHEMA)).owner
    folder = _folder(tmp_path, **{"0001_init": f"{TABLE}; SELECT pg_sleep(0.05)"})
    one, other = await asyncio.gather(*(migrate(owner, SCHEMA, [folder]) for _ in range(2)))
    every = [*CHASSIS_MIGRATIONS.glob("*.sql"), *folder.glob("*.sql")]
    assert sorted([len(one), len(other)]) == [0, len(every)]


async def test_a_migration_gives_way_to_a_working_version_and_comes_through(
    database: Database, tmp_path: Path
) -> None:
    """While it waits for the table, nobody else waits behind it for long."""
    dsns = await database.service(SCHEMA)
    folder = _folder(tmp_path, **{"0001_init": TABLE})
    await migrate(dsns.owner, SCHEMA, [folder])
    _folder(tmp_path, **{"0002_more": "ALTER TABLE things ADD COLUMN name text"})
    worker = await asyncpg.connect(dsns.service)
    reader = await asyncpg.connect(dsns.service)
    working = worker.transaction()
    await working.start()
    await worker.execute("SELECT * FROM things")
    migrating = asyncio.ensure_future(migrate(dsns.owner, SCHEMA, [folder]))
    waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'things'::regclass"
    async with asyncio.timeout(10):
        while not await worker.fetchval(waits):  # noqa: ASYNC110 - another session's lock
            await asyncio.sleep(0.01)
        await reader.execute("SELECT * FROM things")
    assert not migrating.done()
    await working.rollback()
    assert await migrating == ["things/0002_more.sql"]
    await worker.close()
    await reader.close()


async def test_a_database_that_is_away_at_the_start_is_waited_for(
    database: Database, tmp_path: Path
) -> None:
    owner = (await database.service(SCHEMA)).owner
    folder = _folder(tmp_path, **{"0001_init": TABLE})
    await database.server.kill()
    clock = TellingClock()
    waiting = asyncio.create_task(migrate(owner, SCHEMA, [folder], clock=clock))
    async with asyncio.timeout(10):
        await clock.sleeps.wait()
    assert not waiting.done()
    await database.server.start()
    assert (await waiting)[-1] == "things/0001_init.sql"


async def test_a_migration_goes_on_when_the_database_comes_back(
    database: Database, tmp_path: Path
) -> None:
    owner = (await database.service(SCHEMA)).owner
    # What the second file waits for is held by the test until the server is killed under both.
    held = "SELECT pg_advisory_xact_lock(1)"
    files = {"0001_init": TABLE, "0002_held": f"{held}; ALTER TABLE things ADD a int"}
    folder = _folder(tmp_path, **files)
    holder = await asyncpg.connect(owner)
    await holder.execute("SELECT pg_advisory_lock(1)")
    running = asyncio.create_task(migrate(owner, SCHEMA, [folder]))
    await _until_somebody_waits(holder)
    await database.server.kill()
    holder.terminate()
    await database.server.start()
    assert (await running)[-2:] == ["things/0001_init.sql", "things/0002_held.sql"]
    assert await migrate(owner, SCHEMA, [folder]) == []


async def _until_somebody_waits(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Wait until somebody in this database waits for an advisory lock."""
    waits = """
        SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'advisory'
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    """
    async with asyncio.timeout(10):
        while not await connection.fetchval(waits):  # noqa: ASYNC110 - another session's lock
            await asyncio.sleep(0.01)
