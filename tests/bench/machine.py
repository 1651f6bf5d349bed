"""What else the machine did while payments came in: the product's share of it, others', what was
stolen from it, and how long the product's threads stood in line for a core."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.bench.processes import family_of

_PROC = Path("/proc")
_TICK = os.sysconf("SC_CLK_TCK")
_IDLE, _WAITING, _STOLEN, _GUEST = 3, 4, 7, 8


@dataclass(frozen=True)
class Machine:
    """Seconds since the machine began: its cores', and those that processes waited for one."""

    idle: float
    stolen: float
    busy: float
    in_line: Mapping[int, float]


def machine(pids: Iterable[int]) -> Machine:
    """Read it now; ``pids`` are the processes, each with what it has started."""
    line = (_PROC / "stat").read_text().split("\n", 1)[0]
    # Guests' time is counted in user time already.
    parts = [int(part) / _TICK for part in line.split()[1:]][:_GUEST]
    idle, stolen = parts[_IDLE] + parts[_WAITING], parts[_STOLEN]
    threads = {pid: in_line_of(pid) for root in pids for pid in family_of(root)}
    return Machine(idle, stolen, sum(parts) - idle - stolen, threads)


def shares(before: Machine, after: Machine, product: float) -> dict[str, float]:
    """Return the parts of the machine's time in between, in percent.

    ``product`` is the processor time of the product's processes, in seconds; what drives the load
    is one of the others.
    """
    busy, stolen = after.busy - before.busy, after.stolen - before.stolen
    whole = max(busy + stolen + after.idle - before.idle, 1e-9)
    parts = {"product": product, "others": max(busy - product, 0.0), "stolen": stolen}
    found = {name: seconds / whole * 100 for name, seconds in parts.items()}
    return found | {"idle": (after.idle - before.idle) / whole * 100}


def in_line(before: Machine, after: Machine) -> float:
    """Return the seconds for which threads that could have run had no core."""
    return sum(seconds - before.in_line.get(pid, 0.0) for pid, seconds in after.in_line.items())


def in_line_of(pid: int) -> float:
    """Return the seconds that a process's threads waited for a core; 0 if it is gone."""
    total = 0
    for thread in (_PROC / str(pid)).glob("task/*/schedstat"):
        try:
            total += int(thread.read_text().split()[1])
        except OSError:
            # The thread ended between the listing and the reading.
            continue
    return total / 1e9
