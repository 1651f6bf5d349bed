"""The provisioner's loops: reconcile what is queued, hear of drift, look at everything at times."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import structlog

from services.chassis.clock import Clock
from services.chassis.errors import Refusal
from services.chassis.metrics import Metrics
from services.chassis.outage import Outage
from services.chassis.queue import Again, Done, Job, Outcome
from services.provisioner.domain import Tenant
from services.provisioner.kube.cache import Heard
from services.provisioner.kube.writes import OwnWrites
from services.provisioner.objects import Ref
from services.provisioner.ports import AT_ONCE, IN_TURN, Store, Transactions
from services.provisioner.reconcile import Reconciler
from services.provisioner.timeline import Result

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("provisioner.worker")

_PAGE = 500
_HOUR = 3600.0
_FIRST_LIST = 10.0
_MOST_RESTS = 20

Stands = Callable[[Tenant], bool]
"""Tells by what was heard of that a run over a tenant would do nothing."""
HeardToStand = Callable[[Tenant, Collection[Ref]], bool]
"""Tells the same, given the objects of which something was just heard."""


class TenantWorker:
    """Handles one tenant of the queue, and says how long a payment took to become a namespace."""

    def __init__(self, reconciler: Reconciler, metrics: Metrics) -> None:
        self._reconciler = reconciler
        self._seconds = metrics.histogram(
            "payment_to_ready_seconds", "From the webhook's arrival to a tenant that is ready"
        )
        self._runs = metrics.counter("reconcile", "Runs over one tenant", ("outcome",))

    async def handle(self, job: Job) -> Outcome:
        """Reconcile one tenant; what is raised is tried again by the queue, ever more slowly."""
        try:
            result = await self._reconciler.reconcile(job.key, job.lease)
        except Refusal as refusal:
            self._runs.labels(refusal.reason).inc()
            raise
        again = None if result is None else result.again
        self._runs.labels("done" if again is None else "again").inc()
        if result is not None and result.made_ready:
            self._tell(result)
        return Done() if again is None else Again(again)

    def _tell(self, result: Result) -> None:
        tenant = result.tenant
        received = tenant.order.receive_time
        hops = {f"{name}_ms": round(at * 1000, 1) for name, at in result.marks.items()}
        if received is not None:
            self._seconds.observe(_seconds(received, result.ended))
            hops["since_received_ms"] = _milliseconds(received, result.ended)
            hops["received_to_ordered_ms"] = _milliseconds(received, result.ordered)
        _log.info(
            "tenant ready",
            tenant=tenant.id,
            namespace=tenant.namespace,
            plan=tenant.order.plan,
            generation=tenant.version.generation,
            ordered_to_begun_ms=_milliseconds(result.ordered, result.begun),
            **hops,
        )


class DriftFeed:
    """Queues the tenants whose objects somebody else changed.

    Our own writes come back as events too, often before the answer to the request is read, so
    events rest for ``settle`` seconds and are then compared with what we wrote by then. They rest
    on while more is heard of the same tenant, for a second at most: what another replica makes is
    heard of object by object. Who then stands as ordered is not queued; nor is who was heard of
    only because objects became as they are ordered, though others are still seen as they were.
    What is only news of a tenant rests for ``rest`` to twice as many seconds, and what is heard of
    the same tenant for at least ``rest`` comes with it: pods become ready one after the other.
    Whose objects changed goes before whom there is only news of.
    """

    def __init__(
        self,
        tx: Transactions[Store],
        writes: OwnWrites,
        clock: Clock,
        settle: float = 0.05,
        rest: float = 0.15,
    ) -> None:
        self._tx = tx
        self._writes = writes
        self._clock = clock
        self._changes = _Changes(settle, AT_ONCE)
        self._news = _News(rest, IN_TURN)

    def hear(self, heard: Heard) -> None:
        """Take an event; never blocks."""
        basket = self._news if heard.news else self._changes
        basket.heard.append(heard)
        basket.some.set()

    async def run(self, stands: HeardToStand) -> None:
        """Queue tenants until cancelled; while the database is away, events gather."""
        async with asyncio.TaskGroup() as group:
            for basket in (self._changes, self._news):
                group.create_task(self._empty(basket, stands))

    async def _empty(self, basket: "_Basket", stands: HeardToStand) -> None:
        outage = Outage("The drift feed", self._clock)
        waiting: set[str] = set()
        about: dict[str, dict[Ref, None]] = {}
        while True:
            await basket.some.wait()
            await self._clock.sleep(basket.rest)
            basket.some.clear()
            heard, basket.heard = basket.heard, []
            others = [one for one in heard if not self._is_echo(one)]
            for one in others:
                about.setdefault(one.tenant_id, {})[one.ref] = None
            waiting |= basket.due({one.tenant_id for one in others})
            of = {tenant: about.get(tenant, {}) for tenant in sorted(waiting)}
            try:
                await self._look(of, stands, basket.priority)
            except Refusal as refusal:
                basket.some.set()
                await outage.pause(refusal)
            else:
                outage.over()
                waiting.clear()
                for tenant in of:
                    about.pop(tenant, None)

    def _is_echo(self, heard: Heard) -> bool:
        return not heard.deleted and self._writes.are_ours(heard.resource_version)

    async def _look(
        self, of: Mapping[str, Collection[Ref]], stands: HeardToStand, priority: int
    ) -> None:
        if of:
            found = await self._tx.single(lambda store: store.tenants(list(of)))
            standing = {tenant.id for tenant in found if stands(tenant, of[tenant.id])}
            await _queue(self._tx, [one for one in of if one not in standing], priority)


@dataclass
class _Basket(ABC):
    """Events that rest for so many seconds, and how urgent they are then."""

    rest: float
    priority: int
    heard: list[Heard] = field(default_factory=list)
    some: asyncio.Event = field(default_factory=asyncio.Event)

    @abstractmethod
    def due(self, tenants: set[str]) -> set[str]:
        """Return whom to look at, given who was heard of since the last time."""


@dataclass
class _Changes(_Basket):
    """Rests until no more is heard of a tenant, for so many rests at most."""

    resting: dict[str, int] = field(default_factory=dict)

    def due(self, tenants: set[str]) -> set[str]:
        due = {one for one, n in self.resting.items() if one not in tenants or n == _MOST_RESTS}
        self.resting = {one: self.resting.get(one, 0) + 1 for one in sorted(tenants - due)}
        if self.resting:
            self.some.set()
        return due


@dataclass
class _News(_Basket):
    """Rests once more: who is heard of while it does is not heard of anew."""

    resting: set[str] = field(default_factory=set)

    def due(self, tenants: set[str]) -> set[str]:
        due, self.resting = self.resting, tenants - self.resting
        if self.resting:
            self.some.set()
        return due


async def resync(
    tx: Transactions[Store],
    clock: Clock,
    every: float,
    stands: Stands,
    ready: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Look at every tenant that is not gone for good, now and then every so many seconds.

    It finds what no event told: what changed while nobody watched, and orders that a newer version
    of this service can make. Who ``stands`` as ordered is not queued: a run would find nothing to
    do. ``ready`` is waited for first, but not for long: what stood before the first list is not
    told as an event, so a look before it could miss an edit in between.
    """
    outage = Outage("The resync", clock)
    if ready is not None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_FIRST_LIST):
                await ready()
    while True:
        try:
            await _look_at_all(tx, stands)
        except Refusal as refusal:
            await outage.pause(refusal)
        else:
            outage.over()
            await clock.sleep(every)


