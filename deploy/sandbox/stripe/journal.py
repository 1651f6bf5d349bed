"""The journal: one line of JSON for each change, written before the call is answered.

A line that a kill cut off half-way belongs to a call that was never answered: it is dropped.
"""

import fcntl
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from deploy.sandbox.stripe.shapes import JsonObject

FILE = "journal.jsonl"


@dataclass(slots=True)
class Change:
    """Objects written and ids dropped, of one call."""

    put: list[tuple[str, JsonObject]] = field(default_factory=list)
    drop: list[tuple[str, str]] = field(default_factory=list)


class JournalBusyError(Exception):
    """Another process has this folder open."""


class Journal:
    """An append-only file in a folder that one process holds."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / FILE
        self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as busy:
            os.close(self._lock)
            raise JournalBusyError(f"{folder} is in use by another sandbox") from busy
        self._file = self._open()

    def _open(self) -> int:
        return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)

    def replay(self) -> Iterator[Change]:
        """Every whole change, oldest first; a torn last line is cut off."""
        whole = 0
        with self._path.open("rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    break
                whole += len(line)
                record = orjson.loads(line)
                yield Change(
                    [(kind, value) for kind, value in record["put"]],
                    [(kind, object_id) for kind, object_id in record["drop"]],
                )
        os.ftruncate(self._file, whole)

    def append(self, change: Change) -> None:
        """Write one change; on failure the file is as before and the error goes up."""
        line = _encode(change)
        before = os.fstat(self._file).st_size
        try:
            written = os.write(self._file, line)
            if written != len(line):
                raise OSError(f"short write to the journal: {written} of {len(line)} bytes")
        except OSError:
            os.ftruncate(self._file, before)
            raise

    def rewrite(self, changes: Iterable[Change]) -> None:
        """Replace the journal by these changes, atomically."""
        fresh = self._path.with_suffix(".new")
        with fresh.open("wb") as lines:
            for change in changes:
                lines.write(_encode(change))
            lines.flush()
            os.fsync(lines.fileno())
        fresh.replace(self._path)
        os.close(self._file)
        self._file = self._open()

    def close(self) -> None:
        """Let the folder go."""
        os.close(self._file)
        os.close(self._lock)


def _encode(change: Change) -> bytes:
    return orjson.dumps({"put": change.put, "drop": change.drop}) + b"\n"
