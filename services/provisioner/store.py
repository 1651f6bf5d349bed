"""All SQL of the provisioner."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

import asyncpg

from services.chassis import audit, idempotency, inbox, outbox, queue
from services.chassis.db import Connection
from services.chassis.facts import FactRecord
from services.chassis.telemetry import current_trace_id
from services.chassis.wakeups import after_commit
from services.provisioner.domain import (
    Capacity,
    Condition,
    Observed,
    Order,
    OrderedPhase,
    Scope,
    Subscribed,
    Tenant,
    TenantPhase,
    Version,
)
from services.provisioner.ports import AT_ONCE, TENANTS, Audited, OnceScope

QUEUE = "tenants"

_WRITTEN = (
    "epoch, generation, ordered_phase, plan, capacity, owner_subject, organization, paid_until, "
    "receive_time, phase, reason, namespace, uid, claim, attempt, standing, observed_generation, "
    "conditions, ready_time, update_time, revision, subscription, traceparent"
)
_BY_ID = "SELECT * FROM tenants WHERE id = $1"
_LOCK_ID = _BY_ID + " FOR NO KEY UPDATE"
_LOCK_INCARNATION = (
    "SELECT * FROM tenants WHERE account = $1 AND incarnation = $2 FOR NO KEY UPDATE"
)
# S608: what is put together here are constants of this module. The numbers' row is locked until the
# commit: numbers are in the order of commits.
_ADD = f"""
WITH numbered AS (
    UPDATE tenant_numbers SET last = last + 1
    WHERE NOT EXISTS (SELECT FROM tenants WHERE account = $2 AND incarnation = $3)
        AND NOT EXISTS (SELECT FROM tenants WHERE namespace = $16 AND namespace <> '')
    RETURNING last
), added AS (
    INSERT INTO tenants (id, number, account, incarnation, create_time, {_WRITTEN})
    SELECT $1, last, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
        $19, $20, $21, $22, $23, $24, $25, $26, $27
    FROM numbered ON CONFLICT DO NOTHING RETURNING *
), noted AS ({audit.record_from("added", 29)}),
asked AS ({queue.enqueue_from("added", "id", "$28", priority=AT_ONCE)})
SELECT * FROM added
"""  # noqa: S608
_SAVE = f"""
UPDATE tenants SET ({_WRITTEN}, change, changed_at) = ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11,
    $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, change + 1, clock_timestamp())
WHERE id = $1 RETURNING *
"""  # noqa: S608
# What a run changes of a tenant: not its order. The row is locked by the UPDATE before the fact is
# numbered, and an UPDATE that finds another change writes no row and so no fact.
_CHANGED_BY_RUNS = (
    "phase, reason, namespace, uid, claim, attempt, standing, observed_generation, conditions, "
    "ready_time, update_time, revision"
)
_SAVE_IF_UNCHANGED = f"""
UPDATE tenants SET ({_CHANGED_BY_RUNS}, change, changed_at) = ($3, $4, $5, $6, $7, $8, $9, $10, $11,
    $12, $13, $14, change + 1, clock_timestamp())
WHERE id = $1 AND change = $2 RETURNING change
"""  # noqa: S608
_SAVE_AND_TELL = f"""
WITH saved AS ({_SAVE_IF_UNCHANGED}), told AS ({outbox.append_from("saved", 15)})
SELECT change FROM saved
"""  # noqa: S608
_VERSION = "SELECT epoch, generation FROM tenants WHERE id = $1"
_NAME_TAKEN = "SELECT EXISTS (SELECT FROM tenants WHERE namespace = $1 AND namespace <> '')"
_SEEN_BY = """
    ($1 OR ($2 <> '' AND owner_subject = $2) OR ($3 <> '' AND organization = $3))
    AND ($4 = '' OR account = $4)
"""
_LIST = f"SELECT * FROM tenants WHERE {_SEEN_BY} AND number > $5 ORDER BY number LIMIT $6"  # noqa: S608
_CHANGED = f"""
SELECT * FROM tenants
WHERE {_SEEN_BY} AND changed_at > clock_timestamp() - make_interval(secs => $5)
ORDER BY number
"""  # noqa: S608
_THESE = "SELECT * FROM tenants WHERE id = ANY($1::text[]) ORDER BY id"
_PAGE = """
SELECT * FROM tenants
WHERE id > $1 AND NOT (phase = 'DELETED' AND observed_generation = generation)
ORDER BY id LIMIT $2
"""
# A predicate that the index on (organization, number) serves.
_OF_ORGANIZATIONS = """
SELECT * FROM tenants
WHERE organization = ANY($1::text[]) AND organization <> ''
    AND NOT (phase = 'DELETED' AND observed_generation = generation)
