"""One embedded PostgreSQL as an object: start, stop, kill, start again on the same data."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

from deploy.sandbox.postgres.binaries import Binaries
from deploy.sandbox.postgres.cluster import SUPERUSER
from deploy.sandbox.postgres.lockfile import is_ready, processes_in
from deploy.sandbox.supervisor import launch
from deploy.sandbox.supervisor.ports import free_port
from deploy.sandbox.supervisor.spec import ProcessSpec

# From here `python -m deploy.sandbox.postgres` finds its package, wherever the caller stands.
ROOT = Path(__file__).resolve().parents[3]

_POLL = 0.01


class ServerFailed(Exception):  # noqa: N818 - reads as the sentence it carries
    """The server ended, or did not become ready in time; the text has the end of its log."""


def command(home: Path, port: int, binaries: Binaries, *, durable: bool = True) -> list[str]:
    """The command line that becomes the server; run it with `ROOT` as working directory."""
    throwaway = [] if durable else ["--throwaway"]
    return [
        *(sys.executable, "-m", "deploy.sandbox.postgres", "--home", str(home)),
        *("--port", str(port), "--pgbin", str(binaries.folder), *throwaway),
    ]


def process_spec(home: Path, port: int, binaries: Binaries, *, durable: bool = True) -> ProcessSpec:
    """The server as a process of the supervisor; its pid is the postmaster's."""

    async def ready() -> bool:
        return is_ready(home / "data")

    return ProcessSpec(
        name="postgres",
        argv=command(home, port, binaries, durable=durable),
        env={"PATH": os.defpath},
        ready=ready,
        cwd=ROOT,
        # SIGTERM would wait until the last client has left of its own will.
        stop_signal=signal.SIGINT,
        grace=30.0,
    )


def superuser_dsn(home: Path, port: int) -> str:
    """How to connect as superuser to the server in `home`, once it was started."""
    password = (home / "password").read_text()
    return f"postgresql://{SUPERUSER}:{password}@127.0.0.1:{port}/postgres?sslmode=disable"


class PostgresServer:
    """A server in `home` that ends with the process that owns this object.

    Without a `port` it takes a free one, and keeps it. It belongs to no event loop: it may be
    started in one and stopped in another. Its log is `home/postgres.log`.
    """

    def __init__(
        self, home: Path, port: int | None, binaries: Binaries, *, durable: bool = True
    ) -> None:
        self.home = home.absolute()
        self.port = port or free_port()
        self._binaries = binaries
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def superuser_dsn(self) -> str:
        """The superuser's DSN; only after the first start."""
        return superuser_dsn(self.home, self.port)

    @property
    def pid(self) -> int | None:
        """The postmaster's process id while it runs."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    async def start(self) -> None:
        """Starts it on new or existing data and waits until it is ready; nothing if it runs."""
        if self.pid is None:
            self.home.mkdir(parents=True, exist_ok=True)
            self._process = self._spawn()
        await self.wait_ready()

    async def wait_ready(self, timeout: float = 60.0) -> None:
        """Returns when it takes connections; raises ServerFailed if it ends or `timeout` passes."""
        try:
            async with asyncio.timeout(timeout):
                while (pid := self.pid) is not None:
                    if is_ready(self.home / "data", pid):
                        return
                    await asyncio.sleep(_POLL)
        except TimeoutError as error:
            raise ServerFailed(self._story(f"was not ready after {timeout:g} s")) from error
        raise ServerFailed(self._story("ended"))

    async def stop(self, grace: float = 20.0) -> None:
        """Cuts clients off and stops it in order; after `grace` seconds it is killed."""
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        try:
            async with asyncio.timeout(grace):
                await self._gone(process)
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """SIGKILL to the postmaster, as a crash; returns when its last process has ended."""
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            process.kill()
        await self._gone(process)

    async def _gone(self, process: subprocess.Popen[bytes]) -> None:
        # Polled, because the waiting must not belong to the loop that started the process.
        while process.poll() is None or processes_in(self.home / "data"):  # noqa: ASYNC110
            await asyncio.sleep(_POLL)

    def _spawn(self) -> subprocess.Popen[bytes]:
        with (self.home / "postgres.log").open("ab") as log:
            argv = command(self.home, self.port, self._binaries, durable=self._durable)
            return subprocess.Popen(  # noqa: S603 - our own command line
                launch.command(argv, signal.SIGKILL),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env={"PATH": os.defpath},
                start_new_session=True,
            )

    def _story(self, what: str) -> str:
        log = self.home / "postgres.log"
        ending = "\n".join(log.read_text(errors="replace").splitlines()[-10:])
        return f"PostgreSQL in {self.home} {what}. Its log ends with:\n{ending}"
