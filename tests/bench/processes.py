"""What processes cost: processor time, user and system, and resident memory, from /proc."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


def cpu_of(pid: int) -> float:
    """Return the processor seconds that a process has used in its threads; 0 if it is gone.

    From the scheduler's own count in nanoseconds: ``stat`` counts in hundredths of a second.
    """
    total = 0
    for thread in (_PROC / str(pid)).glob("task/*/schedstat"):
        try:
            total += int(thread.read_text().split()[0])
        except OSError:
            # The thread ended between the listing and the reading.
            continue
    return total / 1e9


def resident_of(pid: int) -> int:
    """Return a process's resident memory in bytes; 0 if it is gone."""
    try:
        status = (_PROC / str(pid) / "status").read_text()
    except OSError:
        return 0
    sizes = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(sizes[0]) * 1024 if sizes else 0


def family_of(pid: int) -> list[int]:
    """Return a process and all that it has started, as PostgreSQL's server and its backends."""
    children: dict[int, list[int]] = {}
    for stat in _PROC.glob("[0-9]*/stat"):
        try:
            # The name, in parentheses, may hold anything.
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    family, unseen = [], [pid]
    while unseen:
        one = unseen.pop()
        family.append(one)
        unseen += children.get(one, [])
    return family


@dataclass(frozen=True)
class Meter:
    """Reads the processor time of named processes, each with what it has started."""

    pids: Mapping[str, int]

    def read(self) -> dict[str, dict[int, float]]:
        """Read it now; ``spent`` says what was used between two readings."""
        return {name: _read(family_of(pid)) for name, pid in self.pids.items()}


def spent(
    before: Mapping[str, Mapping[int, float]], after: Mapping[str, Mapping[int, float]]
) -> dict[str, float]:
    """Return the seconds that each name used in between; a process that ended is not counted."""
    return {
        name: sum(seconds - before[name].get(pid, 0.0) for pid, seconds in found.items())
        for name, found in after.items()
    }


def _read(pids: Iterable[int]) -> dict[int, float]:
    return {pid: cpu_of(pid) for pid in pids}
