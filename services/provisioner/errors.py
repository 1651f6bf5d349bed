"""The provisioner's refusals, and what can go wrong at the cluster, as types.

Retry is decided by type: what descends from Aborted, Unavailable or DeadlineExceeded is tried
again soon, everything else needs something else to change first.
"""

from services.chassis.errors import (
    Aborted,
    AlreadyExists,
    DeadlineExceeded,
    FailedPrecondition,
    NotFound,
    PermissionDenied,
    Unavailable,
)


class UnknownTenant(NotFound):
    """No such tenant, or none that this caller may know of."""

    reason = "UNKNOWN_TENANT"


class IncarnationClosed(FailedPrecondition):
    """The incarnation was ordered away for good; a later payment buys the next one."""

    reason = "INCARNATION_CLOSED"


class CapacityKindUnsupported(FailedPrecondition):
    """This version cannot make capacity of that kind; the order is kept until one can."""

    reason = "CAPACITY_KIND_UNSUPPORTED"


class CapacityKindChanged(FailedPrecondition):
    """What stands for the account is of another kind, and only a deletion takes it away."""

    reason = "CAPACITY_KIND_CHANGED"


class OrganizationTaken(FailedPrecondition):
    """Another account pays for the organization."""

    reason = "ORGANIZATION_TAKEN"


class OrganizationMissing(Aborted):
    """The organization went while it was worked on: look again."""

    reason = "ORGANIZATION_MISSING"


class OrganizationNotFound(NotFound):
    """No such organization, or none that this caller may know of."""

    reason = "ORGANIZATION_NOT_FOUND"


class OrganizationsNotServed(FailedPrecondition):
    """The cluster has no organizations."""

    reason = "ORGANIZATIONS_NOT_SERVED"


class ProjectQuotaForbidden(FailedPrecondition):
    """The cluster keeps the ResourceQuota of that name for somebody else."""

    reason = "PROJECT_QUOTA_FORBIDDEN"


class NoNameLeft(FailedPrecondition):
    """Every name that was tried for a namespace is refused or taken."""

    reason = "NO_NAME_LEFT"


class NameContended(Aborted):
    """The names that were tried for a namespace just now are somebody else's; more are tried."""

    reason = "NAME_CONTENDED"


class Superseded(Aborted):
    """The cluster already holds a newer order than the one being made true: stop."""

    reason = "SUPERSEDED"


class LeaseTooShort(Aborted):
    """Too little of the queue's lease is left to make another request safely."""

    reason = "LEASE_TOO_SHORT"


class IsolationNotBound(Aborted):
    """What fences a namespace was not read back as it was written; its owner stays outside."""

    reason = "ISOLATION_NOT_BOUND"


class DriftNotRepaired(FailedPrecondition):
    """An object differs although it was just applied: another writer holds on to a field."""

    reason = "DRIFT_NOT_REPAIRED"


class ClusterUnavailable(Unavailable):
    """The Kubernetes API cannot be reached, or is overloaded."""

    reason = "CLUSTER_UNAVAILABLE"


class ClusterTimeout(DeadlineExceeded):
    """The Kubernetes API did not answer in time; the request may have had its effect."""

    reason = "CLUSTER_TIMEOUT"


class HistoryExpired(Aborted):
    """The API server no longer knows what changed since then: list again."""

    reason = "CLUSTER_HISTORY_EXPIRED"


class ClusterForbidden(PermissionDenied):
    """Our service account may not do that, or is not known."""

    reason = "CLUSTER_FORBIDDEN"


class ObjectExists(AlreadyExists):
    """An object of that name stands."""

    reason = "OBJECT_EXISTS"


class ObjectGone(Aborted):
    """The object, or the namespace it belongs in, does not stand any more: look again."""

    reason = "OBJECT_GONE"


class ObjectChanged(Aborted):
    """The object is not the one that was read: other resourceVersion or uid."""

    reason = "OBJECT_CHANGED"


class NamespaceTerminating(Aborted):
    """The namespace is being deleted and takes nothing new."""

    reason = "NAMESPACE_TERMINATING"


class ObjectInvalid(FailedPrecondition):
    """The Kubernetes API refuses the object as it is."""

    reason = "CLUSTER_REJECTED"


class KindMissing(FailedPrecondition):
    """The cluster does not know that kind of object."""

    reason = "CLUSTER_KIND_MISSING"
