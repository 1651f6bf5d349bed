"""All SQL of payments; ``sql`` and ``sql_commerce`` hold the statements."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from types import MappingProxyType

import asyncpg

from services.chassis import audit, idempotency, outbox, queue
from services.chassis.db import Connection
from services.chassis.facts import FactRecord
from services.chassis.wakeups import after_commit
from services.payments import sql
from services.payments.domain import Identity, ObjectRef
from services.payments.events import (
    Cursor,
    EventState,
    Judgement,
    NewEvent,
    Sealed,
    StoredEvent,
    VerifiedEvent,
)
from services.payments.facts import Fact, MoneyFact
from services.payments.ports import (
    AuditEntry,
    FoldStart,
    Lease,
    OnceKey,
    PutObject,
    ShownObject,
    Turn,
)
from services.payments.store.commerce import OPERATIONS, CommerceSql

__all__ = ["OPERATIONS", "QUEUE", "Codec", "PgStore"]

QUEUE = "objects"
"""The work queue of root objects."""

Codec = Callable[[Fact, str], FactRecord]
"""Makes the bytes of a fact, with the trace that it goes on with."""


class PgStore(CommerceSql):
    """The store on PostgreSQL, within one transaction."""

    def __init__(self, connection: Connection, codec: Codec) -> None:
        self._connection = connection
        self._codec = codec

    async def put_events(
        self, events: Sequence[NewEvent], due_in: Sequence[float | None] = ()
    ) -> Sequence[bool]:
        """Insert or count, and ask for fetches; see the port."""
        waits = due_in or [None] * len(events)
        columns = [(*_columns(event), wait) for event, wait in zip(events, waits, strict=True)]
        lists = map(list, zip(*columns, strict=True))
        rows = await self._connection.fetch(sql.PUT_EVENTS, *lists, QUEUE)
        new = {row["event_id"] for row in rows if row["new"]}
        answers = [event.event.id in new for event in events]
        if any(is_new and wait == 0 for is_new, wait in zip(answers, waits, strict=True)):
            after_commit(queue.topic(QUEUE))
        return answers

    async def enqueue(self, roots: Sequence[ObjectRef]) -> None:
        """Put keys into the work queue, purchases first."""
        for priority in sorted({root.priority for root in roots}):
            keys = [root.key for root in roots if root.priority == priority]
            await queue.enqueue(self._connection, QUEUE, keys, priority=priority)

    async def event(self, provider: str, event_id: str) -> StoredEvent | None:
        """Return and lock an event."""
        row = await self._connection.fetchrow(sql.EVENT, provider, event_id)
        return None if row is None else _to_event(row)

    async def list_events(
        self, state: EventState | None, after: Cursor | None, limit: int
    ) -> Sequence[StoredEvent]:
        """Return events, newest first."""
        place = (None, None) if after is None else (after.receive_time, after.event_id)
        rows = await self._connection.fetch(
            sql.LIST_EVENTS if state is None else sql.LIST_EVENTS_IN_STATE,
            *place,
            limit,
            *([] if state is None else [state.value]),
        )
        return [_to_event(row) for row in rows]

    async def reopen(
        self, provider: str, event_id: str, judgement: Judgement, root: ObjectRef | None
    ) -> None:
        """Judge anew."""
        await self._connection.execute(
            sql.REOPEN,
            provider,
            event_id,
            judgement.state.value,
            judgement.reason,
            None if root is None else root.key,
        )

    async def begin_fold(self, provider: str, root: ObjectRef, limit: int, pace: Turn) -> FoldStart:
        """List, take a token and a ticket; only who got none asks how long to wait."""
        turn = (pace.endpoint, pace.per_second, pace.leave)
        rows = await self._connection.fetch(sql.BEGIN_FOLD, *turn, provider, root.key, limit, QUEUE)
        if not rows:
            return FoldStart()
        if rows[0]["ticket"] is None:
            return FoldStart(wait=float(await self._connection.fetchval(sql.TOKEN_WAIT, *turn)))
        return FoldStart(
            events=tuple(_to_event(row) for row in rows),
            ticket=rows[0]["ticket"],
            queued={row["root_key"]: row["generation"] for row in rows if row["generation"]},
        )

    async def begin_fetch(self, pace: Turn) -> FoldStart:
        """Take a token and a ticket; only who got none asks how long to wait."""
        turn = (pace.endpoint, pace.per_second, pace.leave)
        ticket = await self._connection.fetchval(sql.BEGIN_FETCH, *turn)
        if ticket is None:
            return FoldStart(wait=float(await self._connection.fetchval(sql.TOKEN_WAIT, *turn)))
        return FoldStart(ticket=ticket)

    async def body(self, provider: str, event_id: str) -> Sealed | None:
        """Return a sealed body."""
        row = await self._connection.fetchrow(sql.BODY, provider, event_id)
        return None if row is None else Sealed(row["key_id"], row["sealed"])

    async def settle(
        self,
        provider: str,
        event_ids: Sequence[str],
        judgement: Judgement,
        queued: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        """Write where events stand."""
        await self._connection.execute(
            sql.SETTLE,
            provider,
            sorted(event_ids),
            judgement.state.value,
            judgement.reason,
            QUEUE,
            list(queued),
            list(queued.values()),
        )

    async def drop_bodies(self, before: datetime, limit: int) -> int:
        """Drop old bodies, and let those that another replica drops be."""
        return len(await self._connection.fetch(sql.DROP_BODIES, before, limit))

    async def put_objects(
        self, provider: str, account: str, ticket: int, shown: Sequence[ShownObject]
    ) -> Sequence[PutObject]:
        """Write what is news, and lock all."""
        rows = await self._connection.fetch(
            sql.PUT_OBJECTS,
            provider,
            account,
            ticket,
            [one.ref.kind.value for one in shown],
            [one.ref.id for one in shown],
            [one.digest for one in shown],
            [one.summary for one in shown],
        )
        found = {
            (row["kind"], row["object_id"]): PutObject(
                row["revision"], row["ticket"] > ticket, row["raised"]
            )
            for row in rows
        }
        return [found[one.ref.kind.value, one.ref.id] for one in shown]

    async def record_facts(self, facts: Sequence[MoneyFact]) -> AbstractSet[str]:
        """Insert the facts' ids."""
        if not facts:
            return frozenset()
        rows = await self._connection.fetch(
            sql.RECORD_FACTS,
            [fact.id for fact in facts],
            [type(fact).__name__ for fact in facts],
            [fact.object_id for fact in facts],
        )
        return {row["fact_id"] for row in rows}

    async def append(self, facts: Sequence[Fact], traceparent: str) -> None:
        """Write to the outbox."""
        await outbox.append(self._connection, [self._codec(fact, traceparent) for fact in facts])

    async def take_token(self, endpoint: str, per_second: float, leave: float = 0.0) -> float:
        """Refill the bucket by the database's clock and take one from it."""
        asked = (endpoint, per_second, leave)
        if await self._connection.fetchval(sql.TAKE_TOKEN, *asked):
            return 0.0
        return float(await self._connection.fetchval(sql.TOKEN_WAIT, *asked))

    async def pinned(self, provider: str) -> Identity | None:
        """Return the pinned account."""
        row = await self._connection.fetchrow(sql.PINNED, provider)
        return None if row is None else Identity(row["account"], row["livemode"])

    async def pin(self, provider: str, identity: Identity) -> Identity:
        """Pin unless pinned."""
        await self._connection.execute(sql.PIN, provider, identity.account, identity.livemode)
        return await self.pinned(provider) or identity

    async def still_ours(self, lease: Lease) -> bool:
        """Ask the queue, in this transaction."""
        return await lease.still_ours(self._connection)

    async def once(
        self, key: OnceKey, request_hash: bytes, produce: Callable[[], Awaitable[str]]
    ) -> str:
        """Rule 21, by the chassis."""

        async def answer() -> bytes:
            return (await produce()).encode()

        scope = idempotency.Scope(key.account, key.actor, key.rpc, key.key)
        return (await idempotency.once(self._connection, scope, request_hash, answer)).decode()

    async def audit(self, entry: AuditEntry) -> None:
        """Add to the audit trail."""
        await audit.record(
            self._connection,
            audit.AuditEntry(
                entry.actor,
                entry.action,
                entry.object,
                entry.reason,
                entry.trace_id,
                entry.details,
            ),
        )


