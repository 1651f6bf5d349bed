"""Schemas and roles: who may do what, and that preparing them twice changes nothing."""

import json
from pathlib import Path

import asyncpg
import pytest

from deploy.sandbox.postgres.roles import ensure_services, with_database, with_user
from deploy.sandbox.postgres.server import PostgresServer
from tests.integration.postgres_fixture import Database, drop_database, fresh_database


async def run(dsn: str, *statements: str) -> object:
    """Executes the statements and gives the first value of the last one."""
    connection = await asyncpg.connect(dsn)
    try:
        for statement in statements[:-1]:
            await connection.execute(statement)
        return await connection.fetchval(statements[-1])
    finally:
        await connection.close()


async def test_the_owner_migrates_and_the_service_reads_and_writes(database: Database) -> None:
    dsns = await database.service("payments")
    await run(dsns.owner, "CREATE TABLE inbox (id bigserial PRIMARY KEY, body text)")
    written = await run(
        dsns.service,
        "INSERT INTO inbox (body) VALUES ('a'), ('b')",
        "UPDATE inbox SET body = 'c' WHERE body = 'b'",
        "DELETE FROM inbox WHERE body = 'a'",
        "SELECT body FROM payments.inbox",
    )
    assert written == "c"


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (id int)",
        "CREATE TABLE public.mine (id int)",
        "CREATE SCHEMA mine",
        "ALTER TABLE inbox ADD COLUMN more int",
        "DROP TABLE inbox",
        "TRUNCATE inbox",
        "CREATE INDEX ON inbox (body)",
        "CREATE ROLE mine",
    ],
)
async def test_the_service_role_may_not_change_the_schema(
    database: Database, statement: str
) -> None:
    dsns = await database.service("payments")
    await run(dsns.owner, "CREATE TABLE inbox (id bigserial PRIMARY KEY, body text)")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await run(dsns.service, statement)


async def test_one_service_cannot_see_anothers_tables(database: Database) -> None:
    dsns = await database.services("payments", "pricing")
    await run(dsns["payments"].owner, "CREATE TABLE inbox (id int)")
    for stranger in (dsns["pricing"].service, dsns["pricing"].owner):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await run(stranger, "SELECT count(*) FROM payments.inbox")


async def test_preparing_again_keeps_data_and_passwords(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    passwords = tmp_path / "roles.json"
    arguments = (postgres.superuser_dsn, "twice", ["payments"])
    first = await ensure_services(*arguments, passwords=passwords, prefix="twice")
    await run(first["payments"].owner, "CREATE TABLE kept AS SELECT 7 AS n")
    second = await ensure_services(*arguments, passwords=passwords, prefix="twice")
    assert second == first
    assert await run(second["payments"].service, "SELECT n FROM kept") == 7
    assert passwords.stat().st_mode & 0o777 == 0o600
    assert set(json.loads(passwords.read_text())) == {
        "twice_payments_owner",
        "twice_payments",
    }


async def test_lost_passwords_are_set_anew(postgres: PostgresServer, tmp_path: Path) -> None:
    arguments = (postgres.superuser_dsn, "lost", ["payments"])
    first = await ensure_services(*arguments, passwords=tmp_path / "1.json", prefix="lost")
    second = await ensure_services(*arguments, passwords=tmp_path / "2.json", prefix="lost")
    assert await run(second["payments"].service, "SELECT 1") == 1
    with pytest.raises(asyncpg.InvalidPasswordError):
        await run(first["payments"].service, "SELECT 1")


async def test_a_role_that_may_create_roles_and_databases_is_enough(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    await run(
        postgres.superuser_dsn,
        "CREATE ROLE landlord LOGIN CREATEROLE CREATEDB PASSWORD 'x'",
        "SELECT 1",
    )
    landlord = with_user(postgres.superuser_dsn, "postgres", "landlord", "x")
    for _ in range(2):
        dsns = await ensure_services(
            landlord, "rented", ["pricing"], passwords=tmp_path / "roles.json", prefix="rented"
        )
    await run(dsns["pricing"].owner, "CREATE TABLE rates (id int)", "SELECT 1")
    assert await run(dsns["pricing"].service, "SELECT count(*) FROM rates") == 0


async def test_a_database_that_is_there_needs_only_the_right_to_create_in_it(
    postgres: PostgresServer, tmp_path: Path, database: Database
) -> None:
    await run(
        postgres.superuser_dsn,
        "CREATE ROLE tenant LOGIN CREATEROLE PASSWORD 'x'",
        f"GRANT CREATE ON DATABASE {database.name} TO tenant",
        "SELECT 1",
    )
    dsn = with_user(postgres.superuser_dsn, database.name, "tenant", "x")
    dsns = await ensure_services(
        dsn, database.name, ["pricing"], passwords=tmp_path / "roles.json", prefix="tenant"
    )
    assert await run(dsns["pricing"].service, "SELECT current_schema") == "pricing"
    await run(postgres.superuser_dsn, "SELECT 1")


async def test_a_migrated_template_is_ready_in_its_copies(
    postgres: PostgresServer, database: Database
) -> None:
    owner = (await database.service("payments")).owner
    await run(owner, "CREATE TABLE inbox (id int)", "SELECT 1")
    copy = await fresh_database(postgres, template=database.name)
    service = (await copy.service("payments")).service
    assert await run(service, "INSERT INTO inbox VALUES (1) RETURNING id") == 1
    assert (
        await run(
            with_database(postgres.superuser_dsn, database.name),
            ("SELECT count(*) FROM payments.inbox"),
        )
        == 0
    )
    await drop_database(copy)
