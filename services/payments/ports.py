"""What payments needs from outside: a store, a provider, a lease on the object it works on."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple, Protocol, TypeAlias

from services.payments.domain import Capabilities, Identity, ObjectRef
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
from services.payments.ports_commerce import Commerce, CommerceStore, Pace
from services.payments.views import Projection, Proof

__all__ = [
    "AuditEntry",
    "Commerce",
    "FoldStart",
    "Json",
    "Lease",
    "OnceKey",
    "Pace",
    "Provider",
    "PutObject",
    "ShownObject",
    "Store",
    "Turn",
]

Json: TypeAlias = "str | int | bool | Sequence[Json] | Mapping[str, Json] | None"


class Provider(Protocol):
    """A payment provider. What is pure here does no I/O; the others raise refusals of ``errors``.

    Every implementation passes ``tests/contract/providers``.
    """

    @property
    def name(self) -> str:
        """The provider's name, as paths, rows and facts have it."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What can be done with it."""
        ...

    def verify(self, raw: RawRequest) -> VerifiedEvent | Refused:
        """Believe a request, or say why not. Pure but for the clock; compares in constant time."""
        ...

    def root(self, event_type: str, object_id: str) -> ObjectRef | None:
        """Name the object to fetch for an event; None for a type that nobody handles. Pure."""
        ...

    def reads_body(self, event_type: str) -> bool:
        """Tell whether ``proof`` of such an event needs its body. Pure."""
        ...

    def proof(self, event: VerifiedEvent, body: bytes | None) -> Proof:
        """Say what a verified event proves by itself. Pure; ObjectUnreadable for a bad shape."""
        ...

    async def identify(self) -> Identity:
        """Ask whose account the key belongs to. Raises ProviderUnreachable or KeyRefused."""
        ...

    async def fold(self, root: ObjectRef) -> Projection:
        """Fetch a root object and what belongs to it, once.

        Raises ProviderUnreachable and KeyRefused (try again), ObjectOutOfReach (says nothing
        about money), ObjectUnreadable (a person has to look), ProviderOff.
        """
        ...

    async def close(self) -> None:
        """Let connections go."""
        ...


class Lease(Protocol):
    """The right to work on a root object, for a while."""

    def remaining(self) -> float:
        """Seconds left, never more than is true."""
        ...

    async def still_ours(self, conn: object) -> bool:
        """Tell whether it holds in a store's transaction; nobody else gets it before the commit."""
        ...


class ShownObject(NamedTuple):
    """An object as a fetch showed it: a digest, and what an operator is shown of it."""

    ref: ObjectRef
    digest: bytes
    summary: Mapping[str, Json]


class PutObject(NamedTuple):
    """Where an object's row stands after a fetch has written.

    ``overtaken``: a later fetch has written, and it stands as that one saw it. ``raised``: the
    revision is news, of this fetch or of one that committed just before it and saw the same.
    """

    revision: int
    overtaken: bool = False
    raised: bool = False


class Turn(NamedTuple):
    """Which endpoint is asked, at what pace, and how many tokens are left to others."""

    endpoint: str
    per_second: float
    leave: float = 0.0


@dataclass(frozen=True, slots=True)
class FoldStart:
    """What a fetch answers for; without events or with a ``wait`` (in seconds) it is not begun.

    ``ticket`` is higher than any before. ``queued`` are the keys of shown objects that wait, by the
    generation up to which their events are among these.
    """

    events: tuple[StoredEvent, ...] = ()
    wait: float = 0.0
    ticket: int = 0
    queued: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what to what, and why."""

    actor: str
    action: str
    object: str
    reason: str
    trace_id: str
    details: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class OnceKey:
    """The scope of an idempotency key (rule 21)."""

    account: str
    actor: str
    rpc: str
    key: str


class Store(CommerceStore, Protocol):
    """The state of payments inside one transaction; each method is one statement."""

    async def put_events(
        self, events: Sequence[NewEvent], due_in: Sequence[float | None] = ()
    ) -> Sequence[bool]:
        """Insert events of different ids, in the order of their ids; count copies of known ones.

        Returns for each whether it is new. Waits for others that insert the same ids. ``due_in``
        says for each in how many seconds its object is to be fetched if it is new, None for never;
        see ``enqueue``. Of an object's events the earliest counts.
        """
        ...

    async def enqueue(self, roots: Sequence[ObjectRef]) -> None:
        """Ask for these objects to be fetched.

        A run that is under way by then does not satisfy it.
        """
        ...

    async def event(self, provider: str, event_id: str) -> StoredEvent | None:
        """Return an event without its body, and keep others from changing it."""
        ...

    async def list_events(
        self, state: EventState | None, after: Cursor | None, limit: int
    ) -> Sequence[StoredEvent]:
        """Return events without bodies, newest first."""
        ...

    async def reopen(
        self, provider: str, event_id: str, judgement: Judgement, root: ObjectRef | None
    ) -> None:
        """Judge an event anew, and mark that its facts are to be sent again."""
        ...

    async def begin_fold(self, provider: str, root: ObjectRef, limit: int, pace: Turn) -> FoldStart:
        """List what a fetch that begins now answers for, and take the right to begin it.

        That are the events of the object that are PENDING or FAILED, then those of the objects that
        these say it shows, each oldest first. Without any of the object's own nothing is taken.
        """
        ...

    async def begin_fetch(self, pace: Turn) -> FoldStart:
        """Take a ticket and the right to begin a fetch that answers for no events."""
        ...

    async def body(self, provider: str, event_id: str) -> Sealed | None:
        """Return an event's body; None if it was dropped for its age."""
        ...

    async def settle(
        self,
        provider: str,
        event_ids: Sequence[str],
        judgement: Judgement,
        queued: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        """Write where events stand; DONE also takes back a request for replay.

        ``queued`` are keys whose work this was too, by the generation up to which it was.
        """
        ...

    async def drop_bodies(self, before: datetime, limit: int) -> int:
        """Drop bodies received before a time; returns how many."""
        ...

    async def put_objects(
        self, provider: str, account: str, ticket: int, shown: Sequence[ShownObject]
    ) -> Sequence[PutObject]:
        """Write different objects as the fetch of this ticket showed them, and lock their rows.

        In this order, the same for everybody, or two that overlap wait for each other. What a later
        fetch wrote stays; else the revision is raised where the digest is another. The first is 1.
        """
        ...

    async def record_facts(self, facts: Sequence[MoneyFact]) -> AbstractSet[str]:
        """Remember that money facts are true; returns the ids of those of which it is news."""
        ...

    async def append(self, facts: Sequence[Fact], traceparent: str) -> None:
        """Put facts into the outbox; one that already waits there is not put twice."""
        ...

    async def take_token(self, endpoint: str, per_second: float, leave: float = 0.0) -> float:
        """Take a token that all replicas share; returns 0, or seconds until there is one.

        ``leave`` tokens are kept for who is in a greater hurry.
        """
        ...

    async def pinned(self, provider: str) -> Identity | None:
        """Return the account that keys of this provider have to belong to."""
        ...

    async def pin(self, provider: str, identity: Identity) -> Identity:
        """Pin an account unless one is pinned; returns the one that is."""
        ...

    async def still_ours(self, lease: Lease) -> bool:
        """Tell whether the lease holds in this transaction."""
        ...

    async def once(
        self, key: OnceKey, request_hash: bytes, produce: Callable[[], Awaitable[str]]
    ) -> str:
        """Produce under an idempotency key, or return what was produced before."""
        ...

    async def audit(self, entry: AuditEntry) -> None:
        """Write down who did what."""
        ...
