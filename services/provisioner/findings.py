"""The conditions of a tenant: what its objects, or their refusal, say about it."""

from collections.abc import Mapping

from services.chassis.errors import Refusal
from services.provisioner import isolation, sessions
from services.provisioner.domain import NamespaceCapacity, Order, OtherCapacity, Tenant
from services.provisioner.errors import CapacityKindUnsupported, IsolationNotBound
from services.provisioner.lifecycle import Finding
from services.provisioner.objects import Live, Ref, section

NAMESPACE = "NamespaceReady"
ISOLATED = "Isolated"
QUOTA = "QuotaBound"
WORKLOAD = "WorkloadReady"
OWNER = "OwnerBound"
RECONCILED = "Reconciled"


def of_nothing(order: Order) -> list[Finding]:
    """Return what is true of a tenant without objects."""
    return [_as_ordered(order)]


def of_objects(
    tenant: Tenant, capacity: NamespaceCapacity, live: Mapping[Ref, Live], *, running: bool
) -> list[Finding]:
    """Return what is true of a tenant whose objects stand as they should."""
    namespace = tenant.namespace
    return [
        _as_ordered(tenant.order),
        Finding(NAMESPACE, "True", "Active"),
        Finding(ISOLATED, "True", "ReadBack"),
        Finding(QUOTA, "True", "ReadBack"),
        _workload(capacity, live.get(sessions.deployment_ref(namespace)), running=running),
        _owner(isolation.owner_ref(namespace) in live, running=running),
    ]


def of_refusal(refusal: Refusal) -> list[Finding]:
    """Return what a failure says: that the tenant cannot be made, in words."""
    found = [Finding(RECONCILED, "False", refusal.reason, refusal.message)]
    if isinstance(refusal, IsolationNotBound):
        found.append(Finding(ISOLATED, "False", refusal.reason, refusal.message))
    return found


def _as_ordered(order: Order) -> Finding:
    if isinstance(order.capacity, OtherCapacity):
        text = f"Capacity of kind {order.capacity.kind} cannot be made by this version."
        return Finding(RECONCILED, "False", CapacityKindUnsupported.reason, text)
    return Finding(RECONCILED, "True", "AsOrdered")


def _workload(capacity: NamespaceCapacity, live: Live | None, *, running: bool) -> Finding:
    if not running:
        return Finding(WORKLOAD, "False", "Suspended")
    least = capacity.least_replicas
    if capacity.workload is None or least == 0:
        return Finding(WORKLOAD, "True", "NothingToRun")
    available = live.available if live is not None else None
    if available is None or live is None or not section(live.content, "status"):
        return Finding(WORKLOAD, "Unknown", "NotReported")
    said = f"{available} of at least {least} pods are available."
    if available >= least:
        # The number alone would be written at every step of the autoscaler.
        return Finding(WORKLOAD, "True", "Available")
    return Finding(WORKLOAD, "False", "Starting", said)


def _owner(bound: bool, *, running: bool) -> Finding:
    if not running:
        return Finding(OWNER, "False", "Suspended")
    return Finding(OWNER, "True" if bound else "False", "Bound" if bound else "NotBound")
