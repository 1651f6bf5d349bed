"""Payments in memory: the store, and a provider whose objects a test sets by hand."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import compress
from types import MappingProxyType

from services.chassis.errors import Refusal
from services.chassis.idempotency import IdempotencyConflict
from services.payments.domain import Capabilities, Identity, ObjectRef, RootKind
from services.payments.errors import ObjectOutOfReach
from services.payments.events import (
    Cursor,
    EventState,
    Judgement,
    NewEvent,
    RawRequest,
    Refused,
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
from services.payments.store import QUEUE, Codec
from services.payments.views import Projection, Proof
from tests.fakes.chassis import MemoryTx, Table, memory_outbox, memory_queue
from tests.fakes.memory_db import Index
from tests.fakes.payments_rows import FACTS, OPERATIONS, MemoryCommerceRows

__all__ = ["FACTS", "OPERATIONS"]


@dataclass(frozen=True, slots=True)
class ObjectRow:
    """What is known of a provider's object, and by the fetch of which ticket."""

    revision: int = 0
    ticket: int = 0
    digest: bytes = b""


EVENTS: Table[tuple[str, str], StoredEvent] = Table("events")
_OPEN = Index(EVENTS, lambda key, event: _open_root(key[0], event))
BODIES: Table[tuple[str, str], tuple[datetime, Sealed]] = Table("event_bodies")
OBJECTS: Table[tuple[str, str, ObjectRef], ObjectRow] = Table("provider_objects")
TOKENS: Table[str, tuple[float, float]] = Table("request_tokens")
ACCOUNTS: Table[str, Identity] = Table("provider_accounts")
ANSWERS: Table[OnceKey, tuple[bytes, str]] = Table("idempotency")
AUDIT: Table[int, AuditEntry] = Table("audit")

PINNED = Identity("acct_memory", livemode=False)
_CAN = Capabilities(checkout=True, webhooks=True)


