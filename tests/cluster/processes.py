"""Processes that outlive the command which started them; found again by their pid files."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.errors import ClusterError

_TO_END = 10.0
_POLL = 0.02
_TAIL = 15


@dataclass(frozen=True)
class Daemon:
    """A program with its log and pid file under a home folder."""

    name: str
    home: Path

    @property
    def log(self) -> Path:
        """What it writes."""
        return self.home / "log" / f"{self.name}.log"

    @property
    def pid_file(self) -> Path:
        """Its process id, and when that process began."""
        return self.home / "run" / f"{self.name}.pid"

    @property
    def pid(self) -> int | None:
        """Its process id, while it runs; never that of another, which got the number later."""
        try:
            number, birth = self.pid_file.read_text().split("\n", 1)
        except (FileNotFoundError, ValueError):
            return None
        return int(number) if birth and _birth(int(number)) == birth else None

    def start(
        self, program: Path, arguments: list[str], environment: Mapping[str, str] | None = None
    ) -> None:
        """Start it in a session of its own, so that a terminal's Ctrl-C is not for it.

        `environment` is added to that of this process.
        """
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.pid_file.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - our own arguments
                [str(program), *arguments],
                cwd=self.home,
                env={**os.environ, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.pid_file.write_text(f"{process.pid}\n{_birth(process.pid)}")
        # Nobody waits for it: it is meant to be there when this process is gone.
        process.returncode = 0

    def stop(self) -> bool:
        """End it, by force if it takes long; whether there was something to end."""
        pid = self.pid
        if pid is not None:
            os.kill(pid, signal.SIGTERM)
            deadline = time.monotonic() + _TO_END
            while self.pid is not None:
                if time.monotonic() > deadline:
                    os.kill(pid, signal.SIGKILL)
                    deadline = float("inf")
                time.sleep(_POLL)
        self.pid_file.unlink(missing_ok=True)
        return pid is not None

    def must_run(self) -> None:
        """Say why it does not run, if it does not."""
        if self.pid is None:
            lines = self.log.read_text(errors="replace").splitlines()[-_TAIL:]
            told = "\n".join(f"  {line}" for line in lines)
            raise ClusterError(f"{self.name} ended; the end of {self.log}:\n{told}")


def _birth(pid: int) -> str:
    """When a process began, in words that only compare; empty if it has ended."""
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self").exists():
        try:
            # The name, in parentheses, may contain anything; the state and the numbers follow it.
            state, *numbers = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return ""
        return "" if state == "Z" else numbers[18]
    command = ["/bin/ps", "-o", "lstart=", "-p", str(pid)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    return ended.stdout.strip()
