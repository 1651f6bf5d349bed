"""Taking webhooks in: bound, verify, seal, store once, answer. No business here.

The answer for a request is given after its own row is committed, and a duplicate is called one
only from a committed row.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import structlog

from services.chassis.clock import Clock
from services.chassis.errors import Refusal, Violations, is_transient
from services.chassis.transactions import Transactions
from services.payments import events as ev
from services.payments.errors import TooManyBytes
from services.payments.events import EventState, Ingested, NewEvent, Outcome, RawRequest, Refused
from services.payments.pinning import KeyState
from services.payments.ports import Provider, Store
from services.payments.sealing import Sealer

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("payments.ingest")


FOLLOWING_SECONDS = 0.5
"""How long a part of a purchase waits for the checkout's fetch, which shows it too.

And how long one of the two events that tell of a renewal waits for the other.
"""


class BytesInFlight:
    """Bounds the bytes of bodies that are being stored at once in this process."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._taken = 0

    def take(self, size: int) -> None:
        """Hold ``size`` bytes until they are given back; TooManyBytes if they are not to be had."""
        if self._taken + size > self._limit:
            raise TooManyBytes(
                f"{self._taken} bytes of webhooks are being stored; try again.", retry_after=1.0
            )
        self._taken += size

    def give_back(self, size: int) -> None:
        """Let go of what was taken."""
        self._taken -= size


@dataclass(frozen=True, slots=True)
class Intake:
    """What taking webhooks in works with.

    ``commit`` has one event stored, in one commit with what else waits, and tells after that
    whether it is new.
    """

    provider: Provider
    key: KeyState
    sealer: Sealer
    clock: Clock
    commit: Callable[[NewEvent], Awaitable[bool]]
    flight: BytesInFlight


async def ingest_events(intake: Intake, requests: Sequence[RawRequest]) -> list[Ingested]:
    """Verify and store webhook requests; answers for each, in their order.

    Raises InvalidArgument for none, more than 256 or more than 3 MiB, TooManyBytes when too much
    is under way. A request that cannot be stored fails no other.
    """
    size = _size(requests)
    intake.flight.take(size)
    try:
        # All of them wait for their commit before the first one is looked at.
        taken = [_take(intake, request) for request in requests]
        return [await _outcome(one) if isinstance(one, _Taken) else one for one in taken]
    finally:
        intake.flight.give_back(size)


async def refuse_events(provider: Provider, requests: Sequence[RawRequest]) -> list[Ingested]:
    """Answer for a provider that takes nothing in; the same bounds hold."""
    _size(requests)
    verified = [_verify(provider, request) for request in requests]
    return [
        Ingested(seen.outcome, seen.reason)
        if isinstance(seen, Refused)
        else Ingested(Outcome.UNAVAILABLE, event_id=seen.id)
        for seen in verified
    ]


def _size(requests: Sequence[RawRequest]) -> int:
    size = sum(len(request.body) for request in requests)
    bad = Violations()
    if not 1 <= len(requests) <= ev.MAX_EVENTS_A_CALL:
        bad.add("events", f"1 to {ev.MAX_EVENTS_A_CALL} are taken, not {len(requests)}")
    if size > ev.MAX_BYTES_A_CALL:
        bad.add("events", f"at most {ev.MAX_BYTES_A_CALL} bytes together, not {size}")
    bad.raise_if_any()
    return size


class _Taken(NamedTuple):
    """An event that waits for its commit."""

    event_id: str
    commit: Awaitable[bool]


def _take(intake: Intake, request: RawRequest) -> Ingested | _Taken:
    verified = _verify(intake.provider, request)
    if isinstance(verified, Refused):
        return Ingested(verified.outcome, verified.reason)
    pinned = intake.key.identity
    if pinned is None:
        return Ingested(Outcome.UNAVAILABLE, event_id=verified.id)
    event = NewEvent(
        provider=intake.provider.name,
        event=verified,
        judgement=ev.judge(verified, pinned),
        body=intake.sealer.seal(request.body, body_name(intake.provider.name, verified.id)),
        receive_time=intake.clock.now(),
        traceparent=request.traceparent,
    )
    try:
        return _Taken(verified.id, intake.commit(event))
    except Refusal as refusal:
        return _unavailable(verified.id, refusal)


async def _outcome(taken: _Taken) -> Ingested:
    try:
        new = await taken.commit
    except Exception as exc:  # noqa: BLE001 - one row that fails must not fail the others' answers
        return _unavailable(taken.event_id, exc)
    return Ingested(Outcome.STORED if new else Outcome.DUPLICATE, event_id=taken.event_id)


def _unavailable(event_id: str, exc: Exception) -> Ingested:
    if not (isinstance(exc, Refusal) and is_transient(exc)):
        _log.error("An event could not be stored.", event_id=event_id, exc_info=exc)
    return Ingested(Outcome.UNAVAILABLE, event_id=event_id)


def _verify(provider: Provider, request: RawRequest) -> ev.VerifiedEvent | Refused:
    if request.provider != provider.name:
        return Refused("", Outcome.NO_PROVIDER)
    if len(request.body) > ev.MAX_BODY_BYTES:
        return Refused("TOO_LARGE", Outcome.TOO_LARGE)
    return provider.verify(request)


def body_name(provider: str, event_id: str) -> str:
    """What a body is sealed to."""
    return f"{provider}/{event_id}"


async def store_batch(tx: Transactions[Store], batch: Sequence[NewEvent]) -> list[bool]:
    """Store events by one statement, with the work they ask for; tells which are new.

    Sorted by id, or two batches that overlap would wait for each other. An event that is in the
    batch twice is stored once, and new only where it stands first.
    """
    once: dict[str, NewEvent] = {}
    for event in sorted(batch, key=lambda event: event.event.id):
        twin = once.get(event.event.id)
        copied = event if twin is None else replace(twin, copies=twin.copies + event.copies)
        once[event.event.id] = copied
    events = list(once.values())
    due_in = [_due_in(event) for event in events]
    stored = await tx.single(lambda store: store.put_events(events, due_in))
    new = dict(zip(once, stored, strict=True))
    return [new.pop(event.event.id, False) for event in batch]


def _due_in(event: NewEvent) -> float | None:
    """Return in how many seconds the object of a new event is to be fetched, None for never.

    A purchase's fetch may show what belongs to it before, and of a renewal two events tell.
    """
    if event.judgement.state is not EventState.PENDING or event.event.root is None:
        return None
    return FOLLOWING_SECONDS if event.event.follows else 0.0