class MemoryStore(MemoryCommerceRows):
    """The in-memory twin of ``PgStore``."""

    def __init__(self, tx: MemoryTx, codec: Codec) -> None:
        self._tx = tx
        self._codec = codec

    async def put_events(
        self, events: Sequence[NewEvent], due_in: Sequence[float | None] = ()
    ) -> Sequence[bool]:
        waits = due_in or [None] * len(events)
        new = [False] * len(events)
        await self._tx.db.step()
        for place in sorted(range(len(events)), key=lambda place: events[place].event.id):
            event = events[place]
            name = (event.provider, event.event.id)
            known = await self._tx.hold(EVENTS, name)
            new[place] = known is None
            if known is None:
                self._tx.write(EVENTS, name, _stored(event))
                await self._tx.hold(BODIES, name)
                self._tx.write(BODIES, name, (event.receive_time, event.body))
            else:
                counted = replace(known, deliveries=known.deliveries + event.copies)
                self._tx.write(EVENTS, name, counted)
        await self._ask([*compress(zip(events, waits, strict=True), new)])
        return new

    async def _ask(self, new: Sequence[tuple[NewEvent, float | None]]) -> None:
        """Ask for the objects of new events, within the statement."""
        due: dict[ObjectRef, float] = {}
        for event, wait in new:
            root = event.event.root
            if root is not None and wait is not None:
                due[root] = min(wait, due.get(root, wait))
        for root in sorted(due, key=lambda root: root.key):
            asked = (self._tx, QUEUE, root.key)
            await memory_queue.ask(*asked, due_in=due[root], priority=root.priority)

    async def enqueue(self, roots: Sequence[ObjectRef]) -> None:
        for priority in sorted({root.priority for root in roots}):
            keys = [root.key for root in roots if root.priority == priority]
            await memory_queue.enqueue(self._tx, QUEUE, keys, priority=priority)

    async def event(self, provider: str, event_id: str) -> StoredEvent | None:
        return await self._tx.lock(EVENTS, (provider, event_id))

    async def list_events(
        self, state: EventState | None, after: Cursor | None, limit: int
    ) -> Sequence[StoredEvent]:
        await self._tx.db.step()
        found = [
            event
            for _, event in self._tx.rows(EVENTS)
            if (state is None or event.judgement.state is state)
            and (after is None or _place(event) < (after.receive_time, after.event_id))
        ]
        return sorted(found, key=_place, reverse=True)[:limit]

    async def reopen(
        self, provider: str, event_id: str, judgement: Judgement, root: ObjectRef | None
    ) -> None:
        known = await self._tx.lock(EVENTS, (provider, event_id))
        assert known is not None, "the caller has looked"
        again = replace(
            known, judgement=judgement, replay=True, event=replace(known.event, root=root)
        )
        await self._tx.put(EVENTS, (provider, event_id), again)

    async def begin_fold(self, provider: str, root: ObjectRef, limit: int, pace: Turn) -> FoldStart:
        await self._tx.db.step()
        # One snapshot: what is listed and what is queued is read without waiting in between.
        own = self._open(provider, [root])[:limit]
        if not own:
            return FoldStart()
        shown = list(dict.fromkeys(ref for event in own for ref in event.event.shows))
        theirs = self._open(provider, shown)[:limit]
        queued = memory_queue.asked(self._tx, QUEUE, [ref.key for ref in shown])
        wait = await self._take_token(pace)
        if wait > 0:
            return FoldStart(wait=wait)
        listed = {event.event.root.key for event in theirs if event.event.root is not None}
        kept = {key: generation for key, generation in queued.items() if key in listed}
        return FoldStart((*own, *theirs), 0.0, self._tx.db.next("fetch_tickets"), kept)

    async def begin_fetch(self, pace: Turn) -> FoldStart:
        await self._tx.db.step()
        wait = await self._take_token(pace)
        if wait > 0:
            return FoldStart(wait=wait)
        return FoldStart(ticket=self._tx.db.next("fetch_tickets"))

    def _open(self, provider: str, roots: Sequence[ObjectRef]) -> list[StoredEvent]:
        found = [event for root in roots for _, event in self._tx.found(_OPEN, (provider, root))]
        return sorted(found, key=_place)

    async def body(self, provider: str, event_id: str) -> Sealed | None:
        await self._tx.db.step()
        kept = self._tx.get(BODIES, (provider, event_id))
        return None if kept is None else kept[1]

    async def settle(
        self,
        provider: str,
        event_ids: Sequence[str],
        judgement: Judgement,
        queued: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        if queued:
            await memory_queue.withdraw(self._tx, QUEUE, queued)
        else:
            await self._tx.db.step()
        done = judgement.state is EventState.DONE
        for event_id in sorted(event_ids):
            known = await self._tx.hold(EVENTS, (provider, event_id))
            if known is not None:
                settled = replace(known, judgement=judgement, replay=known.replay and not done)
                self._tx.write(EVENTS, (provider, event_id), settled)

    async def drop_bodies(self, before: datetime, limit: int) -> int:
        await self._tx.db.step()
        old = [name for name, (at, _) in self._tx.rows(BODIES) if at < before][:limit]
        free = [name for name in old if self._tx.try_lock(BODIES, name)]
        for name in free:
            self._tx.write(BODIES, name, None)
        return len(free)

    async def put_objects(
        self, provider: str, account: str, ticket: int, shown: Sequence[ShownObject]
    ) -> Sequence[PutObject]:
        await self._tx.db.step()
        return [await self._put_object(provider, account, ticket, one) for one in shown]

    async def _put_object(
        self, provider: str, account: str, ticket: int, shown: ShownObject
    ) -> PutObject:
        known = await self._tx.hold(OBJECTS, (provider, account, shown.ref)) or ObjectRow()
        raised = known.ticket < ticket and known.digest != shown.digest
        row = known
        if known.ticket < ticket:
            row = ObjectRow(known.revision + raised, ticket, shown.digest)
        self._tx.write(OBJECTS, (provider, account, shown.ref), row)
        return PutObject(row.revision, row.ticket > ticket, raised)

    async def record_facts(self, facts: Sequence[MoneyFact]) -> AbstractSet[str]:
        if not facts:
            return frozenset()
        await self._tx.db.step()
        new: set[str] = set()
        for fact in sorted(facts, key=lambda fact: fact.id):
            if await self._tx.hold(FACTS, fact.id) is None:
                self._tx.write(FACTS, fact.id, fact)
                new.add(fact.id)
        return new

    async def append(self, facts: Sequence[Fact], traceparent: str) -> None:
        await memory_outbox.append(self._tx, [self._codec(fact, traceparent) for fact in facts])

    async def take_token(self, endpoint: str, per_second: float, leave: float = 0.0) -> float:
        await self._tx.db.step()
        return await self._take_token(Turn(endpoint, per_second, leave))

    async def _take_token(self, pace: Turn) -> float:
        """Take a token within a statement; only who gets none asks how long to wait."""
        held = await self._tx.hold(TOKENS, pace.endpoint)
        now = self._tx.db.now()
        tokens, refilled = held or (pace.per_second, now)
        filled = min(pace.per_second, tokens + pace.per_second * (now - refilled))
        if filled < 1 + pace.leave:
            await self._tx.db.step()
            return max(0.01, (1 + pace.leave - filled) / pace.per_second)
        self._tx.write(TOKENS, pace.endpoint, (filled - 1, now))
        return 0.0

    async def pinned(self, provider: str) -> Identity | None:
        await self._tx.db.step()
        return self._tx.get(ACCOUNTS, provider)

    async def pin(self, provider: str, identity: Identity) -> Identity:
        await self._tx.insert(ACCOUNTS, provider, identity)
        return self._tx.get(ACCOUNTS, provider) or identity

    async def still_ours(self, lease: Lease) -> bool:
        return await lease.still_ours(self._tx)

    async def once(
        self, key: OnceKey, request_hash: bytes, produce: Callable[[], Awaitable[str]]
    ) -> str:
        if not key.key:
            return await produce()
        known = await self._tx.lock(ANSWERS, key)
        if known is None:
            answer = await produce()
            await self._tx.put(ANSWERS, key, (request_hash, answer))
            return answer
        if known[0] != request_hash:
            raise IdempotencyConflict("The idempotency key was used for another request.")
        return known[1]

    async def audit(self, entry: AuditEntry) -> None:
        await self._tx.put(AUDIT, self._tx.db.next("audit"), entry)


def _stored(event: NewEvent) -> StoredEvent:
    return StoredEvent(
        provider=event.provider,
        event=event.event,
        judgement=event.judgement,
        receive_time=event.receive_time,
        deliveries=event.copies,
        traceparent=event.traceparent,
    )


def _place(event: StoredEvent) -> tuple[datetime, str]:
    return event.receive_time, event.event.id


async def _nothing(_root: ObjectRef) -> None:
    """Nothing happens while an object is fetched."""


@dataclass
class MemoryProvider:
    """A provider with the objects that a test gives it.

    ``during`` runs while an object is fetched, after it was looked at. An object that is a refusal
    is raised. ``shows`` is what an object's events say that it shows.
    """

    identity: Identity = PINNED
    objects: dict[ObjectRef, Projection | Refusal] = field(default_factory=dict)
    during: Callable[[ObjectRef], Awaitable[None]] = _nothing
    fetched: list[ObjectRef] = field(default_factory=list)
    shows: dict[str, tuple[ObjectRef, ...]] = field(default_factory=dict)
    name: str = "memory"
    capabilities: Capabilities = _CAN

    def verify(self, raw: RawRequest) -> VerifiedEvent | Refused:
        """Believe whoever says that it is signed: the body is an event's id, type and object."""
        if raw.headers.get("signed") != "yes":
            return Refused("SIGNATURE_MISSING")
        event_id, event_type, object_id = raw.body.decode().split(" ")
        created = datetime.fromisoformat("2026-01-01T00:00:00+00:00")
        root = self.root(event_type, object_id)
        account, livemode = raw.headers.get("account", ""), "live" in raw.headers
        shows = self.shows.get(object_id, ())
        follows = root is not None and any(root in shown for shown in self.shows.values())
        return VerifiedEvent(
            *(event_id, event_type, object_id, account, livemode, "1", created, root),
            shows=shows,
            follows=follows,
        )

    def root(self, event_type: str, object_id: str) -> ObjectRef | None:
        """Types are ``<kind>.<what happened>``."""
        kind = event_type.partition(".")[0]
        return ObjectRef(RootKind(kind), object_id) if kind in list(RootKind) else None

    def reads_body(self, event_type: str) -> bool:
        return event_type == "invoice.failed"

    def proof(self, event: VerifiedEvent, body: bytes | None) -> Proof:
        return Proof(payment_failed=event.type == "invoice.failed")

    async def identify(self) -> Identity:
        return self.identity

    async def fold(self, root: ObjectRef) -> Projection:
        self.fetched.append(root)
        found = self.objects.get(root, ObjectOutOfReach(f"no {root.key}"))
        await self.during(root)
        if isinstance(found, Refusal):
            raise found
        return found

    async def close(self) -> None:
        """Nothing is open."""


def _open_root(provider: str, event: StoredEvent) -> tuple[str, ObjectRef] | None:
    root = event.event.root
    is_open = event.judgement.state in (EventState.PENDING, EventState.FAILED)
    return (provider, root) if is_open and root is not None else None