ORDER BY number
"""


class Codec(Protocol):
    """Bytes of the contracts, which a use case never sees."""

    def fact(self, observed: Observed) -> FactRecord:
        """Return the fact for the outbox."""
        ...

    def capacity_to_bytes(self, capacity: Capacity) -> bytes:
        """Return what is stored of a capacity."""
        ...

    def capacity_from_bytes(self, raw: bytes) -> Capacity:
        """Return the capacity that was stored."""
        ...

    def subscribed_to_bytes(self, told: Subscribed) -> bytes:
        """Return what is stored of an order's subscription."""
        ...

    def subscribed_from_bytes(self, raw: bytes) -> Subscribed | None:
        """Return what was stored of an order's subscription."""
        ...


class PgStore:
    """The provisioner's rows on PostgreSQL, within one transaction."""

    def __init__(self, connection: Connection, codec: Codec) -> None:
        self._connection = connection
        self._codec = codec

    async def lock_incarnation(self, account: str, incarnation: int) -> Tenant | None:
        """Return the tenant of this incarnation, locked."""
        return self._read(await self._connection.fetchrow(_LOCK_INCARNATION, account, incarnation))

    async def lock_tenant(self, tenant_id: str) -> Tenant | None:
        """Return the tenant, locked."""
        return self._read(await self._connection.fetchrow(_LOCK_ID, tenant_id))

    async def get_tenant(self, tenant_id: str) -> Tenant | None:
        """Return the tenant as it was last committed."""
        return self._read(await self._connection.fetchrow(_BY_ID, tenant_id))

    async def add_tenant(self, tenant: Tenant, entry: Audited) -> Tenant | None:
        """Add a tenant, note that, and ask for its run; None if it or its name stands."""
        row = await self._connection.fetchrow(
            _ADD,
            tenant.id,
            tenant.order.account,
            tenant.order.incarnation,
            tenant.create_time,
            *self._written(tenant),
            QUEUE,
            *audit.written(_to_entry(entry)),
        )
        if row is not None:
            after_commit(TENANTS)
            after_commit(queue.topic(QUEUE))
        return self._read(row)

    async def save_tenant(self, tenant: Tenant) -> Tenant:
        """Write a locked tenant."""
        row = await self._connection.fetchrow(_SAVE, tenant.id, *self._written(tenant))
        saved = self._read(row)
        if saved is None:
            raise LookupError(f"tenant {tenant.id} was locked and is not there")
        after_commit(TENANTS)
        return saved

    async def save_if_unchanged(self, tenant: Tenant, fact: Observed | None) -> Tenant | None:
        """Write what became of a tenant as it was read, and a fact with it; None if it was not."""
        found = (tenant.id, tenant.change, *self._became(tenant))
        if fact is None:
            change = await self._connection.fetchval(_SAVE_IF_UNCHANGED, *found)
        else:
            # That a run began is most often followed by its end before anybody could look.
            begun = tenant.phase is TenantPhase.PROGRESSING and not tenant.reason
            told = outbox.written(self._codec.fact(fact), at_once=not begun)
            change = await self._connection.fetchval(_SAVE_AND_TELL, *found, *told)
        if change is None:
            return None
        after_commit(TENANTS)
        return replace(tenant, change=change)

    async def version_of(self, tenant_id: str) -> Version | None:
        """Return the order in force, as it was last committed."""
        row = await self._connection.fetchrow(_VERSION, tenant_id)
        return None if row is None else Version(row["epoch"], row["generation"])

    async def name_taken(self, namespace: str) -> bool:
        """Tell whether a tenant, gone or not, has this name."""
        return bool(await self._connection.fetchval(_NAME_TAKEN, namespace))

    async def list_tenants(
        self, scope: Scope, account: str, after: int, limit: int
    ) -> Sequence[Tenant]:
        """Return tenants with numbers above ``after``, by number."""
        return self._all(
            await self._connection.fetch(_LIST, *_seen_by(scope, account), after, limit)
        )

    async def changed_within(self, scope: Scope, account: str, seconds: float) -> Sequence[Tenant]:
        """Return tenants written within the last seconds of the database's clock."""
        return self._all(await self._connection.fetch(_CHANGED, *_seen_by(scope, account), seconds))

    async def tenants(self, tenant_ids: Sequence[str]) -> Sequence[Tenant]:
        """Return those of these tenants that there are, by id."""
        return self._all(await self._connection.fetch(_THESE, list(tenant_ids)))

    async def page(self, after: str, limit: int) -> Sequence[Tenant]:
        """Return tenants that are not gone for good, by id."""
        return self._all(await self._connection.fetch(_PAGE, after, limit))

    async def of_organizations(self, names: Sequence[str]) -> Sequence[Tenant]:
        """Return the tenants of these organizations that are not gone for good, by number."""
        return self._all(await self._connection.fetch(_OF_ORGANIZATIONS, list(names)))

    async def enqueue(self, tenant_ids: Sequence[str], priority: int) -> None:
        """Ask for these tenants to be reconciled."""
        await queue.enqueue(self._connection, QUEUE, tenant_ids, priority=priority)

    async def append(self, fact: Observed) -> None:
        """Write a fact to the outbox."""
        await outbox.append(self._connection, [self._codec.fact(fact)])

    async def keep_unknown(self, fact: FactRecord, source: str) -> None:
        """Keep a fact of a type that only a later version knows."""
        await inbox.keep_unknown(self._connection, fact, source)

    async def audit(self, entry: Audited) -> None:
        """Add to the audit trail."""
        await audit.record(self._connection, _to_entry(entry))

    async def once(self, scope: OnceScope, produce: Callable[[], Awaitable[str]]) -> str:
        """Return what was answered the first time."""

        async def encoded() -> bytes:
            return (await produce()).encode()

        key = idempotency.Scope(scope.account, scope.actor, scope.rpc, scope.key)
        return (await idempotency.once(self._connection, key, scope.request_hash, encoded)).decode()

    async def forget_answers(self) -> int:
        """Forget idempotency keys that are past their time."""
        return await idempotency.purge(self._connection)

    def _written(self, tenant: Tenant) -> tuple[object, ...]:
        order, to_bytes = tenant.order, self._codec.capacity_to_bytes
        return (
            order.version.epoch,
            order.version.generation,
            order.phase,
            order.plan,
            to_bytes(order.capacity),
            order.owner_subject,
            order.organization,
            order.paid_until,
            order.receive_time,
            *self._became(tenant),
            None
            if order.subscription is None
            else self._codec.subscribed_to_bytes(order.subscription),
            order.traceparent,
        )

    def _became(self, tenant: Tenant) -> tuple[object, ...]:
        standing = tenant.standing
        return (
            tenant.phase,
            tenant.reason,
            tenant.namespace,
            tenant.uid,
            tenant.claim,
            tenant.attempt,
            None if standing is None else self._codec.capacity_to_bytes(standing),
            tenant.observed_generation,
            [_condition_row(condition) for condition in tenant.conditions],
            tenant.ready_time,
            tenant.update_time,
            tenant.revision,
        )

    def _all(self, rows: Sequence[asyncpg.Record]) -> list[Tenant]:
        return [tenant for tenant in map(self._read, rows) if tenant is not None]

    def _read(self, row: asyncpg.Record | None) -> Tenant | None:
        if row is None:
            return None
        standing = row["standing"]
        from_bytes = self._codec.capacity_from_bytes
        told = row["subscription"]
        subscribed = None if told is None else self._codec.subscribed_from_bytes(told)
        return Tenant(
            id=row["id"],
            number=row["number"],
            order=_order(row, from_bytes(row["capacity"]), subscribed),
            create_time=row["create_time"],
            update_time=row["update_time"],
            phase=TenantPhase(row["phase"]),
            reason=row["reason"],
            namespace=row["namespace"],
            uid=row["uid"],
            claim=row["claim"],
            attempt=row["attempt"],
            standing=None if standing is None else from_bytes(standing),
            observed_generation=row["observed_generation"],
            conditions=tuple(_condition(item) for item in row["conditions"]),
            ready_time=row["ready_time"],
            revision=row["revision"],
            change=row["change"],
        )


