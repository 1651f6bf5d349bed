"""All SQL of the subscription service, one module for each of its ports."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from services.chassis import audit, idempotency
from services.chassis.db import Connection
from services.subscription.auditing import Change, OnceScope
from services.subscription.store.accounts import AccountSql
from services.subscription.store.assignments import AssignmentSql
from services.subscription.store.books import BookSql, Encode
from services.subscription.store.facts import FactSql
from services.subscription.store.grants import GrantSql
from services.subscription.store.ledger import LedgerSql
from services.subscription.store.readings import ReadingSql
from services.subscription.store.refunds import RefundSql


class PgStore(
    FactSql, AccountSql, BookSql, AssignmentSql, RefundSql, ReadingSql, LedgerSql, GrantSql
):
    """The service's store on PostgreSQL, within one transaction."""

    def __init__(self, connection: Connection, encode: Encode) -> None:
        self._connection = connection
        self._encode = encode

    async def now(self) -> datetime:
        """Return the database's time, that of the transaction's begin."""
        time: datetime = await self._connection.fetchval("SELECT now()")
        return time

    async def audit(self, change: Change) -> None:
        """Add to the audit record."""
        entry = audit.AuditEntry(
            actor=change.actor.name,
            action=change.action,
            object=change.object,
            reason=change.reason,
            trace_id=change.actor.trace_id,
            details=dict(change.details),
        )
        await audit.record(self._connection, entry)

    async def once(self, scope: OnceScope, produce: Callable[[], Awaitable[str]]) -> str:
        """Return the name that ``produce`` made, or that it made the first time."""

        async def encoded() -> bytes:
            return (await produce()).encode()

        key = idempotency.Scope(scope.account, scope.actor, scope.rpc, scope.key)
        return (await idempotency.once(self._connection, key, scope.request_hash, encoded)).decode()

    async def forget_answers(self) -> int:
        """Forget idempotency keys that are past their time."""
        return await idempotency.purge(self._connection)
