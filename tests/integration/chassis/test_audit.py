"""The audit trail takes entries and gives none back."""

import asyncpg
import pytest

from services.chassis.audit import AuditEntry, record
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
