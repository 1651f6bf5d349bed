"""Every statement of the services finds its rows by an index.

A partial index serves only statements that say its condition themselves: ``granted = $1`` does not
use an index of those ``WHERE granted <> ''``, and reads the whole table on each call. On a table of
a test nobody sees that.
"""

import importlib
import json
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

import services
from services.chassis.migrate import migrate
from tests.integration.postgres_fixture import Database

_BEGINS = re.compile(r"\s*(WITH|SELECT|INSERT|UPDATE|DELETE)\b")
_SERVICES = ("payments", "subscription", "pricing", "provisioner")
_READ_WHOLE = {
    "epoch": "one row",
    "tenant_numbers": "one row",
    "active_rate_card": "one row",
    "use_looks": "one row",
    "catalog_sources": "a row for each catalog",
    "rate_card_activations": "a row for each change of the rate card, all of them asked for",
    "cost_day_changes": "taken in the order of its rows, so many at a time",
}
"""What may be read from one end to the other, and why."""


def _modules(package: str) -> Iterator[Any]:
    root = importlib.import_module(package)
    yield root
    for found in pkgutil.walk_packages(root.__path__, f"{package}."):
        if not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)


def _statements(package: str) -> dict[str, str]:
    """Return the texts of a package that begin as a statement does, and what they are called."""
    return {
        value: f"{module.__name__}.{name}"
        for module in _modules(package)
        for name, value in vars(module).items()
        if isinstance(value, str) and _BEGINS.match(value)
    }


def _read_whole(plan: dict[str, Any]) -> set[str]:
    below = {name for child in plan.get("Plans", []) for name in _read_whole(child)}
    return below | ({plan["Relation Name"]} if plan["Node Type"] == "Seq Scan" else set())


async def _plan(connection: "asyncpg.Connection[asyncpg.Record]", statement: str) -> dict[str, Any]:
    parameters = max([int(number) for number in re.findall(r"\$(\d+)", statement)], default=0)
    nulls = f"({', '.join(['NULL'] * parameters)})" if parameters else ""
    await connection.execute(f"PREPARE statement AS {statement}")
    try:
        text = await connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE statement{nulls}")
    finally:
        await connection.execute("DEALLOCATE statement")
    plan: dict[str, Any] = json.loads(text)[0]["Plan"]
    return plan


@pytest.mark.parametrize("service", _SERVICES)
async def test_every_statement_finds_its_rows_by_an_index(database: Database, service: str) -> None:
    owner = (await database.service(service)).owner
    await migrate(owner, service, [Path(services.__file__).parent / service / "migrations"])
    statements = _statements("services.chassis") | _statements(f"services.{service}")
    connection = await asyncpg.connect(owner, statement_cache_size=0)
    try:
        await connection.execute(
            f"SET search_path = {service}; SET plan_cache_mode = force_generic_plan; "
            "SET enable_seqscan = off"
        )
        wrong, planned = [], 0
        for statement, name in statements.items():
            try:
                plan = await _plan(connection, statement)
            except asyncpg.PostgresError as error:
                # A part of a larger statement is planned with that.
                if not any(statement in other for other in statements if other != statement):
                    wrong.append(f"{name} cannot be planned: {error}")
                continue
            planned += 1
            whole = _read_whole(plan) - _READ_WHOLE.keys()
            wrong += [f"{name} reads all of {table}" for table in sorted(whole)]
    finally:
        await connection.close()
    assert not wrong, "\n".join(wrong)
    assert planned > 40
