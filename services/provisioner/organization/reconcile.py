"""Reconcile of an organization: its quota, the bounds of its containers, and its annotations.

The Organization, its namespace and its projects are never made and never deleted here. The quota
comes before the annotations: who reads ``active`` there finds what is paid for. A new backend is
written before the old one goes, so that there is no moment without any. Workloads are put to rest
after ``canceled`` is said, and woken before ``active`` is.

What was heard says whether there is anything to do. Nothing grows and nothing goes on the strength
of what was not heard: that is asked of the API server, and what it knows beyond is reckoned with.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from services.chassis.clock import Clock
from services.provisioner import lifecycle
from services.provisioner.domain import (
    NamespaceCapacity,
    NothingCapacity,
    OrganizationCapacity,
    Tenant,
    TenantPhase,
)
from services.provisioner.ensure import Hand, together
from services.provisioner.errors import CapacityKindChanged, ClusterUnavailable, ObjectChanged
from services.provisioner.manifests import Part
from services.provisioner.objects import Live, Ref
from services.provisioner.organization import findings
from services.provisioner.organization.addresses import mark
from services.provisioner.organization.desired import desired, ours, own_limits
from services.provisioner.organization.manifests import capacity_of, is_managed
from services.provisioner.organization.roll import Roll, Unheard
from services.provisioner.organization.saying import Saying
from services.provisioner.organization.seen import Seen
from services.provisioner.organization.sharing import Sharing, put
from services.provisioner.organization.ways import Ways
from services.provisioner.organization.withdrawal import Withdrawal
from services.provisioner.organization.work import Work
from services.provisioner.organization.workloads import Workloads, rests, wakes
from services.provisioner.ports import Audited, View
from services.provisioner.progress import ACTOR, Record
from services.provisioner.timeline import Result, Timeline

MISSING = "ORGANIZATION_NOT_FOUND"
_LOOK_AGAIN = 0.5
_CALLS = 3
"""How often more may turn out to stand than was heard of, in one run."""


class OrganizationReconciler:
    """Makes the cluster hold what is ordered for one organization at a time."""

    def __init__(self, record: Record, view: View, clock: Clock, ways: Ways) -> None:
        self._record = record
        self._view = view
        self._clock = clock
        self._ways = ways
        self._withdrawal = Withdrawal(record, clock)
        self._divided: dict[str, float] = {}

    async def reconcile(self, tenant: Tenant, hand: Hand, timeline: Timeline) -> Result:
        """Work on one organization, as ``Reconciler.reconcile`` does on any tenant."""
        _check_kind(tenant)
        if not (self._view.ready and self._ways.view.ready):
            # Without knowing the projects, nothing can be divided among them.
            raise ClusterUnavailable("The cluster's organizations were not listed yet.")
        seen = self._ways.view.look(tenant.order.organization)
        objects = self._view.objects(tenant.id)
        capacity = capacity_of(tenant)
        if tenant.closed or capacity is None:
            self._divided.pop(tenant.id, None)
            await self._let_go(tenant, seen, hand)
            after = await self._withdrawal.withdraw(tenant, ours(tenant, objects, seen), seen, hand)
            return timeline.result(after)
        if seen.organization is None or seen.organization.deleting:
            return await self._wait(tenant, ours(tenant, objects, seen), seen, hand, timeline)
        return await self._hold(tenant, capacity, seen, objects, hand, timeline)

    async def _hold(
        self,
        tenant: Tenant,
        capacity: OrganizationCapacity,
        seen: Seen,
        objects: Mapping[Ref, Live],
        hand: Hand,
        timeline: Timeline,
    ) -> Result:
        work = self._work(tenant, capacity, seen, ours(tenant, objects, seen))
        waiting = False
        if wakes(tenant.order, seen) or not work.settled():
            rest = self._rest(tenant, work)
            if rest > 0:
                return timeline.result(tenant, again=rest)
            tenant = await self._claim(tenant, hand, timeline)
            work, waiting = await self._make(tenant, capacity, work, hand, timeline)
            seen = work.seen
        if rests(tenant.order):
            await Workloads(hand, self._record, tenant).rest(_projects(seen))
        if waiting:
            found = findings.of_waiting(seen, capacity)
            noted = await self._step(
                tenant, lambda now: lifecycle.observed(now, found, self._clock.now())
            )
            return timeline.result(noted, again=_LOOK_AGAIN)
        found = findings.of_standing(
            seen,
            capacity,
            hierarchical=work.want.hierarchical,
            bounded=bool(work.want.limits),
            own_limits=own_limits(seen),
            resting=rests(tenant.order),
        )
        after = await self._step(
            tenant, lambda now: lifecycle.settled(now, found, self._clock.now())
        )
        timeline.mark("settled")
        ready = after.phase is TenantPhase.READY and tenant.phase is not TenantPhase.READY
        return timeline.result(after, made_ready=ready)

    def _work(
        self,
        tenant: Tenant,
        capacity: OrganizationCapacity,
        seen: Seen,
        heard: Mapping[Ref, Live],
    ) -> Work:
        return Work(desired(tenant, capacity, seen, self._ways.settings), heard, seen)

    async def _claim(self, tenant: Tenant, hand: Hand, timeline: Timeline) -> Tenant:
        tenant = await self._step(tenant, lambda now: lifecycle.progressing(now, self._clock.now()))
        tenant = await self._record_uid(tenant, await Saying(hand, tenant).find())
        timeline.mark("claimed")
        return tenant

    async def _make(
        self,
        tenant: Tenant,
        capacity: OrganizationCapacity,
        work: Work,
        hand: Hand,
        timeline: Timeline,
    ) -> tuple[Work, bool]:
        """Make it so, also with what stands and was not heard of; return what was made."""
        for _ in range(_CALLS):
            try:
                return work, await self._make_known(tenant, work, hand, timeline)
            except Unheard as more:
                heard = {**work.heard, **{live.ref: live for live in more.quotas}}
                work = self._work(tenant, capacity, more.added(work.seen), heard)
        raise ObjectChanged(f"The projects of {work.want.organization} keep changing.")

    async def _make_known(self, tenant: Tenant, work: Work, hand: Hand, timeline: Timeline) -> bool:
        roll = Roll(hand, tenant, work.seen)
        strays = work.strays()
        await roll.check(strays)
        # What they hold is to be free before others grow by it.
        await self._withdrawal.remove(tenant, strays, hand)
        waiting = await self._bind(work, roll, hand)
        self._divided[tenant.id] = self._clock.monotonic()
        timeline.mark("fenced")
        await together([_bound(part, seen, hand) for part, seen in work.limits()])
        await self._withdrawal.remove(tenant, work.replaced(), hand)
        await mark(hand, work.want.organization, work.misplaced(), work.want.shut)
        if wakes(tenant.order, work.seen):
            await Workloads(hand, self._record, tenant).wake(_projects(work.seen))
        timeline.mark("workloads")
        await Saying(hand, tenant).say(work.want.annotated)
        return waiting

    async def _bind(self, work: Work, roll: Roll, hand: Hand) -> bool:
        if work.want.hierarchical:
            if not work.hierarchical.holds(work.seen.hierarchical):
                await hand.ensure(work.hierarchical, work.seen.hierarchical)
                self._ways.writes.labels("hierarchical").inc()
            return False
        shared = await Sharing(hand, work.board, roll.call, self._ways.writes).bind()
        return shared.waiting

    async def _wait(
        self,
        tenant: Tenant,
        standing: Mapping[Ref, Live],
        seen: Seen,
        hand: Hand,
        timeline: Timeline,
    ) -> Result:
        # It was deleted, and not only not heard of: what bounded it goes with it.
        if standing and seen.served and await Saying(hand, tenant).read() is None:
            await self._withdrawal.remove(tenant, standing.values(), hand)
        found = findings.of_missing(seen)
        after = await self._step(
            tenant, lambda now: lifecycle.waiting(now, MISSING, found, self._clock.now())
        )
        return timeline.result(after)

    async def _let_go(self, tenant: Tenant, seen: Seen, hand: Hand) -> None:
        """Wake what may run without a plan, and let the namespaces take addresses again."""
        live = seen.organization
        if live is None or live.deleting or not Saying(hand, tenant).is_last(live):
            return
        await mark(hand, tenant.order.organization, sorted(seen.shut), ())
        if wakes(tenant.order, seen):
            await Workloads(hand, self._record, tenant).wake(_projects(seen))

    async def _record_uid(self, tenant: Tenant, organization: Live) -> Tenant:
        uid = organization.uid
        if tenant.uid == uid:
            return tenant
        entry = Audited(
            ACTOR,
            "bind-organization",
            tenant.id,
            "first seen" if not tenant.uid else "it was made anew",
            {"organization": organization.ref.name, "uid": uid, "before": tenant.uid},
        )
        return await self._record.step(tenant, lambda now: replace(now, uid=uid), entry)

    def _rest(self, tenant: Tenant, work: Work) -> float:
        """Return how long to leave the parts alone, in seconds: only usage moved, and lately."""
        last = self._divided.get(tenant.id)
        settled = tenant.observed_generation == tenant.version.generation
        if last is None or not settled or not work.only_usage_moved():
            return 0.0
        return last + self._ways.settings.pace - self._clock.monotonic()

    async def _step(self, tenant: Tenant, step: Callable[[Tenant], Tenant]) -> Tenant:
        # Nothing to say: not even the row is locked.
        return tenant if step(tenant) == tenant else await self._record.step(tenant, step)


def _projects(seen: Seen) -> list[str]:
    return [project.namespace for project in seen.open_projects]


def _check_kind(tenant: Tenant) -> None:
    """Raise CapacityKindChanged where making the order would leave something else standing."""
    ordered = tenant.order.capacity
    if isinstance(tenant.standing, NamespaceCapacity) and tenant.uid:
        raise CapacityKindChanged("A namespace stands for this account; it has to go first.")
    if not (tenant.closed or isinstance(ordered, OrganizationCapacity | NothingCapacity)):
        raise CapacityKindChanged("An organization's quota stands for this account.")


async def _bound(part: Part, seen: Live | None, hand: Hand) -> None:
    """Make a LimitRange stand, unless a person's own does."""
    if part.holds(seen):
        return

    async def once() -> None:
        live = await hand.get(part.ref)
        if not (part.holds(live) or (live is not None and not is_managed(live))):
            await put(hand, part.wanted(live), live)

    await hand.settled(f"LimitRange {part.ref.name}", once)
