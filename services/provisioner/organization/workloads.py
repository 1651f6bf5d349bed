"""Putting the workloads of an organization's projects to rest, and waking exactly those again.

Rest is for an organization whose subscription is over and whose grace is, too: Deployments and
StatefulSets go to 0 replicas, CronJobs are suspended. Each says on itself, in the same write, what
it was, so a death at any point loses nothing; and it carries a label, so that what is still at rest
in an organization that is paid again is heard of, whoever put it there and however late.

What a person says meanwhile wins. A workload that was at 0 is not ours: it is neither marked nor
woken. One that a person scaled up at rest is put to rest again, with their number remembered. One
from which a person took the annotation stays as it is, and so does one that runs when it is woken.

Autoscalers need nothing: Kubernetes lets them rest as long as their target has no replicas.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.provisioner import naming
from services.provisioner.domain import JsonObject, Order, OrderedPhase, Tenant
from services.provisioner.ensure import Hand, together
from services.provisioner.errors import ObjectChanged, ObjectGone
from services.provisioner.objects import Live, Ref, section
from services.provisioner.organization import annotations
from services.provisioner.organization.annotations import CANCELED, PRE_SUSPEND, word_of
from services.provisioner.organization.seen import Seen
from services.provisioner.ports import Cluster
from services.provisioner.progress import Record

_CRON_JOB = "CronJob"
_KINDS = (("apps/v1", "Deployment"), ("apps/v1", "StatefulSet"), ("batch/v1", _CRON_JOB))
_AT_ONCE = 8
_MOST_REPLICAS = 2**31 - 1
_RAN = "1"
"""What a CronJob that ran says in the annotation."""

Patch = Callable[[Live], JsonObject | None]


def rests(order: Order) -> bool:
    """Tell whether workloads are to be at rest: exactly while the Organization says canceled."""
    return order.phase is OrderedPhase.SUSPENDED and word_of(order) == CANCELED


def wakes(order: Order, seen: Seen) -> bool:
    """Tell whether there may be something to wake: it is paid, and something was put to rest.

    The Organization says that it is paid only after everything was woken.
    """
    if order.phase is not OrderedPhase.RUNNING:
        return False
    live = seen.organization
    said = "" if live is None else live.annotation(annotations.SUBSCRIPTION)
    return bool(seen.resting) or said == CANCELED


def to_rest(live: Live) -> JsonObject | None:
    """Return the patch that puts a workload to rest, None if it is, or is not ours to touch."""
    if live.deleting:
        return None
    if live.ref.kind == _CRON_JOB:
        asleep = _is_suspended(live)
        patch = {**_mark(_RAN), "spec": {"suspend": True}}
    else:
        replicas = 1 if live.replicas is None else live.replicas
        asleep = replicas == 0
        patch = {**_mark(str(replicas)), "spec": {"replicas": 0}}
    if not asleep:
        return patch
    # Marked by another: it is to be found again as ours are.
    lacking = _is_marked(live) and not live.label(naming.LABEL_RESTING)
    return {"metadata": {"labels": {naming.LABEL_RESTING: "true"}}} if lacking else None


def to_wake(live: Live) -> JsonObject | None:
    """Return the patch that wakes a workload as it was, None if nobody put it to rest."""
    if live.deleting or not (_is_marked(live) or live.label(naming.LABEL_RESTING)):
        return None
    kept, as_it_is = live.annotation(PRE_SUSPEND), _mark(None)
    if live.ref.kind == _CRON_JOB:
        woken = kept == _RAN and _is_suspended(live)
        return {**as_it_is, "spec": {"suspend": False}} if woken else as_it_is
    replicas = _whole(kept)
    woken = replicas > 0 and live.replicas == 0
    return {**as_it_is, "spec": {"replicas": replicas}} if woken else as_it_is


async def due(tenant: Tenant, seen: Seen, cluster: Cluster, timeout: float) -> list[Ref]:
    """Return the workloads that the order would put to rest or wake, as they stand now."""
    order = tenant.order
    if not (rests(order) or wakes(order, seen)):
        return []
    patch = to_rest if rests(order) else to_wake
    found: list[Ref] = []
    for project in seen.open_projects:
        listed = await _listed(cluster, project.namespace, timeout)
        found += [live.ref for live in listed if patch(live)]
    return found


async def _listed(cluster: Cluster, namespace: str, timeout: float) -> list[Live]:
    found = await together(
        [cluster.list_in(version, kind, namespace, timeout=timeout) for version, kind in _KINDS]
    )
    return [live for listed in found for live in listed]


@dataclass(frozen=True, slots=True)
class Workloads:
    """Works on the workloads of one organization's projects, as long as its order is in force."""

    hand: Hand
    record: Record
    tenant: Tenant

    async def rest(self, namespaces: Sequence[str]) -> None:
        """Put everything in these namespaces to rest; ObjectChanged if others keep writing."""
        for namespace in namespaces:
            await self._each(namespace, to_rest)

    async def wake(self, namespaces: Sequence[str]) -> None:
        """Wake everything in these namespaces that was put to rest."""
        for namespace in namespaces:
            await self._each(namespace, to_wake)

    async def _each(self, namespace: str, patch: Patch) -> None:
        async def once() -> None:
            listed = await _listed(self.hand.cluster, namespace, self.hand.time())
            due = [(live, change) for live in listed if (change := patch(live))]
            if not await self._write(due):
                raise ObjectChanged(f"Not every workload in {namespace} was as it was read.")

        await self.hand.settled(f"A workload in {namespace}", once)

    async def _write(self, due: Sequence[tuple[Live, JsonObject]]) -> bool:
        """Write what is due; tell whether all of it was still as it was read."""
        done = True
        for begin in range(0, len(due), _AT_ONCE):
            # Somebody's work is stopped or started by it: one more look at the order.
            await self.record.still_ordered(self.tenant)
            some = due[begin : begin + _AT_ONCE]
            done &= all(await together([self._change(live, patch) for live, patch in some]))
        return done

    async def _change(self, live: Live, patch: JsonObject) -> bool:
        try:
            await self.hand.cluster.change_spec(live, patch, timeout=self.hand.time())
        except (ObjectChanged, ObjectGone):
            return False
        return True


def _is_suspended(live: Live) -> bool:
    return section(live.content, "spec").get("suspend") is True


def _is_marked(live: Live) -> bool:
    return PRE_SUSPEND in section(live.content, "metadata", "annotations")


def _mark(was: str | None) -> JsonObject:
    label = None if was is None else "true"
    return {
        "metadata": {
            "annotations": {PRE_SUSPEND: was},
            "labels": {naming.LABEL_RESTING: label},
        }
    }


def _whole(text: str) -> int:
    """Return a number of replicas, 0 for what is none."""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(_MOST_REPLICAS))):
        return 0
    number = int(text)
    return number if number <= _MOST_REPLICAS else 0
