"""Reconcile: compare what is ordered for one tenant with what stands, and repair.

Level-triggered. It may be killed after any step and begun again by another process: every step
looks before it does anything, and nothing depends on a step before having been remembered. If all
stands as it should, nothing is written and the API server is not asked.

The order of things is the point. When a tenant is made: the namespace, then what fences it, which
is read back from the API server; only then the workloads, and last of all the binding by which
the owner enters. When it is suspended: the binding goes first, then the workloads.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from services.chassis.backoff import Jitter, system_jitter
from services.chassis.clock import Clock
from services.chassis.errors import Refusal, is_transient
from services.chassis.ids import Ids
from services.chassis.telemetry import remote_span
from services.provisioner import findings, isolation, lifecycle
from services.provisioner.claiming import Claiming, is_ours
from services.provisioner.domain import NamespaceCapacity, Tenant, TenantPhase
from services.provisioner.drawing import Drawings
from services.provisioner.ensure import PAUSES, Hand, together
from services.provisioner.errors import (
    CapacityKindUnsupported,
    IsolationNotBound,
    Superseded,
)
from services.provisioner.lifecycle import Finding
from services.provisioner.manifests import Blueprint, Part, in_use, made
from services.provisioner.naming import Naming
from services.provisioner.objects import Live, Ref
from services.provisioner.organization.manifests import is_organization
from services.provisioner.organization.reconcile import OrganizationReconciler
from services.provisioner.organization.ways import Ways
from services.provisioner.ports import Cluster, Lease, Store, Transactions, View
from services.provisioner.progress import Record
from services.provisioner.removal import Removal
from services.provisioner.timeline import Result, Timeline

_TOLD_WITHIN = 0.1
"""Seconds that are waited to be told of what was written, before it is asked for."""


class Reconciler:
    """Makes the cluster hold what is ordered, one tenant at a time."""

    def __init__(
        self,
        tx: Transactions[Store],
        cluster: Cluster,
        view: View,
        names: Naming,
        ids: Ids,
        clock: Clock,
        organizations: Ways | None = None,
        *,
        drawings: Drawings | None = None,
        jitter: Jitter = system_jitter,
    ) -> None:
        self._cluster = cluster
        self._view = view
        self._clock = clock
        self._drawings = drawings or Drawings()
        self._pauses = replace(PAUSES, jitter=jitter)
        self._record = Record(tx, clock)
        self._claiming = Claiming(self._record, names, ids, clock)
        self._removal = Removal(self._record, clock)
        self._organizations = (
            None
            if organizations is None
            else OrganizationReconciler(self._record, view, clock, organizations)
        )

    async def reconcile(self, tenant_id: str, lease: Lease) -> Result | None:
        """Work on one tenant; raises a Refusal if it is not done and has to be tried again.

        A failure that needs a person is written down (phase FAILED) before it is raised. None if
        there is nothing to say: no such tenant, or a newer order came and is queued.
        """
        tenant = await self._record.load(tenant_id)
        if tenant is None:
            return None
        with _traced(tenant):
            return await self._run(tenant, lease)

    def stands(self, tenant: Tenant, heard: Collection[Ref] = ()) -> bool:
        """Tell by what was heard of, asking nobody, that a run over this tenant would do nothing.

        ``heard`` are objects of which something was just heard; then it is enough that none of it
        calls for a run. False of what only a run can tell.
        """
        if is_organization(tenant) or not self._view.ready:
            return False
        seen = self._view.objects(tenant.id)
        if tenant.closed:
            standing = any(ref in seen for ref in heard) if heard else bool(seen)
            return _is_gone(tenant) and not standing
        capacity = made(tenant)
        if capacity is None:
            found = findings.of_nothing(tenant.order)
        elif self._holds(tenant, capacity, seen):
            found = findings.of_objects(tenant, capacity, seen, running=in_use(tenant))
        elif heard and self._became_so(tenant, capacity, seen, heard):
            found = []
        else:
            return False
        return lifecycle.settled(tenant, found, self._clock.now()) == tenant

    async def _run(self, tenant: Tenant, lease: Lease) -> Result | None:
        timeline = Timeline.begin(self._clock, tenant)
        hand = Hand(self._cluster, tenant.version, lease, self._clock, self._pauses)
        try:
            return await self._reconcile(tenant, hand, timeline)
        except Superseded as stop:
            await self._superseded(tenant, stop)
            return None
        except Refusal as refusal:
            if not is_transient(refusal) or isinstance(refusal, IsolationNotBound):
                await self._fail(tenant, refusal)
            raise

    async def _reconcile(self, tenant: Tenant, hand: Hand, timeline: Timeline) -> Result:
        if is_organization(tenant):
            if self._organizations is None:
                raise CapacityKindUnsupported("This worker was given no organizations.")
            return await self._organizations.reconcile(tenant, hand, timeline)
        if tenant.closed:
            return await self._remove(tenant, hand, timeline)
        capacity = made(tenant)
        if capacity is None:
            # No objects are asked for, and none were ever made.
            return await self._settle(tenant, findings.of_nothing(tenant.order), timeline)
        seen = self._view.objects(tenant.id) if self._view.ready else {}
        if not self._holds(tenant, capacity, seen):
            tenant, seen = await self._make(tenant, capacity, seen, hand, timeline)
        found = findings.of_objects(tenant, capacity, seen, running=in_use(tenant))
        return await self._settle(tenant, found, timeline)

    async def _make(
        self,
        tenant: Tenant,
        capacity: NamespaceCapacity,
        seen: Mapping[Ref, Live],
        hand: Hand,
        timeline: Timeline,
    ) -> tuple[Tenant, Mapping[Ref, Live]]:
        # As it was heard of until now: what is heard of while this runs is not mixed into it.
        seen = dict(seen)
        tenant = await self._record.step(
            tenant, lambda now: lifecycle.progressing(now, self._clock.now())
        )
        if not in_use(tenant) and tenant.uid:
            await self._shut_out(tenant, hand)
        tenant, namespace = await self._claiming.take(
            tenant, lambda now: self._drawings.of(now, capacity).namespace, hand
        )
        timeline.mark("claimed")
        # The name, the claim and so every object may be others than at the beginning.
        desired = self._drawings.of(tenant, capacity)
        namespace = await hand.ensure(desired.namespace, namespace)
        fences = await together([hand.ensure(part, seen.get(part.ref)) for part in desired.fences])
        timeline.mark("fenced")
        # What was not written now is asked for as it stands now: that it was heard of is a hint.
        written = {one.ref: one.resource_version for one in fences if one is not seen.get(one.ref)}
        written[namespace.ref] = namespace.resource_version
        stands = await self._read_back(tenant, desired, written, hand)
        timeline.mark("isolated")
        workloads = await together(
            [
                *(hand.ensure(part, seen.get(part.ref)) for part in desired.workloads),
                *(hand.remove(ref) for ref in desired.absent),
            ]
        )
        timeline.mark("workloads")
        entered = await self._let_in(tenant, desired.owner, seen, hand)
        live = [*stands, *(one for one in workloads if one is not None), *entered]
        return tenant, {one.ref: one for one in live}

    async def _read_back(
        self, tenant: Tenant, desired: Blueprint, written: Mapping[Ref, str], hand: Hand
    ) -> list[Live]:
        """Read the fence from the API server itself; nobody is let in before it is all there.

        What was written in this run counts as read once the watch has told of it as it stood then
        or later. All else is asked for.
        """
        parts = [desired.namespace, *desired.fences]
        told = await self._view.told(tenant.id, written, min(hand.time(), _TOLD_WITHIN))
        asked = [part.ref for part in parts if part.ref not in told]
        answers = await together([hand.get(ref, written.get(ref, "")) for ref in asked])
        read = {ref: hand.fenced(live) for ref, live in told.items()}
        read |= {live.ref: live for live in answers if live is not None}
        missing = [
            f"{part.ref.kind} {part.ref.name}"
            for part in parts
            if not part.holds(read.get(part.ref))
        ]
        if missing or read[desired.namespace.ref].uid != tenant.uid:
            raise IsolationNotBound(
                f"Not as it was written: {', '.join(missing) or 'another namespace'}."
            )
        return [read[part.ref] for part in parts]

    async def _let_in(
        self, tenant: Tenant, owner: Part | None, seen: Mapping[Ref, Live], hand: Hand
    ) -> list[Live]:
        if owner is None:
            return []

        # A worker that slept since it began must not open what was suspended meanwhile.
        async def look() -> None:
            await self._record.still_ordered(tenant)

        await look()
        return [await hand.ensure(owner, seen.get(owner.ref), look)]

    async def _shut_out(self, tenant: Tenant, hand: Hand) -> None:
        namespace = await hand.get(isolation.namespace_ref(tenant.namespace))
        if namespace is None or not is_ours(tenant, namespace):
            return

        async def look() -> None:
            await self._record.still_ordered(tenant)

        await look()
        await hand.remove(isolation.owner_ref(tenant.namespace), look)

    async def _remove(self, tenant: Tenant, hand: Hand, timeline: Timeline) -> Result:
        # Gone for good, and nothing was heard of since: a worker that slept through the deletion
        # may have made the namespace once more, and that is heard of.
        heard = not self._view.ready or bool(self._view.objects(tenant.id))
        if _is_gone(tenant) and not heard:
            return timeline.result(tenant)
        return timeline.result(tenant, again=await self._removal.remove(tenant, hand))

    async def _settle(self, tenant: Tenant, found: list[Finding], timeline: Timeline) -> Result:
        def step(now: Tenant) -> Tenant:
            return lifecycle.settled(now, found, self._clock.now())

        # Nothing to say: not even the row is locked.
        after = tenant if step(tenant) == tenant else await self._record.step(tenant, step)
        timeline.mark("settled")
        ready = after.phase is TenantPhase.READY and tenant.phase is not TenantPhase.READY
        return timeline.result(after, made_ready=ready)

    async def _superseded(self, tenant: Tenant, stop: Superseded) -> None:
        """Tell a newer order, which is queued already, from a cluster that is ahead of us."""
        now = await self._record.load(tenant.id)
        if now is None or now.version != tenant.version:
            return
        # No order of ours is that new: a restore without a new epoch, or somebody's edit.
        await self._fail(tenant, stop)
        raise stop

    async def _fail(self, tenant: Tenant, refusal: Refusal) -> None:
        try:
            await self._record.step(
                tenant,
                lambda now: lifecycle.failed(
                    now, refusal.reason, findings.of_refusal(refusal), self._clock.now()
                ),
            )
        except Superseded:
            return  # The newer order is queued and will say how it went.

    def _became_so(
        self,
        tenant: Tenant,
        capacity: NamespaceCapacity,
        seen: Mapping[Ref, Live],
        heard: Collection[Ref],
    ) -> bool:
        """Tell whether all that was heard is that these objects are now as they should be.

        Each kind has a watch of its own, which is behind by its own time: after every run some
        objects are still seen as they were before it. That is no drift, and what is one was heard
        of when it came, or will be. Not of a Deployment: a run says how many of its pods there are.
        """
        desired = self._drawings.of(tenant, capacity)
        namespace = seen.get(desired.namespace.ref)
        return (
            (namespace is None or namespace.uid == tenant.uid)
            and all(ref.kind != "Deployment" for ref in heard)
            and desired.settles(heard, seen)
        )

    def _holds(self, tenant: Tenant, capacity: NamespaceCapacity, seen: Mapping[Ref, Live]) -> bool:
        """Tell whether the namespace is the tenant's own, and all in it as ordered."""
        desired = self._drawings.of(tenant, capacity)
        namespace = seen.get(desired.namespace.ref)
        own = namespace is not None and bool(tenant.uid) and namespace.uid == tenant.uid
        return own and desired.settled(seen)


def _is_gone(tenant: Tenant) -> bool:
    """Tell whether it was said that nothing of a tenant that is ordered away stands any more."""
    said = tenant.observed_generation == tenant.version.generation
    return tenant.phase is TenantPhase.DELETED and said


@contextmanager
def _traced(tenant: Tenant) -> Iterator[None]:
    """Continue the trace of an order that is not made true yet; a later look has one of its own."""
    made_true = tenant.observed_generation == tenant.version.generation
    with remote_span("" if made_true else tenant.order.traceparent, "reconcile tenant"):
        yield
