"""What is to run, the states it goes through, and the order in which it starts and stops."""

import enum
import graphlib
import signal
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deploy.sandbox.supervisor.errors import InvalidSpec


class State(enum.Enum):
    """Where a process stands, from the supervisor's point of view."""

    WAITING = "waiting"  # for what it depends on
    STARTING = "starting"  # runs, not ready yet
    READY = "ready"
    BACKING_OFF = "backing off"  # died, will be started again
    FAILED = "failed"  # never became ready; given up
    STOPPING = "stopping"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Event:
    """A process changed its state. `pid` is the process id while there is one."""

    name: str
    state: State
    pid: int | None
    detail: str = ""


@dataclass(frozen=True)
class ProcessSpec:
    """One process to keep running.

    `env` is its whole environment: nothing is inherited. `ready` is asked every 50 ms after a start
    until it says yes, for at most `start_timeout` seconds. Stopping sends `stop_signal` and, after
    `grace` seconds, SIGKILL to its process group. The kernel sends it `orphan_signal` when the
    supervisor is killed. `user` is an account to run as, and needs a supervisor that is root.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    ready: Callable[[], Awaitable[bool]]
    depends_on: Sequence[str] = ()
    user: str | None = None
    cwd: Path | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    orphan_signal: signal.Signals = signal.SIGKILL
    start_timeout: float = 60.0
    grace: float = 10.0


@dataclass(frozen=True)
class RestartPolicy:
    """How long to wait before a process that died is started again, in seconds.

    The wait starts at `first`, doubles up to `ceiling`, is lengthened by up to `jitter` of itself,
    and starts anew once the process stayed ready for `healthy_after`. A process that was never
    ready is given up after `attempts` starts.
    """

    first: float = 0.1
    ceiling: float = 10.0
    jitter: float = 0.5
    healthy_after: float = 10.0
    attempts: int = 3


@dataclass
class Order:
    """The processes known so far, in an order in which each comes after what it depends on."""

    depends_on: dict[str, frozenset[str]] = field(default_factory=dict)

    def add(self, specs: Iterable[ProcessSpec]) -> None:
        """Takes `specs` up as a whole; raises InvalidSpec, and then takes up none of them."""
        merged = dict(self.depends_on)
        for spec in specs:
            if spec.name in merged:
                raise InvalidSpec(f"There are two processes called {spec.name}")
            merged[spec.name] = frozenset(spec.depends_on)
        for name, needed in merged.items():
            for missing in sorted(needed - merged.keys()):
                raise InvalidSpec(f"{name} depends on {missing}, which is not there")
        try:
            graphlib.TopologicalSorter(merged).prepare()
        except graphlib.CycleError as error:
            circle = " -> ".join(error.args[1])
            raise InvalidSpec(f"These processes wait for each other: {circle}") from error
        self.depends_on = merged

    def stop_levels(self) -> list[list[str]]:
        """Names to stop together, level by level: none is stopped before what depends on it."""
        sorter = graphlib.TopologicalSorter(self.depends_on)
        sorter.prepare()
        levels: list[list[str]] = []
        while sorter.is_active():
            level = sorted(sorter.get_ready())
            sorter.done(*level)
            levels.append(level)
        return levels[::-1]
