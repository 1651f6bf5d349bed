"""One database for the product, and in it one schema and two roles for each service.

`<prefix>_<service>_owner` owns the schema and migrates it. `<prefix>_<service>` reads and writes
rows there, and nothing else: no DDL, no TRUNCATE, no other service's schema. Both find their tables
without naming the schema. Whatever the owner creates later is covered by default privileges.

It also prepares a server that is not ours. The role that connects needs LOGIN, CREATEROLE and
CONNECT on the database its DSN names; CREATEDB if the product's database does not exist, else
CREATE on it. A superuser has all of them.
The roles' passwords are ours: they are set on each call to what the file of passwords holds.
"""

import json
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

from deploy.sandbox.supervisor.files import write_atomic

_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")
# Any number, the same for everybody who prepares roles on one server.
_ADVISORY_LOCK = 5_407_112_001

_SCHEMA = """
CREATE SCHEMA IF NOT EXISTS {schema} AUTHORIZATION {owner};
GRANT USAGE ON SCHEMA {schema} TO {service};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {service};
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {service};
ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {schema}
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {service};
ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {schema}
    GRANT USAGE, SELECT ON SEQUENCES TO {service};
ALTER ROLE {owner} IN DATABASE {database} SET search_path = {schema};
ALTER ROLE {service} IN DATABASE {database} SET search_path = {schema};
"""


@dataclass(frozen=True)
class ServiceDsns:
    """How one service connects: as `owner` to migrate, as `service` for everything else."""

    owner: str
    service: str


class DatabaseRefused(Exception):  # noqa: N818 - reads as the sentence it carries
    """The server cannot be reached, or does not let this be prepared; the text says which."""


async def ensure_services(
    superuser_dsn: str,
    database: str,
    services: Iterable[str],
    *,
    passwords: Path,
    prefix: str = "tollgate",
) -> dict[str, ServiceDsns]:
    """Makes what is missing of the database, schemas and roles; the DSNs by service.

    Safe to call again and from several processes. `passwords` is a 0600 file that is made with the
    first call. Names are lower-case letters, digits and underscores, else ValueError. Raises
    DatabaseRefused if the server is out of reach or the role may not do it.
    """
    where = urlsplit(superuser_dsn)
    try:
        return await _ensure(superuser_dsn, database, services, passwords, prefix)
    except OSError as error:
        reason = error.strerror or "no answer"
        raise DatabaseRefused(
            f"DATABASE_URL: {where.hostname}:{where.port or 5432} cannot be reached ({reason})"
        ) from error
    except asyncpg.PostgresError as error:
        raise DatabaseRefused(
            f"DATABASE_URL: the server does not let {where.username} prepare {database}: {error}"
        ) from error


async def _ensure(
    superuser_dsn: str, database: str, services: Iterable[str], passwords: Path, prefix: str
) -> dict[str, ServiceDsns]:
    names = list(services)
    for name in (database, prefix, *names):
        _check(name)
    roles = [role for name in names for role in _roles(prefix, name)]
    secret = _passwords(passwords, roles)
    await _ensure_database(superuser_dsn, database)
    connection = await asyncpg.connect(with_database(superuser_dsn, database))
    try:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", _ADVISORY_LOCK)
            await _ensure_roles(connection, {role: secret[role] for role in roles})
            for name in names:
                owner, service = _roles(prefix, name)
                await connection.execute(
                    _SCHEMA.format(schema=name, owner=owner, service=service, database=database)
                )
    finally:
        await connection.close()
    return {
        name: ServiceDsns(
            *(
                with_user(superuser_dsn, database, role, secret[role])
                for role in _roles(prefix, name)
            )
        )
        for name in names
    }


def with_database(dsn: str, database: str) -> str:
    """The same DSN for another database."""
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{database}"))


def with_user(dsn: str, database: str, user: str, password: str) -> str:
    """The same server and options for another database, user and password."""
    parts = urlsplit(dsn)
    server = parts.netloc.rpartition("@")[2]
    netloc = f"{quote(user, safe='')}:{quote(password, safe='')}@{server}"
    return urlunsplit(parts._replace(netloc=netloc, path=f"/{database}"))


def _check(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot name a database, a schema or a role here")


def _roles(prefix: str, service: str) -> tuple[str, str]:
    """The names of a service's owner and of its service role."""
    return f"{prefix}_{service}_owner", f"{prefix}_{service}"


def _passwords(file: Path, roles: Iterable[str]) -> dict[str, str]:
    """The passwords by role, with new ones written to the file before they are used."""
    stored: dict[str, str] = json.loads(file.read_bytes()) if file.exists() else {}
    missing = [role for role in roles if role not in stored]
    if missing:
        stored |= {role: secrets.token_urlsafe(24) for role in missing}
        write_atomic(file, json.dumps(stored, indent=2).encode())
    return stored


async def _ensure_database(dsn: str, database: str) -> None:
    if urlsplit(dsn).path == f"/{database}":
        return
    connection = await asyncpg.connect(dsn)
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", database):
            await connection.execute(f"CREATE DATABASE {database}")
    except (asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
        return  # another process was quicker, which is as good
    finally:
        await connection.close()


async def _ensure_roles(
    connection: "asyncpg.Connection[asyncpg.Record]", passwords: dict[str, str]
) -> None:
    """Makes the roles and sets their passwords, which need no quoting: see token_urlsafe."""
    rows = await connection.fetch("SELECT rolname FROM pg_roles")
    existing = {row["rolname"] for row in rows}
    superuser = await connection.fetchval(
        "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
    )
    for role, password in passwords.items():
        verb = "ALTER" if role in existing else "CREATE"
        await connection.execute(f"{verb} ROLE {role} LOGIN PASSWORD '{password}'")
        if not superuser and role.endswith("_owner"):
            # Who is no superuser must be a member to make a schema or default privileges for it.
            await connection.execute(f"GRANT {role} TO CURRENT_USER")
