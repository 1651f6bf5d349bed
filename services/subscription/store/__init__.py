"""All SQL of the subscription service, one module for each of its ports."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from services.chassis import audit, idempotency
from services.chassis.db import Connection, GatheringStore
from services.subscription.auditing import Change, OnceScope
from services.subscription.incoming import Customer
from services.subscription.store.accounts import AccountSql
from services.subscription.store.assignments import AssignmentSql
from services.subscription.store.books import BookSql, Encode
from services.subscription.store.changes import to_entry
from services.subscription.store.facts import FactSql
from services.subscription.store.giving_way import GivingWaySql
from services.subscription.store.grants import GrantSql
from services.subscription.store.holdings import HoldingsSql
from services.subscription.store.ledger import LedgerSql
from services.subscription.store.notices import NoticeSql
from services.subscription.store.readings import ReadingSql
from services.subscription.store.refunds import RefundSql


class PgStore(
    GatheringStore,
    FactSql,
    AccountSql,
    BookSql,
    HoldingsSql,
    AssignmentSql,
    RefundSql,
    GivingWaySql,
    NoticeSql,
    ReadingSql,
    LedgerSql,
    GrantSql,
):
    """The service's store on PostgreSQL, within one transaction."""

    def __init__(self, connection: Connection, encode: Encode) -> None:
        self._connection = connection
        self._encode = encode
        self._now: datetime | None = None
        self._changes: list[audit.AuditEntry] = []
        self._locked: dict[Customer, str] = {}

    async def now(self) -> datetime:
        """Return the database's time, that of the transaction's begin, which stands still in it."""
        if self._now is None:
            self._now = await self._connection.fetchval("SELECT now()")
        return self._now

    async def audit(self, change: Change) -> None:
        """Add to the audit record, with all that is added in this transaction."""
        self._changes.append(to_entry(change))

    async def flush(self) -> None:
        """Write what was gathered, before the commit."""
        changes, self._changes = self._changes, []
        await audit.record_all(self._connection, changes)

    async def once(self, scope: OnceScope, produce: Callable[[], Awaitable[str]]) -> str:
        """Return the name that ``produce`` made, or that it made the first time."""

        async def encoded() -> bytes:
            return (await produce()).encode()

        key = idempotency.Scope(scope.account, scope.actor, scope.rpc, scope.key)
        return (await idempotency.once(self._connection, key, scope.request_hash, encoded)).decode()

    async def forget_answers(self) -> int:
        """Forget idempotency keys that are past their time."""
        return await idempotency.purge(self._connection)
