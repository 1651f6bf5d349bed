"""One PostgreSQL for a test run, and a new empty database from it for each test.

Import the fixtures `postgres` and `database` in a conftest. The server skips fsync, but its commits
are synchronous: a test may `kill()` and `start()` it and ask for every acknowledged row.
"""

import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from deploy.sandbox.postgres.binaries import find_binaries
from deploy.sandbox.postgres.roles import ServiceDsns, ensure_services, with_database
from deploy.sandbox.postgres.server import PostgresServer

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Database:
    """A database of one test. `superuser` is its superuser's DSN."""

    name: str
    superuser: str
    server: PostgresServer

    async def service(self, schema: str) -> ServiceDsns:
        """Owner and service role of `schema`, which is made when it is first asked for."""
        return (await self.services(schema))[schema]

    async def services(self, *schemas: str) -> dict[str, ServiceDsns]:
        """As `service`, for several schemas in one go."""
        return await ensure_services(
            self.superuser,
            self.name,
            schemas,
            passwords=self.server.home / "roles.json",
        )


async def fresh_database(postgres: PostgresServer, template: str = "template1") -> Database:
    """A new database, empty or a copy of `template`, to which nobody may be connected then.

    The roles are the same in all databases of the server, so that a template migrated once by a
    schema's owner is ready for use after `service` was called on its copy.
    """
    name = f"test_{next(_numbers)}"
    connection = await asyncpg.connect(postgres.superuser_dsn)
    try:
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    finally:
        await connection.close()
    return Database(name, with_database(postgres.superuser_dsn, name), postgres)


async def drop_database(database: Database) -> None:
    """Drops it, and cuts off whoever is still connected."""
    connection = await asyncpg.connect(database.server.superuser_dsn)
    try:
        await connection.execute(f"DROP DATABASE IF EXISTS {database.name} WITH (FORCE)")
    finally:
        await connection.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def postgres(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PostgresServer]:
    """The server of this run."""
    home: Path = tmp_path_factory.mktemp("postgres")
    server = PostgresServer(home, None, find_binaries(), durable=False)
    await server.start()
    yield server
    await server.stop()


@pytest_asyncio.fixture
async def database(postgres: PostgresServer) -> AsyncIterator[Database]:
    """An empty database for one test. If the test killed the server, it is started again."""
    created = await fresh_database(postgres)
    yield created
    await postgres.start()
    await drop_database(created)
