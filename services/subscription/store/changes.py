"""Changes as the audit record holds them."""

from services.chassis.audit import AuditEntry
from services.subscription.auditing import Change


def to_entry(change: Change) -> AuditEntry:
    """Return a change as an entry of the audit record."""
    return AuditEntry(
        actor=change.actor.name,
        action=change.action,
        object=change.object,
        reason=change.reason,
        trace_id=change.actor.trace_id,
        details=dict(change.details),
    )
