"""How a tenant moves: one function for each thing that can become true of it.

Each returns the tenant as it then is. ``tells`` says whether the step is worth a fact.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from services.provisioner.domain import (
    Condition,
    NamespaceCapacity,
    NothingCapacity,
    Order,
    OrderedPhase,
    OrganizationCapacity,
    OtherCapacity,
    Tenant,
    TenantPhase,
    Version,
)
from services.provisioner.errors import CapacityKindUnsupported, IncarnationClosed

_TOLD = frozenset(
    {
        TenantPhase.PROGRESSING,
        TenantPhase.READY,
        TenantPhase.SUSPENDED,
        TenantPhase.DELETED,
        TenantPhase.FAILED,
    }
)


@dataclass(frozen=True, slots=True)
class Finding:
    """A condition as it was found just now; when it changed last is not its business."""

    type: str
    status: str
    reason: str
    message: str = ""


def ordered(tenant: Tenant, order: Order, now: datetime) -> Tenant:
    """Take a newer order.

    Raises IncarnationClosed if the incarnation was already ordered away: what was deleted never
    comes back under the same name.
    """
    if tenant.closed and order.phase is not OrderedPhase.DELETED:
        raise IncarnationClosed(
            f"Incarnation {order.incarnation} of {order.account} is deleted for good.",
            metadata={"account": order.account, "incarnation": str(order.incarnation)},
        )
    if tenant.phase in (TenantPhase.DELETED, TenantPhase.DELETING):
        return replace(tenant, order=order, update_time=now)
    return replace(tenant, order=order, phase=TenantPhase.PENDING, reason="", update_time=now)


def progressing(tenant: Tenant, now: datetime) -> Tenant:
    """Begin to make the order true; a repair of what already stood is not told again.

    What is about to be made is written down first: an order without objects that comes later has
    to know what there is to take out of use.
    """
    waited = tenant.phase is TenantPhase.PROGRESSING and tenant.reason
    if tenant.phase is not TenantPhase.PENDING and not waited:
        return tenant
    capacity = tenant.order.capacity
    has_objects = isinstance(capacity, NamespaceCapacity | OrganizationCapacity)
    standing = capacity if has_objects else tenant.standing
    return replace(
        tenant, phase=TenantPhase.PROGRESSING, reason="", standing=standing, update_time=now
    )


def settled(tenant: Tenant, findings: Iterable[Finding], now: datetime) -> Tenant:
    """The cluster was seen to match the order."""
    done = observed(tenant, findings, now)
    phase, reason = _outcome(tenant)
    matched = phase is not TenantPhase.FAILED
    generation = tenant.version.generation if matched else tenant.observed_generation
    first_ready = phase is TenantPhase.READY and tenant.ready_time is None
    ready_time = now if first_ready else tenant.ready_time
    before = (tenant.phase, tenant.reason, tenant.observed_generation, tenant.ready_time)
    if done is tenant and (phase, reason, generation, ready_time) == before:
        return tenant
    return replace(
        done,
        phase=phase,
        reason=reason,
        observed_generation=generation,
        ready_time=ready_time,
        update_time=now,
    )


def observed(tenant: Tenant, findings: Iterable[Finding], now: datetime) -> Tenant:
    """Note what was found; a condition keeps the time at which its status changed last."""
    known = {condition.type: condition for condition in tenant.conditions}
    for finding in findings:
        before = known.get(finding.type)
        same = before is not None and before.status == finding.status
        known[finding.type] = Condition(
            finding.type,
            finding.status,
            finding.reason,
            finding.message,
            before.since if before is not None and same else now,
        )
    conditions = tuple(known[kind] for kind in sorted(known))
    if conditions == tenant.conditions:
        return tenant
    return replace(tenant, conditions=conditions, update_time=now)


def waiting(tenant: Tenant, reason: str, findings: Iterable[Finding], now: datetime) -> Tenant:
    """Something that is not ours to make has to be there first."""
    noted = observed(tenant, findings, now)
    stuck = replace(noted, phase=TenantPhase.PROGRESSING, reason=reason)
    return stuck if stuck == tenant else replace(stuck, update_time=now)


def failed(tenant: Tenant, reason: str, findings: Iterable[Finding], now: datetime) -> Tenant:
    """A person is needed; it is still tried."""
    noted = observed(tenant, findings, now)
    wrong = replace(noted, phase=TenantPhase.FAILED, reason=reason)
    return wrong if wrong == tenant else replace(wrong, update_time=now)


def deleting(tenant: Tenant, now: datetime) -> Tenant:
    """The namespace was asked to go."""
    if tenant.phase in (TenantPhase.DELETING, TenantPhase.DELETED):
        return tenant
    return replace(tenant, phase=TenantPhase.DELETING, reason="", update_time=now)


def deleted(tenant: Tenant, now: datetime) -> Tenant:
    """Nothing stands any more. The uid goes with the namespace, the name stays taken."""
    generation = tenant.version.generation
    gone = replace(
        tenant,
        phase=TenantPhase.DELETED,
        reason="",
        uid="",
        standing=None,
        conditions=(),
        observed_generation=generation,
    )
    return gone if gone == tenant else replace(gone, update_time=now)


def tells(before: Tenant, after: Tenant) -> bool:
    """Tell whether a step is worth a fact: a new phase, reason, order or namespace."""
    return after.phase in _TOLD and _said(before) != _said(after)


def _said(tenant: Tenant) -> tuple[TenantPhase, str, Version, int, str]:
    return (
        tenant.phase,
        tenant.reason,
        tenant.version,
        tenant.observed_generation,
        tenant.namespace,
    )


def _outcome(tenant: Tenant) -> tuple[TenantPhase, str]:
    if isinstance(tenant.order.capacity, OtherCapacity):
        return TenantPhase.FAILED, CapacityKindUnsupported.reason
    match tenant.order.phase:
        case OrderedPhase.RUNNING:
            kept = bool(tenant.uid) and isinstance(tenant.order.capacity, NothingCapacity)
            return TenantPhase.READY, "NAMESPACE_KEPT" if kept else ""
        case OrderedPhase.SUSPENDED:
            return TenantPhase.SUSPENDED, ""
        case OrderedPhase.DELETED:
            return TenantPhase.DELETED, ""
        case _:
            assert_never(tenant.order.phase)
