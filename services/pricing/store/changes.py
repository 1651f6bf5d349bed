"""The SQL that every change takes: the time, the first answer of a key, the audit record."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from services.chassis import audit, idempotency
from services.chassis.db import Connection
from services.pricing.changes import Change


class ChangeSql:
    """What changes have in common, on PostgreSQL, within one transaction."""

    _connection: Connection

    async def now(self) -> datetime:
        """Return the database's time, that of the transaction's begin."""
        time: datetime = await self._connection.fetchval("SELECT now()")
        return time

    async def once(
        self,
        actor: str,
        rpc: str,
        key: str,
        request_hash: bytes,
        produce: Callable[[], Awaitable[str]],
    ) -> str:
        """Return the name that ``produce`` made, or that it made the first time."""

        async def encoded() -> bytes:
            return (await produce()).encode()

        scope = idempotency.Scope("", actor, rpc, key)
        return (await idempotency.once(self._connection, scope, request_hash, encoded)).decode()

    async def audit(self, change: Change) -> None:
        """Add to the audit record."""
        await audit.record(
            self._connection,
            audit.AuditEntry(
                actor=change.actor,
                action=change.action,
                object=change.object,
                reason=change.reason,
                trace_id=change.trace_id,
            ),
        )
