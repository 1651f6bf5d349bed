"""Rate limits and faults, off until somebody asks for them."""

from collections import deque
from dataclasses import dataclass, field

WINDOW = 1.0  # seconds


@dataclass(slots=True)
class Fault:
    """The next `count` matching calls fail with `status`.

    `applied`: whether a failing call has had its effect all the same. `method` and `path` narrow
    it; empty matches all.
    """

    status: int
    count: int
    method: str = ""
    path: str = ""
    applied: bool = False

    def matches(self, method: str, path: str) -> bool:
        """Whether this fault is for that call."""
        return self.method in ("", method) and (not self.path or path.startswith(self.path))


@dataclass(slots=True)
class Limits:
    """`per_endpoint` requests a second for one call (method and route); None is no limit."""

    per_endpoint: int | None = None
    faults: list[Fault] = field(default_factory=list)
    _seen: dict[str, deque[float]] = field(default_factory=dict)

    def admit(self, endpoint: str, moment: float) -> bool:
        """Whether one more request for an endpoint fits into this second."""
        if self.per_endpoint is None:
            return True
        seen = self._seen.setdefault(endpoint, deque())
        while seen and seen[0] <= moment - WINDOW:
            seen.popleft()
        if len(seen) >= self.per_endpoint:
            return False
        seen.append(moment)
        return True

    def fault(self, method: str, path: str) -> Fault | None:
        """The fault that a call meets, used up by one."""
        for fault in self.faults:
            if fault.matches(method, path):
                fault.count -= 1
                if fault.count <= 0:
                    self.faults.remove(fault)
                return fault
        return None
