"""Everything that stands in the cluster for a tenant, in the order in which it is made."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from services.provisioner import exact, isolation, sessions
from services.provisioner.domain import JsonObject, NamespaceCapacity, OrderedPhase, Tenant
from services.provisioner.objects import Live, Ref, ref_of
from services.provisioner.stamp import Stamp


@dataclass(slots=True, eq=False)
class Part:
    """One object: what names it, and what it should be, given how it is (None: not there)."""

    ref: Ref
    wanted: Callable[[Live | None], JsonObject]
    # What was found to be so is not compared again: contents are never changed in place, and what
    # has the same uid and resourceVersion is the same write, however it was heard of.
    _held: Live | None = field(default=None, init=False)

    def holds(self, live: Live | None) -> bool:
        """Tell whether the object stands as it should."""
        if live is None:
            return False
        if self._held is not None and live.same_as(self._held):
            return True
        if live.deleting or not exact.stands(self.wanted(live), live.content):
            return False
        self._held = live
        return True


@dataclass(frozen=True, slots=True)
class Blueprint:
    """What a tenant's objects should be.

    ``fences`` stand before the ``workloads``, and both before the ``owner`` enters; without an
    owner nobody does. What is ``absent`` must not stand.
    """

    namespace: Part
    fences: tuple[Part, ...]
    workloads: tuple[Part, ...]
    owner: Part | None
    absent: tuple[Ref, ...]

    @property
    def parts(self) -> tuple[Part, ...]:
        """Every object, in the order in which they are made."""
        owner = () if self.owner is None else (self.owner,)
        return (self.namespace, *self.fences, *self.workloads, *owner)

    def settled(self, live: Mapping[Ref, Live]) -> bool:
        """Tell whether everything stands as it should, and nothing stands that should not."""
        return all(part.holds(live.get(part.ref)) for part in self.parts) and not any(
            ref in live for ref in self.absent
        )

    def settles(self, refs: Collection[Ref], live: Mapping[Ref, Live]) -> bool:
        """Tell whether each of these objects is as it should be; no others are vouched for."""
        parts = {part.ref: part for part in self.parts}
        return all(
            parts[ref].holds(live.get(ref))
            if ref in parts
            else ref in self.absent and ref not in live
            for ref in refs
        )


def made(tenant: Tenant) -> NamespaceCapacity | None:
    """Return the capacity of which objects stand or should stand, None for no objects.

    An order without objects (a free tier) does not delete a namespace that stands: only a permit
    does. What was last made then stays, out of use.
    """
    if isinstance(tenant.order.capacity, NamespaceCapacity):
        return tenant.order.capacity
    return tenant.standing if isinstance(tenant.standing, NamespaceCapacity) else None


def in_use(tenant: Tenant) -> bool:
    """Tell whether the owner may be inside, and the workloads run."""
    running = tenant.order.phase is OrderedPhase.RUNNING
    return running and isinstance(tenant.order.capacity, NamespaceCapacity)


def blueprint(tenant: Tenant, capacity: NamespaceCapacity) -> Blueprint:
    """Return what should stand for this tenant, which has a name for its namespace."""
    stamp = Stamp(tenant.id, tenant.namespace, tenant.order)
    running = in_use(tenant)
    fences = tuple(_fixed(wanted) for wanted in isolation.fences(stamp, capacity))
    workloads = _workloads(stamp, capacity, running=running)
    owner = _fixed(isolation.owner_binding(stamp)) if running else None
    standing = {part.ref for part in (*fences, *workloads)}
    optional = (
        isolation.limits_ref(stamp.namespace),
        sessions.autoscaler_ref(stamp.namespace),
        sessions.deployment_ref(stamp.namespace),
    )
    absent = tuple(ref for ref in optional if ref not in standing)
    return Blueprint(
        namespace=_fixed(isolation.namespace(stamp, tenant.claim)),
        fences=fences,
        workloads=workloads,
        owner=owner,
        absent=absent if running else (isolation.owner_ref(stamp.namespace), *absent),
    )


def _workloads(stamp: Stamp, capacity: NamespaceCapacity, *, running: bool) -> tuple[Part, ...]:
    workload = capacity.workload
    if workload is None:
        return ()

    ordered = sessions.deployment(stamp, capacity, workload)

    def deployment(live: Live | None) -> JsonObject:
        return sessions.with_replicas(ordered, capacity, live, running=running)

    parts = [Part(sessions.deployment_ref(stamp.namespace), deployment)]
    if capacity.autoscale is not None:
        parts.append(_fixed(sessions.autoscaler(stamp, capacity, capacity.autoscale)))
    return tuple(parts)


def _fixed(wanted: JsonObject) -> Part:
    return Part(ref_of(wanted), lambda _live: wanted)
