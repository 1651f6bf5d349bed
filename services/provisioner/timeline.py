"""One run over a tenant, timed: what a payment waited for on its way to a namespace."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from services.chassis.clock import Clock
from services.provisioner.domain import Tenant


@dataclass(frozen=True, slots=True)
class Result:
    """How a run ended: the tenant as it then stands, and when to look again, in seconds.

    ``made_ready`` says that this run is the one that made the order ready. The tenant was last
    written before the run at ``ordered``; ``marks`` are seconds after ``begun``.
    """

    tenant: Tenant
    ordered: datetime
    begun: datetime
    ended: datetime
    again: float | None
    made_ready: bool
    marks: Mapping[str, float]


@dataclass(slots=True)
class Timeline:
    """When a run reached what, in the order of happening."""

    clock: Clock
    ordered: datetime
    begun: datetime
    started: float
    marks: dict[str, float] = field(default_factory=dict)

    @classmethod
    def begin(cls, clock: Clock, tenant: Tenant) -> "Timeline":
        """Begin a run over this tenant."""
        return cls(clock, tenant.update_time, clock.now(), clock.monotonic())

    def mark(self, name: str) -> None:
        """Note that this is reached now."""
        self.marks[name] = self.clock.monotonic() - self.started

    def result(
        self, tenant: Tenant, *, again: float | None = None, made_ready: bool = False
    ) -> Result:
        """End the run."""
        return Result(
            tenant, self.ordered, self.begun, self.clock.now(), again, made_ready, self.marks
        )