def _columns(event: NewEvent) -> tuple[object, ...]:
    envelope = event.event
    return (
        event.provider,
        envelope.id,
        envelope.type,
        envelope.object_id,
        envelope.account,
        envelope.livemode,
        envelope.api_version,
        envelope.created,
        None if envelope.root is None else envelope.root.key,
        event.judgement.state.value,
        event.judgement.reason,
        event.receive_time,
        event.copies,
        event.traceparent,
        " ".join(ref.key for ref in envelope.shows),
        event.body.key_id,
        event.body.blob,
        0 if envelope.root is None else envelope.root.priority,
    )


def _to_event(row: asyncpg.Record) -> StoredEvent:
    root = row["root_key"]
    envelope = VerifiedEvent(
        id=row["event_id"],
        type=row["type"],
        object_id=row["object_id"],
        account=row["account"],
        livemode=row["livemode"],
        api_version=row["api_version"],
        created=row["created"],
        root=None if root is None else ObjectRef.from_key(root),
        shows=tuple(ObjectRef.from_key(key) for key in row["shows"].split()),
    )
    return StoredEvent(
        provider=row["provider"],
        event=envelope,
        judgement=Judgement(EventState(row["state"]), row["reason"]),
        receive_time=row["receive_time"],
        deliveries=row["deliveries"],
        replay=row["replay"],
        traceparent=row["traceparent"],
    )
