"""The conditions of an organization."""

from collections.abc import Sequence

from services.provisioner.domain import OrganizationCapacity
from services.provisioner.findings import QUOTA, RECONCILED
from services.provisioner.lifecycle import Finding
from services.provisioner.organization.seen import Seen

FOUND = "OrganizationFound"
LIMITS = "LimitsBound"
ANNOTATED = "Annotated"
PUBLIC_IPS = "PublicIPsWithinLimit"
WORKLOADS = "WorkloadsAllowed"


_ALLOWED = Finding(WORKLOADS, "True", "AsOrdered")


def of_missing(seen: Seen) -> list[Finding]:
    """Return what is true while the organization is not there."""
    unknown = [Finding(kind, "Unknown", "OrganizationNotFound") for kind in (QUOTA, LIMITS)]
    if not seen.served:
        text = "The cluster has no organizations."
        return [Finding(FOUND, "False", "KindNotServed", text), *unknown]
    deleting = seen.organization is not None and seen.organization.deleting
    return [Finding(FOUND, "False", "Terminating" if deleting else "NotFound"), *unknown]


def of_waiting(seen: Seen, capacity: OrganizationCapacity) -> list[Finding]:
    """Return what is true while the cluster still enforces what was taken back."""
    text = "Some namespaces have less than their part until others have given it up."
    return [
        Finding(FOUND, "True", "Found"),
        Finding(QUOTA, "False", "WaitingForRoom", text),
        public_ips(seen, capacity),
    ]


def of_standing(
    seen: Seen,
    capacity: OrganizationCapacity,
    *,
    hierarchical: bool,
    bounded: bool,
    own_limits: Sequence[str],
    resting: bool,
) -> list[Finding]:
    """Return what is true of an organization whose objects stand as they should."""
    return [
        Finding(RECONCILED, "True", "AsOrdered"),
        Finding(FOUND, "True", "Found"),
        Finding(QUOTA, "True", "Hierarchical" if hierarchical else "Divided"),
        _limits(bounded, own_limits),
        Finding(ANNOTATED, "True", "AsOrdered"),
        _workloads(resting=resting),
        public_ips(seen, capacity),
    ]


def of_cleared() -> list[Finding]:
    """Return what is true once nothing of ours stands there any more."""
    return [
        Finding(RECONCILED, "True", "AsOrdered"),
        Finding(QUOTA, "False", "NoPlan"),
        Finding(LIMITS, "False", "NoPlan"),
        Finding(ANNOTATED, "True", "AsOrdered"),
    ]


def public_ips(seen: Seen, capacity: OrganizationCapacity) -> Finding:
    """Return whether there are no more public addresses than allowed; none is ever taken away."""
    allowed = capacity.public_ips
    if allowed is None:
        return Finding(PUBLIC_IPS, "True", "NotEnforced")
    said = f"{seen.public_ips} of {allowed} public addresses are in use."
    within = seen.public_ips <= allowed
    return Finding(PUBLIC_IPS, "True" if within else "False", "Counted", said)


def _workloads(*, resting: bool) -> Finding:
    text = "Deployments and StatefulSets are at 0, CronJobs suspended, until it is paid again."
    return Finding(WORKLOADS, "False", "Canceled", text) if resting else _ALLOWED


def _limits(bounded: bool, own_limits: Sequence[str]) -> Finding:
    if own_limits:
        return Finding(
            LIMITS, "True", "OwnLimitRange", f"Left alone in {', '.join(own_limits[:5])}."
        )
    return Finding(LIMITS, "True", "AsOrdered" if bounded else "NoneOrdered")
