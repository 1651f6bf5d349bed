"""One stack per folder: a file lock that the kernel gives back however its holder ends."""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.sandbox.supervisor.errors import AlreadyRunning


class HomeLock:
    """Held as a context manager; the file says which process holds it."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._descriptor = -1

    def __enter__(self) -> Self:
        """Takes the lock or raises AlreadyRunning at once."""
        self._home.mkdir(parents=True, exist_ok=True)
        path = self._home / "lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            holder = path.read_text().strip()
            raise AlreadyRunning(self._home, int(holder) if holder.isdigit() else None) from error
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._descriptor = descriptor
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # The file stays: unlinking it would let two others lock two different files.
        os.close(self._descriptor)
