"""The inbox: what makes a fact that comes several times, or late, take effect once.

All functions work in the caller's transaction, the one in which the fact takes effect.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from services.chassis.db import Connection
from services.chassis.facts import FactRecord

_REMEMBER = """
INSERT INTO inbox_facts (source, fact_id, type) VALUES ($1, $2, $3)
ON CONFLICT DO NOTHING RETURNING true
"""

# In the order of the ids: whoever has several in common waits for the first of them.
_REMEMBER_ALL = """
INSERT INTO inbox_facts (source, fact_id, type)
SELECT $1, fact_id, type FROM unnest($2::text[], $3::text[]) AS row (fact_id, type)
ORDER BY fact_id COLLATE "C"
ON CONFLICT DO NOTHING RETURNING fact_id
"""

_LATEST = """
INSERT INTO inbox_revisions AS known (object_key, type, revision) VALUES ($1, $2, $3)
ON CONFLICT (object_key, type) DO UPDATE SET revision = excluded.revision, applied_at = now()
    WHERE known.revision < excluded.revision
RETURNING true
"""

# Both who parks and who unparks take it first: a fact that is being parked while its parent
# commits would otherwise be seen by neither.
_LOCK_WAIT = "SELECT pg_advisory_xact_lock(hashtextextended('inbox:' || $1, 0))"

_PARK = """
INSERT INTO inbox_parked
    (source, fact_id, fact_key, revision, type, payload, traceparent, waiting_for, reason)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (source, fact_id) DO UPDATE
    SET waiting_for = excluded.waiting_for, reason = excluded.reason
"""

_UNPARK = """
WITH taken AS (DELETE FROM inbox_parked WHERE waiting_for = $1 RETURNING *)
SELECT * FROM taken ORDER BY seq
"""

_KEPT = "SELECT * FROM inbox_parked WHERE waiting_for = ANY($1::text[]) ORDER BY seq LIMIT 100"
_FORGET_KEPT = "DELETE FROM inbox_parked WHERE fact_id = $1 AND waiting_for = $2"

_LIST = "SELECT * FROM inbox_parked WHERE seq > $1 ORDER BY seq LIMIT $2"


async def remember(conn: Connection, fact: FactRecord, source: str) -> bool:
    """Count a money fact: True if it is new, False if it already had its effect.

    While another transaction is at the same fact this one waits for it.
    """
    return bool(await conn.fetchval(_REMEMBER, source, fact.id, fact.type))


async def remember_all(conn: Connection, facts: Sequence[FactRecord], source: str) -> set[str]:
    """Count money facts by one statement; return the ids of those that are new."""
    ids, types = [fact.id for fact in facts], [fact.type for fact in facts]
    return {row["fact_id"] for row in await conn.fetch(_REMEMBER_ALL, source, ids, types)}


async def latest(conn: Connection, object_key: str, type: str, revision: int) -> bool:  # noqa: A002
    """Record a state fact's revision: True if it is newer than what was applied.

    On False there is nothing to do: this revision or a later one has had its effect.
    """
    if revision < 1:
        raise ValueError(f"a state fact has a revision from 1, not {revision}")
    return bool(await conn.fetchval(_LATEST, object_key, type, revision))


async def park(
    conn: Connection, fact: FactRecord, waiting_for: str, reason: str, *, source: str = ""
) -> None:
    """Keep a fact until what it waits for has come.

    Afterwards the caller looks for that once more, in a statement of its own, and unparks if it is
    there: its transaction may have committed between the first look and this call. One that
    commits later finds the parked fact.
    """
    await conn.execute(_LOCK_WAIT, waiting_for)
    await conn.execute(
        _PARK,
        source,
        fact.id,
        fact.key,
        fact.revision,
        fact.type,
        fact.payload,
        fact.traceparent,
        waiting_for,
        reason,
    )


async def unpark(conn: Connection, waiting_for: str) -> list[FactRecord]:
    """Take the facts that waited for this, oldest first; the caller applies them now.

    Called in the transaction that makes true what they waited for.
    """
    await conn.execute(_LOCK_WAIT, waiting_for)
    return [_fact(row) for row in await conn.fetch(_UNPARK, waiting_for)]


@dataclass(frozen=True, slots=True)
class Parked:
    """A fact that waits; ``seq`` is the cursor of a page."""

    seq: int
    fact: FactRecord
    source: str
    waiting_for: str
    reason: str
    parked_at: datetime


async def list_parked(conn: Connection, *, after: int = 0, limit: int = 100) -> Sequence[Parked]:
    """Return a page of parked facts with ``seq`` greater than ``after``."""
    return [
        Parked(
            row["seq"],
            _fact(row),
            row["source"],
            row["waiting_for"],
            row["reason"],
            row["parked_at"],
        )
        for row in await conn.fetch(_LIST, after, limit)
    ]


def unknown_type(type: str) -> str:  # noqa: A002
    """Return what a fact of an unknown type waits for."""
    return f"type:{type}"


async def keep_unknown(conn: Connection, fact: FactRecord, source: str) -> None:
    """Keep a fact whose type this version does not know.

    The version that knows it takes it later (``retaking``).
    """
    await park(conn, fact, unknown_type(fact.type), "its type is not known yet", source=source)


async def kept_unknown(conn: Connection, types: Sequence[str]) -> Sequence[tuple[FactRecord, str]]:
    """Return at most 100 facts of types that were kept unknown, oldest first, with sources."""
    rows = await conn.fetch(_KEPT, [unknown_type(name) for name in types])
    return [(_fact(row), row["source"]) for row in rows]


async def forget_kept(conn: Connection, fact_id: str, type: str) -> None:  # noqa: A002
    """Forget that a fact was kept unknown, unless it waits for something else by now."""
    await conn.execute(_FORGET_KEPT, fact_id, unknown_type(type))


def _fact(row: asyncpg.Record) -> FactRecord:
    return FactRecord(
        id=row["fact_id"],
        key=row["fact_key"],
        revision=row["revision"],
        type=row["type"],
        payload=row["payload"],
        traceparent=row["traceparent"],
    )
