"""The audit trail: every change says who, what, when and why, in the same transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import orjson

from services.chassis.db import Connection

JSON: TypeAlias = "bool | int | str | Sequence[JSON] | Mapping[str, JSON] | None"

_RECORD = """
INSERT INTO audit (actor, action, object, reason, trace_id, details)
VALUES ($1, $2, $3, $4, $5, $6::text::jsonb)
"""

_RECORD_ALL = """
INSERT INTO audit (actor, action, object, reason, trace_id, details)
SELECT actor, action, object, reason, trace_id, details::jsonb
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
    WITH ORDINALITY AS row (actor, action, object, reason, trace_id, details, place)
ORDER BY place
"""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One change. ``details`` hold no secret and no float."""

    actor: str
    action: str
    object: str
    reason: str
    trace_id: str = ""
    details: Mapping[str, JSON] = field(default_factory=dict)


async def record(conn: Connection, entry: AuditEntry) -> None:
    """Add an entry in the caller's transaction."""
    await conn.execute(_RECORD, *written(entry))


async def record_all(conn: Connection, entries: Sequence[AuditEntry]) -> None:
    """Add entries in the caller's transaction, in their order, by one statement."""
    if len(entries) == 1:
        await record(conn, entries[0])
    elif entries:
        columns = zip(*(written(entry) for entry in entries), strict=True)
        await conn.execute(_RECORD_ALL, *(list(column) for column in columns))


def record_from(source: str, first: int) -> str:
    """Return the INSERT of an entry as a part of the statement that makes the change.

    ``source`` is the CTE of that statement which makes it; if it has no row, nothing is recorded.
    Parameters from ``$first`` on are what ``written`` returns.
    """
    actor, action, object_, reason, trace_id, details = (f"${first + n}" for n in range(6))
    return f"""
INSERT INTO audit (actor, action, object, reason, trace_id, details)
SELECT {actor}, {action}, {object_}, {reason}, {trace_id}, {details}::text::jsonb FROM {source}
"""  # noqa: S608 - names and numbers of the caller's own constants


def written(entry: AuditEntry) -> tuple[str, ...]:
    """Return the parameters of ``record_from``."""
    return (
        entry.actor,
        entry.action,
        entry.object,
        entry.reason,
        entry.trace_id,
        orjson.dumps(entry.details).decode(),
    )
