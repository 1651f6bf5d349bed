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
    await conn.execute(
        _RECORD,
        entry.actor,
        entry.action,
        entry.object,
        entry.reason,
        entry.trace_id,
        orjson.dumps(entry.details).decode(),
    )
