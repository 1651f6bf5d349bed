"""How long the disk takes to keep something, asked beside the product for as long as it runs.

A webhook is acknowledged when its commit is on the disk. A disk that keeps nothing for a second
makes some payment wait for a second, and this tells it from a product that does.
"""

import os
import threading
import time
from pathlib import Path
from typing import Self

_PAGE = bytes(8192)  # what PostgreSQL flushes at least
_ROOM = 64  # pages that are written in turn: the file does not grow
_PAUSE = 0.05  # in seconds; too seldom to be in the product's way


class Disk:
    """Flushes a page to a file in a folder, again and again, in a thread of its own."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "flushed"
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._taken: list[float] = []
        self._failed: OSError | None = None
        self._thread = threading.Thread(target=self._work, name="disk", daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_raised: object) -> None:
        """End, and forget the file."""
        self._ended.set()
        self._thread.join()
        self._file.unlink(missing_ok=True)

    def taken(self) -> list[float]:
        """Return the milliseconds of each flush since the last time; OSError if one failed."""
        with self._lock:
            found, self._taken = self._taken, []
            if self._failed is not None:
                raise self._failed
        return found

    def _work(self) -> None:
        try:
            file = os.open(self._file, os.O_CREAT | os.O_WRONLY, 0o600)
        except OSError as problem:
            self._fails(problem)
            return
        try:
            page = 0
            while not self._ended.wait(_PAUSE):
                self._flush(file, page % _ROOM * len(_PAGE))
                page += 1
        except OSError as problem:
            self._fails(problem)
        finally:
            os.close(file)

    def _flush(self, file: int, place: int) -> None:
        os.pwrite(file, _PAGE, place)
        began = time.perf_counter()
        os.fdatasync(file)
        milliseconds = (time.perf_counter() - began) * 1e3
        with self._lock:
            self._taken.append(milliseconds)

    def _fails(self, problem: OSError) -> None:
        with self._lock:
            self._failed = problem
