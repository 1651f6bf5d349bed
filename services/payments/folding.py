"""Folding: one fetch of a root object, then one transaction that makes its facts true.

The events of the object are listed before the fetch begins and marked done by their ids after it,
so an event that comes in between stays open, and its own enqueue has the object fetched again. An
object that could not be fetched says nothing about money: its events stay open.

A fetch of a checkout shows the subscription and the invoice that it began. So it answers for their
events as well, as far as they were there before it began and it did show their objects.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from services.chassis.clock import Clock, SystemClock
from services.chassis.errors import DeadlineExceeded
from services.chassis.transactions import Transactions
from services.payments.binding import Home
from services.payments.domain import ObjectRef, RootKind
from services.payments.effects import Evidence, apply
from services.payments.errors import (
    BodyUnreadable,
    ObjectOutOfReach,
    ObjectUnreadable,
)
from services.payments.events import EventState, Judgement, Sealed, StoredEvent
from services.payments.ingest import body_name
from services.payments.pinning import KeyState
from services.payments.ports import FoldStart, Lease, Provider, Store, Turn
from services.payments.sealing import Sealer
from services.payments.views import Projection, Proof

FETCHES_PER_SECOND = 25.0
"""What the provider allows for one endpoint, shared by all replicas."""
LEFT_FOR_PEOPLE = 5.0
"""Tokens that renewals leave to purchases, and to whoever waits for an answer."""
MAX_TRIES = 30
"""After so many tries an object that is out of reach is left to a person."""
EVENTS_A_FOLD = 200
UNVERIFIED_WAIT = 15.0
PARKED_WAIT = 900.0
_LEASE_MARGIN = 2.0


@dataclass(frozen=True, slots=True)
class Folding:
    """What folding works with."""

    tx: Transactions[Store]
    provider: Provider
    key: KeyState
    sealer: Sealer
    deployment: str
    clock: Clock = field(default_factory=SystemClock)


@dataclass(frozen=True, slots=True)
class Task:
    """One object to fold. ``tries`` counts the failures before this one."""

    root: ObjectRef
    tries: int
    lease: Lease


@dataclass(frozen=True, slots=True)
class Timeline:
    """How long a payment waited here. ``received``: its oldest event; the others are seconds.

    ``waited`` until the fold began, then in turn for the provider and for the facts' commit.
    """

    received: datetime
    waited: float
    fetched: float
    committed: float


@dataclass(frozen=True, slots=True)
class Folded:
    """What is left to do: nothing, or the same again after so many seconds.

    ``timeline`` is there if something was folded.
    """

    again_after: float | None = None
    timeline: Timeline | None = None


async def fold_object(folding: Folding, task: Task) -> Folded:
    """Bring one object's facts up to date. Refusals that are raised mean: try again later."""
    pinned = folding.key.identity
    if pinned is None or not folding.key.verified:
        return Folded(UNVERIFIED_WAIT)
    start = await folding.tx.single(lambda store: _begin(folding.provider, store, task.root))
    if start.wait > 0:
        return Folded(start.wait)
    if not start.events:
        return Folded()
    own = [event for event in start.events if event.event.root == task.root]
    bodies = await _bodies(folding, start.events)
    begun, began = folding.clock.now(), folding.clock.monotonic()
    seen = await _fetch(folding.provider, task)
    fetched = folding.clock.monotonic()
    if isinstance(seen, Judgement):
        await folding.tx.single(lambda store: _fail(folding, store, own, seen))
        return Folded()
    shown = start if len(own) == len(start.events) else _shown(task.root, seen, start)
    evidence, broken = _read(folding, shown.events, bodies)
    home = Home(folding.provider.name, pinned.account, folding.deployment)

    async def commit(store: Store) -> Judgement | None:
        if not await store.still_ours(task.lease):
            return None
        for failure, event in broken:
            await _fail(folding, store, [event], failure)
        applied = await apply(store, home, seen, evidence, start.ticket)
        if applied.subscription.overtaken and any(one.event.replay for one in evidence):
            # What a replay has to send again is what the later fetch saw: it is fetched anew.
            return None
        judgement = applied.judgement
        done = judgement.state is EventState.DONE
        # What a checkout that is refused began is judged by a fetch of its own.
        settled = [one for one in evidence if done or one.event.event.root == task.root]
        ids = [one.event.event.id for one in settled]
        queued = shown.queued if done else {}
        await store.settle(folding.provider.name, ids, judgement, queued)
        return judgement

    judgement = await folding.tx.run(commit)
    received = min(event.receive_time for event in own)
    timeline = Timeline(
        received,
        waited=(begun - received).total_seconds(),
        fetched=fetched - began,
        committed=folding.clock.monotonic() - fetched,
    )
    return Folded(_again_after(judgement, own), timeline)


