"""One process of the stack: its start, its pid file, its log and its end."""

import asyncio
import os
import signal
from pathlib import Path

from deploy.sandbox.supervisor import launch
from deploy.sandbox.supervisor.files import write_atomic
from deploy.sandbox.supervisor.spec import ProcessSpec, State

_LOG_LIMIT = 5 * 1024 * 1024
_LOGS_KEPT = 3
_READY_POLL = 0.05


class Child:
    """A spec and the process that currently runs it, if any."""

    def __init__(self, spec: ProcessSpec, home: Path) -> None:
        self.spec = spec
        self.state = State.WAITING
        self.starts = 0
        self.log = home / "log" / f"{spec.name}.log"
        self.pid_file = home / "run" / f"{spec.name}.pid"
        # Done once: when it was ready for the first time, or will never be.
        self.first_ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """The process id, while the process runs."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def spawn(self) -> None:
        """Starts the process in a session of its own, so that a terminal's Ctrl-C is not for it."""
        spec = self.spec
        rotate(self.log)
        self.starts += 1
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *launch.command(spec.argv, spec.orphan_signal, spec.user or ""),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=asyncio.subprocess.STDOUT,
                env=dict(spec.env),
                cwd=spec.cwd,
                start_new_session=True,
            )
        write_atomic(self.pid_file, f"{self._process.pid}\n".encode(), 0o644)

    async def until_ready(self) -> bool:
        """True once the spec's `ready` says yes, False if the process ends before.

        Raises TimeoutError after the spec's `start_timeout` seconds.
        """
        async with asyncio.timeout(self.spec.start_timeout):
            while self.pid is not None:
                if await self._asks_ready():
                    return self.pid is not None
                await asyncio.sleep(_READY_POLL)
        return False

    async def _asks_ready(self) -> bool:
        try:
            return await self.spec.ready()
        except OSError:  # refused, reset or timed out: what a server that still starts answers
            return False

    async def until_exit(self) -> int:
        """Waits for the end and gives the exit code, negative for a signal."""
        assert self._process is not None  # noqa: S101 - spawn comes before, by the caller's order
        code = await self._process.wait()
        self.pid_file.unlink(missing_ok=True)
        return code

    async def terminate(self) -> None:
        """Ends the process: politely first, after the spec's `grace` with its whole group."""
        if self._process is None:
            return
        try:
            async with asyncio.timeout(self.spec.grace):
                if self.pid is not None:
                    self._process.send_signal(self.spec.stop_signal)
                await self.until_exit()
        except TimeoutError:
            self.kill()
            await self.until_exit()

    def kill(self) -> None:
        """SIGKILL to the process and those it started; nothing if it has ended."""
        if self.pid is not None:
            os.killpg(self.pid, signal.SIGKILL)

    def tail(self, lines: int = 15) -> str:
        """The end of its log, for a person who asks why it did not start."""
        try:
            with self.log.open("rb") as log:
                log.seek(max(0, self.log.stat().st_size - 16384))
                text = log.read().decode(errors="replace")
        except FileNotFoundError:
            return ""
        return "\n".join(text.splitlines()[-lines:])


def rotate(log: Path) -> None:
    """Moves a log that has grown beyond 5 MiB aside, keeping three old ones."""
    if not log.exists() or log.stat().st_size < _LOG_LIMIT:
        return
    for number in range(_LOGS_KEPT, 0, -1):
        older = log.with_name(f"{log.name}.{number}")
        newer = log.with_name(f"{log.name}.{number - 1}") if number > 1 else log
        if newer.exists():
            newer.replace(older)