def _order(row: asyncpg.Record, capacity: Capacity, told: Subscribed | None) -> Order:
    return Order(
        account=row["account"],
        incarnation=row["incarnation"],
        version=Version(row["epoch"], row["generation"]),
        phase=OrderedPhase(row["ordered_phase"]),
        plan=row["plan"],
        capacity=capacity,
        owner_subject=row["owner_subject"],
        organization=row["organization"],
        paid_until=row["paid_until"],
        receive_time=row["receive_time"],
        subscription=told,
        traceparent=row["traceparent"],
    )


def _to_entry(entry: Audited) -> audit.AuditEntry:
    return audit.AuditEntry(
        actor=entry.actor,
        action=entry.action,
        object=entry.tenant,
        reason=entry.reason,
        trace_id=current_trace_id(),
        details=entry.details,
    )


def _seen_by(scope: Scope, account: str) -> tuple[bool, str, str, str]:
    return scope.everybody, scope.subject, scope.organization, account


def _condition_row(condition: Condition) -> dict[str, str]:
    return {
        "type": condition.type,
        "status": condition.status,
        "reason": condition.reason,
        "message": condition.message,
        "since": condition.since.isoformat(),
    }


def _condition(item: dict[str, Any]) -> Condition:
    return Condition(
        item["type"],
        item["status"],
        item["reason"],
        item["message"],
        datetime.fromisoformat(item["since"]),
    )
