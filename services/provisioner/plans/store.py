"""The SQL of what was told of plans."""

from collections.abc import Callable
from datetime import datetime

from services.chassis import outbox
from services.chassis.db import Connection
from services.chassis.facts import FactRecord
from services.provisioner.plans.seen import PlansSeen, Told

ToFact = Callable[[PlansSeen, int, datetime], FactRecord]

_LAST = "SELECT revision, digest FROM plans_told WHERE source = $1"
_SOURCES = "SELECT source, revision, digest FROM plans_told ORDER BY source"
# Of two replicas that saw the same edit, the second one meets a revision that it did not read. The
# row is written before the fact is numbered, so the order of rows is that of revisions.
# S608: what is put together here are constants of this module.
_TELL = f"""
WITH told AS (
    INSERT INTO plans_told AS known (source, revision, digest) VALUES ($1, $2, $3)
    ON CONFLICT (source) DO UPDATE SET revision = excluded.revision, digest = excluded.digest
        WHERE known.revision = $4
    RETURNING source
), sent AS ({outbox.append_from("told", 5)})
SELECT count(*) FROM told
"""  # noqa: S608


class PgPlansStore:
    """What was told of each source, on PostgreSQL."""

    def __init__(self, connection: Connection, to_fact: ToFact) -> None:
        self._connection = connection
        self._to_fact = to_fact

    async def last_told(self, source: str) -> Told | None:
        """Return what was told last of a source."""
        row = await self._connection.fetchrow(_LAST, source)
        return None if row is None else Told(row["revision"], row["digest"])

    async def told_sources(self) -> list[tuple[str, Told]]:
        """Return what was told last of every source, by name."""
        rows = await self._connection.fetch(_SOURCES)
        return [(row["source"], Told(row["revision"], row["digest"])) for row in rows]

    async def tell(
        self, seen: PlansSeen, revision: int, observe_time: datetime, *, after: int
    ) -> bool:
        """Write a fact if ``after`` is still the last revision that was told."""
        fact = outbox.written(self._to_fact(seen, revision, observe_time))
        told = (seen.source, revision, seen.digest, after)
        return bool(await self._connection.fetchval(_TELL, *told, *fact))
