"""Who did what to which object, and why; for the audit record."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """One change, as the audit record keeps it."""

    actor: str
    action: str
    object: str
    reason: str
    trace_id: str = ""
