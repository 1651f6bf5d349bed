"""The folder of one embedded server: how it is laid out, made for the first time, and served.

<home>/data        what PostgreSQL writes; belongs to the user that it runs as
<home>/password    the superuser's, 0600
"""

import os
import secrets
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from deploy.sandbox.postgres.binaries import Binaries
from deploy.sandbox.postgres.identity import Identity, choose_identity
from deploy.sandbox.postgres.lockfile import clear_stale_lock
from deploy.sandbox.supervisor.files import write_atomic
from deploy.sandbox.supervisor.launch import die_with_parent

SUPERUSER = "postgres"

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "jit": "off",
}
# Of no use to a server that is thrown away. Commits stay synchronous, so killing it loses nothing.
_THROWAWAY = {"fsync": "off", "full_page_writes": "off"}


class InitFailed(Exception):  # noqa: N818 - reads as the sentence it carries
    """initdb could not make the data folder; the text has its own words."""


@dataclass(frozen=True)
class Cluster:
    """One server's folder. `durable` is off only for data that may be lost with the machine."""

    home: Path
    binaries: Binaries
    durable: bool = True

    @property
    def data(self) -> Path:
        """PostgreSQL's own folder."""
        return self.home / "data"

    def serve(self, port: int) -> NoReturn:
        """Makes this process the server: same process id, the right user, ended with its parent.

        SIGINT stops it at once, SIGTERM when its clients have left. Call it in a process that has
        one thread. Raises NoIdentity, InitFailed or DataInUse.
        """
        parent = os.getppid()
        self.home.mkdir(parents=True, exist_ok=True)
        identity = choose_identity(self.data, (self.data, self.binaries.postgres))
        if not self.data.exists():
            self._init(identity)
        os.chdir("/")
        identity.become()
        # Only as the same user: root in a container may not see what others' processes work on.
        clear_stale_lock(self.data)
        # A fast shutdown: clients are cut off, their transactions rolled back, the data in order.
        die_with_parent(parent, signal.SIGINT)
        os.execv(self.binaries.postgres, self._command(port))  # noqa: S606 - no shell wanted

    def _command(self, port: int) -> list[str]:
        settings = _SETTINGS | {"port": str(port)} | ({} if self.durable else _THROWAWAY)
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [str(self.binaries.postgres), "-D", str(self.data), *options]

    def _init(self, identity: Identity) -> None:
        """Makes the data folder aside and renames it, so that a killed attempt leaves no half."""
        unfinished = self.home / "data.new"
        if unfinished.exists():
            shutil.rmtree(unfinished)
        unfinished.mkdir(mode=0o700)
        password = self.home / "password"
        if not password.exists():
            write_atomic(password, secrets.token_urlsafe(24).encode())
        handed_over = self.home / "password.new"
        write_atomic(handed_over, password.read_bytes())
        if os.geteuid() != identity.uid:
            os.chown(unfinished, identity.uid, identity.gid)
            os.chown(handed_over, identity.uid, identity.gid)
        try:
            self._run_initdb(identity, unfinished, handed_over)
        finally:
            handed_over.unlink()
        unfinished.rename(self.data)

    def _run_initdb(self, identity: Identity, folder: Path, password: Path) -> None:
        finished = subprocess.run(  # noqa: S603 - our own command line
            [
                *(str(self.binaries.initdb), "--pgdata", str(folder)),
                *("--username", SUPERUSER, "--pwfile", str(password)),
                *("--auth", "scram-sha-256", "--encoding", "UTF8"),
                *("--locale-provider", "libc", "--locale", "C"),
                *("--no-instructions", *(() if self.durable else ("--no-sync",))),
            ],
            preexec_fn=identity.become,  # the only thread of this process: safe here
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )
        if finished.returncode != 0:
            raise InitFailed(f"initdb failed in {folder}: {finished.stderr.strip()}")
