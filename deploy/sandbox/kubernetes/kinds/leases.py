"""Leases: who leads, and for how long."""

from collections.abc import Iterator

from deploy.sandbox.kubernetes.core.causes import Cause, invalid
from deploy.sandbox.kubernetes.core.objects import Obj
from deploy.sandbox.kubernetes.kinds.rules import KindRules


def _check(obj: Obj) -> Iterator[Cause]:
    spec = obj.get("spec") or {}
    seconds, changes = spec.get("leaseDurationSeconds"), spec.get("leaseTransitions")
    if seconds is not None and seconds <= 0:
        yield invalid("spec.leaseDurationSeconds", seconds, "must be greater than 0")
    if changes is not None and changes < 0:
        why = "must be greater than or equal to 0"
        yield invalid("spec.leaseTransitions", changes, why)


LEASES = KindRules(validate=_check)
