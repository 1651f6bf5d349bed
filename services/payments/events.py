"""Webhook requests and the events in them: what is believed when, and where an event stands."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum, unique

from services.payments.domain import Identity, ObjectRef

MAX_BODY_BYTES = 1 << 20
MAX_EVENTS_A_CALL = 256
MAX_BYTES_A_CALL = 3 << 20


@dataclass(frozen=True, slots=True)
class RawRequest:
    """A request as it came in at the edge; ``headers`` by lower-case name. Nothing is believed."""

    provider: str
    path: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    traceparent: str = ""


@unique
class Outcome(StrEnum):
    """What became of a request."""

    STORED = "STORED"
    DUPLICATE = "DUPLICATE"
    REFUSED = "REFUSED"
    TOO_LARGE = "TOO_LARGE"
    NO_PROVIDER = "NO_PROVIDER"
    UNAVAILABLE = "UNAVAILABLE"


@dataclass(frozen=True, slots=True)
class Ingested:
    """The answer for one request; ``reason`` is stable and set for refusals only."""

    outcome: Outcome
    reason: str = ""
    event_id: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """A request that holds no event to believe."""

    reason: str
    outcome: Outcome = Outcome.REFUSED


@dataclass(frozen=True, slots=True)
class VerifiedEvent:
    """The envelope of an event whose signature holds. Its payload has not been looked at.

    ``account`` is the provider's account where the event names one, else empty. ``root`` is the
    object to fetch; None for a type that nobody handles. ``shows`` are the objects that a fetch of
    the root shows besides, so that it may answer for their events too. ``follows``: it is a part
    of a purchase or of a renewal, of which another event tells whose fetch shows this one's root.
    """

    id: str
    type: str
    object_id: str
    account: str
    livemode: bool
    api_version: str
    created: datetime
    root: ObjectRef | None
    shows: tuple[ObjectRef, ...] = ()
    follows: bool = False


@unique
class EventState(StrEnum):
    """Where a stored event stands."""

    PENDING = "PENDING"
    DONE = "DONE"
    IGNORED = "IGNORED"
    SET_ASIDE = "SET_ASIDE"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Judgement:
    """Where an event stands, and why."""

    state: EventState
    reason: str = ""


def judge(event: VerifiedEvent, pinned: Identity) -> Judgement:
    """Decide whether an event is ours to act on: same account, same mode, a type we handle."""
    if event.account and event.account != pinned.account:
        return Judgement(EventState.SET_ASIDE, "OTHER_ACCOUNT")
    if event.livemode != pinned.livemode:
        return Judgement(EventState.SET_ASIDE, "OTHER_MODE")
    if event.root is None:
        return Judgement(EventState.IGNORED, "UNKNOWN_TYPE")
    return Judgement(EventState.PENDING)


@dataclass(frozen=True, slots=True)
class Sealed:
    """Bytes that only a holder of the key ``key_id`` can read."""

    key_id: str
    blob: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event on its way into the inbox, and how often it came at once."""

    provider: str
    event: VerifiedEvent
    judgement: Judgement
    body: Sealed
    receive_time: datetime
    traceparent: str = ""
    copies: int = 1


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event of the inbox. ``body`` is None once it was dropped for its age.

    ``replay`` says that an operator asked for its facts to be sent again.
    """

    provider: str
    event: VerifiedEvent
    judgement: Judgement
    receive_time: datetime
    deliveries: int = 1
    replay: bool = False
    body: Sealed | None = None
    traceparent: str = ""


@dataclass(frozen=True, slots=True)
class Cursor:
    """The place in the inbox after which the next page begins, newest first."""

    receive_time: datetime
    event_id: str


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events, newest first; ``next`` is None on the last page."""

    events: tuple[StoredEvent, ...]
    next: Cursor | None


@dataclass(frozen=True, slots=True)
class Replay:
    """Who asks for which event to be folded again, and why."""

    event_id: str
    actor: str
    reason: str
    request_id: str = ""
    trace_id: str = ""

    @property
    def content_hash(self) -> bytes:
        """What has to be the same for it to be the same request."""
        return hashlib.sha256(json.dumps([self.event_id, self.reason]).encode()).digest()