def _again_after(judgement: Judgement | None, own: Sequence[StoredEvent]) -> float | None:
    """Say in how many seconds the object is to be fetched again, None for not at all.

    The lease was lost or a replay was overtaken, the object is parked, or there were more events.
    """
    if judgement is not None and judgement.state is EventState.FAILED:
        return PARKED_WAIT
    if judgement is None or len(own) == EVENTS_A_FOLD:
        return 0.0
    return None


async def _begin(provider: Provider, store: Store, root: ObjectRef) -> FoldStart:
    """List what this fetch will answer for, take its ticket and the right to ask."""
    leave = 0.0 if root.kind is RootKind.CHECKOUT else LEFT_FOR_PEOPLE
    turn = Turn(f"{provider.name}:{root.kind}", FETCHES_PER_SECOND, leave)
    return await store.begin_fold(provider.name, root, EVENTS_A_FOLD, turn)


def _shown(root: ObjectRef, seen: Projection, start: FoldStart) -> FoldStart:
    """Leave out the events of objects that were not shown, and of more than one answers for."""
    refs = {root, *(view.ref for view in seen.views)}
    events = tuple(event for event in start.events if event.event.root in refs)
    full = len(start.events) >= EVENTS_A_FOLD
    keys = set() if full else {ref.key for ref in refs}
    queued = {key: generation for key, generation in start.queued.items() if key in keys}
    return FoldStart(events, ticket=start.ticket, queued=queued)


async def _bodies(folding: Folding, events: Sequence[StoredEvent]) -> dict[str, Sealed]:
    """Return the bodies of those few events that prove more than their object shows."""
    provider = folding.provider
    ids = [event.event.id for event in events if provider.reads_body(event.event.type)]

    async def read(store: Store) -> dict[str, Sealed]:
        found = [(event_id, await store.body(provider.name, event_id)) for event_id in ids]
        return {event_id: body for event_id, body in found if body is not None}

    return await folding.tx.run(read) if ids else {}


async def _fetch(provider: Provider, task: Task) -> Projection | Judgement:
    """Fetch within the lease: a holder that lost it must not write what it saw long ago.

    Returns where the object's events stand if a person has to look at them.
    """
    try:
        async with asyncio.timeout(max(task.lease.remaining() - _LEASE_MARGIN, 0.0)):
            return await provider.fold(task.root)
    except TimeoutError as exc:
        raise DeadlineExceeded(
            f"{provider.name} did not show {task.root.key} within the lease."
        ) from exc
    except ObjectOutOfReach as exc:
        if task.tries < MAX_TRIES:
            raise
        return Judgement(EventState.FAILED, exc.reason)
    except ObjectUnreadable as exc:
        return Judgement(EventState.FAILED, exc.reason)


async def _fail(
    folding: Folding, store: Store, events: Sequence[StoredEvent], failure: Judgement
) -> None:
    await store.settle(folding.provider.name, [event.event.id for event in events], failure)


def _read(
    folding: Folding, events: Sequence[StoredEvent], bodies: dict[str, Sealed]
) -> tuple[list[Evidence], list[tuple[Judgement, StoredEvent]]]:
    """Read what each event proves; one that cannot be read fails alone."""
    evidence: list[Evidence] = []
    broken: list[tuple[Judgement, StoredEvent]] = []
    for event in events:
        try:
            evidence.append(Evidence(event, _proof(folding, event, bodies)))
        except (BodyUnreadable, ObjectUnreadable) as exc:
            broken.append((Judgement(EventState.FAILED, exc.reason), event))
    return evidence, broken


def _proof(folding: Folding, event: StoredEvent, bodies: dict[str, Sealed]) -> Proof:
    name = body_name(event.provider, event.event.id)
    sealed = bodies.get(event.event.id)
    body = None if sealed is None else folding.sealer.open(sealed, name)
    return folding.provider.proof(event.event, body)