async def forget_answers(tx: Transactions[Store], clock: Clock) -> None:
    """Forget idempotency keys that are past their time, now and then every hour."""
    outage = Outage("Forgetting answers", clock)
    while True:
        try:
            while await tx.run(lambda store: store.forget_answers()):
                continue
        except Refusal as refusal:
            await outage.pause(refusal)
        else:
            outage.over()
            await clock.sleep(_HOUR)


async def _look_at_all(tx: Transactions[Store], stands: Stands) -> None:
    after = ""
    while True:
        found = await tx.single(partial(_page, after))
        due = []
        for tenant in found:
            if not stands(tenant):
                due.append(tenant.id)
            # Looking at a whole page would keep everybody else waiting.
            await asyncio.sleep(0)
        await _queue(tx, due, IN_TURN)
        if len(found) < _PAGE:
            return
        after = found[-1].id


async def _page(after: str, store: Store) -> Sequence[Tenant]:
    return await store.page(after, _PAGE)


async def _queue(tx: Transactions[Store], tenant_ids: Sequence[str], priority: int) -> None:
    if tenant_ids:
        await tx.single(lambda store: store.enqueue(tenant_ids, priority))


def _milliseconds(since: datetime, until: datetime) -> float:
    return round(_seconds(since, until) * 1000, 1)


def _seconds(since: datetime, until: datetime) -> float:
    return max(0.0, (until - since).total_seconds())
