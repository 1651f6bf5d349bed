"""The audit trail takes entries and gives none back."""

from dataclasses import replace

import asyncpg
import pytest

from services.chassis.audit import AuditEntry, record, record_all, record_from, written
from services.chassis.db import Pool
from tests.integration.chassis_pool import Migrated

ENTRY = AuditEntry(
    actor="user_1",
    action="subscription.cancel",
    object="tsub_audit",
    reason="asked for",
    trace_id="0af7",
    details={"plan": "kube-dc/pro", "amounts": [1, 2], "note": None},
)


async def test_an_entry_is_kept_with_its_details(pool: Pool) -> None:
    async with pool.acquire() as conn:
        await record(conn, ENTRY)
    row = await pool.fetchrow("SELECT * FROM audit WHERE object = 'tsub_audit'")
    assert row is not None
    assert (row["actor"], row["action"], row["reason"]) == ("user_1", ENTRY.action, "asked for")
    assert row["details"] == ENTRY.details


async def test_entries_of_one_statement_stand_in_their_order(pool: Pool) -> None:
    several = [replace(ENTRY, object="tsub_several", actor=f"user_{n}") for n in (3, 1, 2)]
    async with pool.acquire() as conn:
        await record_all(conn, several)
        await record_all(conn, several[:1])
        await record_all(conn, [])
    rows = await pool.fetch("SELECT * FROM audit WHERE object = 'tsub_several' ORDER BY seq")
    assert [row["actor"] for row in rows] == ["user_3", "user_1", "user_2", "user_3"]
    assert all(row["details"] == ENTRY.details for row in rows)


@pytest.mark.parametrize("made", [True, False])
async def test_an_entry_that_goes_with_a_statement_stands_if_that_made_a_row(
    pool: Pool, made: bool
) -> None:
    entry = replace(ENTRY, object=f"tsub_from_{made}")
    change = f"WITH made AS (SELECT WHERE $1), noted AS ({record_from('made', 2)}) SELECT 1"
    await pool.execute(change, made, *written(entry))
    found = await pool.fetchval("SELECT count(*) FROM audit WHERE object = $1", entry.object)
    assert found == int(made)


@pytest.mark.parametrize(
    "statement", ["UPDATE audit SET actor = 'nobody'", "DELETE FROM audit", "TRUNCATE audit"]
)
async def test_not_even_the_owner_changes_an_entry(migrated: Migrated, statement: str) -> None:
    owner = await asyncpg.connect(migrated.owner)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="only ever added"):
            await owner.execute(statement)
    finally:
        await owner.close()
