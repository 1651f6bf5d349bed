"""The sandbox's idea of time: one small object, so that a run can be given another one."""

import time
from typing import Protocol


class Clock(Protocol):
    """Where the sandbox reads the time."""

    def time(self) -> float:
        """Seconds since the epoch."""
        ...


class SystemClock:
    """The machine's own clock."""

    def time(self) -> float:
        """Seconds since the epoch."""
        return time.time()
