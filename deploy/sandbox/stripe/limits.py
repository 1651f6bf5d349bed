"""Rate limits and faults, off until somebody asks for them."""

from collections import deque
from dataclasses import dataclass, field

WINDOW = 1.0  # seconds
HANG_UP, ONLY_SLOW = 0, 200  # statuses of faults that are no failures in themselves


@dataclass(slots=True)
class Fault:
    """The next `count` matching calls fail with `status`; 0 hangs up without an answer.

    `applied`: whether a failing call has had its effect all the same. `method` and `path` narrow
    it; empty matches all. `slow`: seconds until the answer, also of calls that do not fail, for
    which `status` is 200. `code`: of a 429, `rate_limit` or `lock_timeout`.
    """

    status: int
    count: int
    slow: float = 0.0
    code: str = "rate_limit"
    method: str = ""
    path: str = ""
    applied: bool = False

    @property
    def hangs_up(self) -> bool:
        """Whether the caller gets no answer at all."""
        return self.status == HANG_UP

    @property
    def fails(self) -> bool:
        """Whether the caller is told of a failure of the provider's."""
        return self.status >= 500

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
