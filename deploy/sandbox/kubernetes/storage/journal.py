"""An append-only file of changes: what was acknowledged is found again after a kill.

A line reaches the kernel before the request is answered, so a killed process loses nothing; a
background task syncs it to the disk, so a power cut may lose the last moments.
"""

import asyncio
import fcntl
import os
from collections.abc import Iterable
from pathlib import Path

import orjson

from deploy.sandbox.kubernetes.storage.records import Event, Key, Stored
from deploy.sandbox.kubernetes.storage.store import Store

_SYNC_EVERY_SECONDS = 0.25


class JournalInUseError(RuntimeError):
    """Another process has this data folder open."""


class FileJournal:
    """The journal in one folder, held by one process at a time."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "journal.jsonl"
        self._lock = os.open(folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._lock)
            raise JournalInUseError(f"{folder} is used by another sandbox cluster") from error
        self._file = -1
        self._dirty = asyncio.Event()

    def replay(self, store: Store) -> None:
        """Fill the store from the file, then rewrite the file as a snapshot and open it."""
        revision = 1
        if self._path.exists():
            for line in self._path.read_bytes().splitlines(keepends=True):
                # A last line without its end was never answered: the kill fell into the write.
                if not line.endswith(b"\n"):
                    break
                revision = _restore(store, orjson.loads(line))
        store.restored(revision)
        self._rewrite(store)

    def _rewrite(self, store: Store) -> None:
        fresh = self._path.with_suffix(".new")
        with fresh.open("wb") as out:
            out.writelines(_snapshot(store))
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(self._path)
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND)

    def write(self, event: Event) -> None:
        """Append one change."""
        line = _line(event.key, event.now, deleted=event.type == "DELETED")
        while line:
            line = line[os.write(self._file, line) :]
        self._dirty.set()

    async def sync_forever(self) -> None:
        """Bring what was written to the disk, a few times a second."""
        loop = asyncio.get_running_loop()
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            await loop.run_in_executor(None, os.fsync, self._file)
            await asyncio.sleep(_SYNC_EVERY_SECONDS)

    def close(self) -> None:
        """Sync and let the folder go."""
        if self._file >= 0:
            os.fsync(self._file)
            os.close(self._file)
        os.close(self._lock)


def _line(key: Key, stored: Stored, *, deleted: bool) -> bytes:
    head = orjson.dumps([stored.revision, *key])
    return head[:-1] + b"," + (b"null" if deleted else stored.raw) + b"]\n"


def _restore(store: Store, line: list[object]) -> int:
    """Take one line in; returns the revision that the store has reached."""
    revision, resource, namespace, name, obj = line
    if not isinstance(revision, int):
        raise TypeError(f"the journal holds a line without a revision: {line!r}")
    if resource:
        key = Key(str(resource), str(namespace), str(name))
        if isinstance(obj, dict):
            store.restore("MODIFIED", key, Stored(obj, orjson.dumps(obj), revision))
        else:
            store.restore("DELETED", key, Stored({}, b"", revision))
    return revision


def _snapshot(store: Store) -> Iterable[bytes]:
    for resource in store.resources():
        for (namespace, name), stored in store.collection(resource).items.items():
            yield _line(Key(resource, namespace, name), stored, deleted=False)
    yield orjson.dumps([store.revision, "", "", "", None]) + b"\n"
