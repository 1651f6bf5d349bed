"""Port numbers that stay the same: over restarts within a run, and in the next run when still free.

They are chosen below the kernel's ephemeral range. A port from inside it can be taken by any
outgoing connection while the process that owns it is being started again.
"""

import json
import random
import socket
from collections.abc import Collection
from pathlib import Path

from deploy.sandbox.supervisor.errors import PortTaken
from deploy.sandbox.supervisor.files import write_atomic

_CANDIDATES = range(18000, 32000)


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could bind `port` now. Connections that linger in TIME_WAIT do not count."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port(avoid: Collection[int] = ()) -> int:
    """A port that nobody listens on, outside the ephemeral range and not one of `avoid`."""
    for port in random.sample(_CANDIDATES, k=500):
        if port not in avoid and is_free(port):
            return port
    raise RuntimeError(f"no free port between {_CANDIDATES.start} and {_CANDIDATES.stop - 1}")


class PortBook:
    """Remembers in `file` which name got which port."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._ports = _read(file)
        self._given: dict[str, int] = {}

    def assign(self, name: str, *, setting: str, wanted: int | None = None) -> int:
        """The port of `name` for this run; `setting` is the variable a person could change.

        A `wanted` port that is taken raises PortTaken. Otherwise the port of the last run is used
        again if it is free, else another one. Asked twice in one run, the answer is the same.
        """
        if name in self._given:
            return self._given[name]
        port = self._wanted(name, wanted, setting) if wanted else self._remembered(name)
        self._given[name] = self._ports[name] = port
        write_atomic(self._file, json.dumps(self._ports, indent=2, sort_keys=True).encode(), 0o644)
        return port

    def _wanted(self, name: str, port: int, setting: str) -> int:
        if port in self._given.values() or not is_free(port):
            raise PortTaken(port, name, setting)
        return port

    def _remembered(self, name: str) -> int:
        last = self._ports.get(name)
        if last and last not in self._given.values() and is_free(last):
            return last
        others = {port for other, port in self._ports.items() if other != name}
        return free_port(avoid=others | set(self._given.values()))


def _read(file: Path) -> dict[str, int]:
    """The remembered ports; a file that is missing or was damaged only costs the memory."""
    try:
        stored = json.loads(file.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    if not isinstance(stored, dict):
        return {}
    return {str(name): port for name, port in stored.items() if isinstance(port, int)}
