"""Folding: one fetch of a root object, then one transaction that makes its facts true.

The events of the object are listed before the fetch begins and marked done by their ids after it,
so an event that comes in between stays open, and its own enqueue has the object fetched again. An
object that could not be fetched says nothing about money: its events stay open.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
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
from services.payments.ports import Lease, Provider, Store
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


@dataclass(frozen=True, slots=True)
class _Start:
    wait: float
    ticket: int
    events: tuple[StoredEvent, ...]
    bodies: dict[str, Sealed]


async def fold_object(folding: Folding, task: Task) -> Folded:
    """Bring one object's facts up to date. Refusals that are raised mean: try again later."""
    pinned = folding.key.identity
    if pinned is None or not folding.key.verified:
        return Folded(UNVERIFIED_WAIT)
    start = await folding.tx.run(lambda store: _begin(folding.provider, store, task.root))
    if start.wait > 0:
        return Folded(start.wait)
    if not start.events:
        return Folded()
    begun, began = folding.clock.now(), folding.clock.monotonic()
    seen = await _fetch(folding.provider, task)
    fetched = folding.clock.monotonic()
    if isinstance(seen, Judgement):
        await folding.tx.run(lambda store: _fail(folding, store, start.events, seen))
        return Folded()
    evidence, broken = _read(folding, start)
    home = Home(folding.provider.name, pinned.account, folding.deployment)

    async def commit(store: Store) -> Judgement | None:
        if not await store.still_ours(task.lease):
            return None
        for failure, event in broken:
            await _fail(folding, store, [event], failure)
        judgement = await apply(store, home, seen, evidence, start.ticket)
        ids = [one.event.event.id for one in evidence]
        await store.settle(folding.provider.name, ids, judgement)
        return judgement

    left = _left(await folding.tx.run(commit), start)
    received = min(event.receive_time for event in start.events)
    timeline = Timeline(
        received,
        waited=(begun - received).total_seconds(),
        fetched=fetched - began,
        committed=folding.clock.monotonic() - fetched,
    )
    return replace(left, timeline=timeline)


def _left(judgement: Judgement | None, start: "_Start") -> Folded:
    """Say what is left: the lease was lost, the object is parked, or there were more events."""
    if judgement is not None and judgement.state is EventState.FAILED:
        return Folded(PARKED_WAIT)
    if judgement is None or len(start.events) == EVENTS_A_FOLD:
        return Folded(0.0)
    return Folded()


async def _begin(provider: Provider, store: Store, root: ObjectRef) -> _Start:
    """List what this fetch will answer for, take its ticket and the right to ask."""
    events = await store.open_events(provider.name, root, EVENTS_A_FOLD)
    if not events:
        return _Start(0.0, 0, (), {})
    leave = 0.0 if root.kind is RootKind.CHECKOUT else LEFT_FOR_PEOPLE
    wait = await store.take_token(f"{provider.name}:{root.kind}", FETCHES_PER_SECOND, leave)
    if wait > 0:
        return _Start(wait, 0, (), {})
    bodies: dict[str, Sealed] = {}
    for event in events:
        if provider.reads_body(event.event.type):
            body = await store.body(provider.name, event.event.id)
            if body is not None:
                bodies[event.event.id] = body
    return _Start(0.0, await store.next_ticket(), tuple(events), bodies)


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
    folding: Folding, start: _Start
) -> tuple[list[Evidence], list[tuple[Judgement, StoredEvent]]]:
    """Read what each event proves; one that cannot be read fails alone."""
    evidence: list[Evidence] = []
    broken: list[tuple[Judgement, StoredEvent]] = []
    for event in start.events:
        try:
            evidence.append(Evidence(event, _proof(folding, event, start.bodies)))
        except (BodyUnreadable, ObjectUnreadable) as exc:
            broken.append((Judgement(EventState.FAILED, exc.reason), event))
    return evidence, broken


def _proof(folding: Folding, event: StoredEvent, bodies: dict[str, Sealed]) -> Proof:
    name = body_name(event.provider, event.event.id)
    sealed = bodies.get(event.event.id)
    body = None if sealed is None else folding.sealer.open(sealed, name)
    return folding.provider.proof(event.event, body)
