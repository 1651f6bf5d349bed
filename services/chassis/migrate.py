"""Migrations: forward only, numbered SQL files, safe while the previous version still runs.

    python -m services.chassis.migrate --schema payments services/payments/migrations

connects as the schema's owner with the variables that PostgreSQL's own tools read (PGHOST, PGPORT,
PGUSER, PGPASSWORD or PGPASSFILE, PGDATABASE).
"""

import argparse
import asyncio
import hashlib
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import structlog

from services.chassis.backoff import Backoff
from services.chassis.clock import Clock, SystemClock
from services.chassis.db import AWAY
from services.chassis.outage import Outage

CHASSIS_MIGRATIONS = Path(__file__).parent / "migrations"

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("chassis.migrate")

_FILE_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
_SCHEMA_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_LOCK_TIMEOUT = "2s"
_TRIES = 10
_BUSY = Backoff(base=0.2, cap=3.0)

_LOCK = "SELECT pg_advisory_lock(hashtextextended('migrate:' || $1, 0))"
_UNLOCK = "SELECT pg_advisory_unlock(hashtextextended('migrate:' || $1, 0))"
_TABLE = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    version text PRIMARY KEY,
    sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""


class MigrationError(Exception):
    """A migration cannot be applied; the text names it."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file. ``version`` is ``<service>/<file name>``."""

    folder: str
    version: str
    sql: str

    @property
    def sha256(self) -> str:
        """The digest that an applied file must keep."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def read_folder(folder: Path) -> list[Migration]:
    """Return a folder's migrations in order; raises MigrationError on a wrong or doubled number."""
    name = folder.resolve().parent.name
    numbers: dict[str, str] = {}
    found: list[Migration] = []
    for path in sorted(folder.glob("*.sql")):
        match = _FILE_NAME.fullmatch(path.name)
        if match is None:
            raise MigrationError(f"{name}/{path.name} is not called NNNN_name.sql")
        twin = numbers.setdefault(match[1], path.name)
        if twin != path.name:
            raise MigrationError(f"{name}/{twin} and {name}/{path.name} have the same number")
        found.append(Migration(name, f"{name}/{path.name}", path.read_text()))
    return found


async def migrate(
    dsn: str | None, schema: str, folders: Sequence[Path], *, clock: Clock | None = None
) -> list[str]:
    """Apply what is missing: the chassis's tables, then each folder; return the new versions.

    ``dsn`` is the owner's, and direct, not through a pooler; None takes the PG… variables. The
    schema is made if it is missing. One migrator works at a time, others wait for it. A statement
    that would have to wait long for a lock gives way to the running version and is tried again.
    Waits while the database cannot be reached, and goes on where a lost connection stopped it.
    Raises MigrationError if an applied file has changed, or a new one comes before an applied one.
    """
    if not _SCHEMA_NAME.fullmatch(schema):
        raise MigrationError(f"{schema!r} is no name for a schema")
    wanted = [
        migration for folder in (CHASSIS_MIGRATIONS, *folders) for migration in read_folder(folder)
    ]
    clock = clock or SystemClock()
    outage = Outage(f"The migration of {schema}", clock)
    applied: list[str] = []
    while True:
        try:
            await _migrate_once(dsn, schema, wanted, clock, applied)
        except AWAY as error:
            await outage.pause(error)
        else:
            outage.over()
            return applied


async def _migrate_once(
    dsn: str | None, schema: str, wanted: Sequence[Migration], clock: Clock, applied: list[str]
) -> None:
    """Apply what is missing over one connection; ``applied`` gets each version that stands."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(_LOCK, schema)
        await _enter_schema(connection, schema)
        for migration in await _missing(connection, wanted):
            await _apply_patiently(connection, migration, clock)
            applied.append(migration.version)
        await connection.execute(_UNLOCK, schema)
    except asyncpg.InterfaceError as error:
        if connection.is_closed():
            # What a block says that finds its connection gone; otherwise a mistake of ours.
            raise ConnectionError(str(error)) from error
        raise
    finally:
        await connection.close()


async def _enter_schema(connection: "asyncpg.Connection[asyncpg.Record]", schema: str) -> None:
    # CREATE SCHEMA IF NOT EXISTS asks for the right to create even if the schema is there.
    if not await connection.fetchval("SELECT to_regnamespace($1) IS NOT NULL", schema):
        await connection.execute(f"CREATE SCHEMA {schema}")
    await connection.execute(f"SET search_path = {schema}")
    await connection.execute(f"SET lock_timeout = '{_LOCK_TIMEOUT}'")
    await connection.execute(_TABLE)


async def _missing(
    connection: "asyncpg.Connection[asyncpg.Record]", wanted: Sequence[Migration]
) -> list[Migration]:
    rows = await connection.fetch("SELECT version, sha256 FROM schema_migrations")
    applied: Mapping[str, str] = {row["version"]: row["sha256"] for row in rows}
    missing: list[Migration] = []
    newest = {
        folder: max(
            (version for version in applied if version.startswith(f"{folder}/")), default=""
        )
        for folder in {migration.folder for migration in wanted}
    }
    for migration in wanted:
        digest = applied.get(migration.version)
        if digest is None:
            if migration.version < newest[migration.folder]:
                raise MigrationError(
                    f"{migration.version} comes before {newest[migration.folder]}, "
                    "which is applied: give it a later number"
                )
            missing.append(migration)
        elif digest != migration.sha256:
            raise MigrationError(
                f"{migration.version} was changed after it was applied: "
                "restore it and write a new one"
            )
    return missing


async def _apply_patiently(
    connection: "asyncpg.Connection[asyncpg.Record]", migration: Migration, clock: Clock
) -> None:
    for attempt in range(1, _TRIES + 1):
        try:
            await _apply(connection, migration)
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError) as exc:
            if attempt == _TRIES:
                raise MigrationError(
                    f"{migration.version} waited {_TRIES} times for a table that is in use"
                ) from exc
            _log.info("A migration gives way and tries again.", version=migration.version)
            await clock.sleep(_BUSY.delay(attempt))
        except AWAY:
            raise
        except asyncpg.PostgresError as exc:
            raise MigrationError(f"{migration.version} failed: {exc}") from exc
        else:
            _log.info("A migration is applied.", version=migration.version)
            return


async def _apply(connection: "asyncpg.Connection[asyncpg.Record]", migration: Migration) -> None:
    async with connection.transaction():
        await connection.execute(migration.sql)
        await connection.execute(
            "INSERT INTO schema_migrations (version, sha256) VALUES ($1, $2)",
            migration.version,
            migration.sha256,
        )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; 1 and one sentence if it cannot be done."""
    parser = argparse.ArgumentParser(prog="services.chassis.migrate", description=__doc__)
    parser.add_argument("--schema", required=True)
    parser.add_argument("folders", nargs="*", type=Path)
    arguments = parser.parse_args(argv)
    try:
        done = asyncio.run(migrate(None, arguments.schema, arguments.folders))
    except (MigrationError, asyncpg.PostgresError, OSError) as exc:
        sys.stderr.write(f"{exc}\n")
        return 1
    sys.stdout.writelines(f"{version}\n" for version in done)
    return 0


if __name__ == "__main__":
    sys.exit(main())
