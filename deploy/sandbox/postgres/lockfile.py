"""Reads PostgreSQL's `postmaster.pid`, and clears what a killed server left behind.

PostgreSQL takes a lock file for live if any process of its user has that id, and refuses to start
while processes of the killed server still hold its memory. So it is compared with what runs: a
server process works in its data folder, which nobody else does.
"""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

_LINE_OF_STATUS = 7
_POLL = 0.02


class DataInUse(Exception):  # noqa: N818 - reads as the sentence it carries
    """Another server works on this data folder and does not end."""


@dataclass(frozen=True)
class Postmaster:
    """What the lock file says: the server's process id and its state in PostgreSQL's words."""

    pid: int
    status: str  # "starting", "ready" or "stopping"; empty for an instant at the start


def read_lock(data: Path) -> Postmaster | None:
    """The content of the lock file, or None while it is missing or half written."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return None
    if not lines or not lines[0].strip().isdigit():
        return None
    status = lines[_LINE_OF_STATUS].strip() if len(lines) > _LINE_OF_STATUS else ""
    return Postmaster(int(lines[0]), status)


def is_ready(data: Path, pid: int | None = None) -> bool:
    """Whether a server takes connections on `data`; with `pid`, whether that one does."""
    lock = read_lock(data)
    if lock is None or lock.status != "ready" or pid not in (None, lock.pid):
        return False
    return _alive(lock.pid)


def clear_stale_lock(data: Path, *, patience: float = 15.0, orphans: float = 1.0) -> None:
    """Removes the lock file of a server that is dead, once its last process has ended.

    A server that shuts down is waited for, `patience` seconds at most; one that serves for as long
    as it may need to notice that it is to end, `orphans` seconds: then DataInUse. Of a server that
    was killed, processes that do not notice within `orphans` seconds are killed too.
    """
    if not Path("/proc/self").exists():
        return  # no way to tell who lives: PostgreSQL's own check decides
    started = time.monotonic()
    while True:
        workers = processes_in(data)
        lock = read_lock(data)
        if not workers:
            (data / "postmaster.pid").unlink(missing_ok=True)
            return
        waited = time.monotonic() - started
        if lock is not None and lock.pid in workers:
            if waited > (patience if lock.status == "stopping" else orphans):
                raise DataInUse(f"PostgreSQL already runs on {data} as process {lock.pid}")
        elif waited > orphans:
            _kill(workers)
        time.sleep(_POLL)


def processes_in(data: Path) -> set[int]:
    """The processes of a server on `data`: those called postgres that work in that folder.

    All of them are seen by the server's own user, and by root unless a container restricts it.
    """
    folder = str(data.resolve())
    return {
        int(entry.name)
        for entry in Path("/proc").glob("[0-9]*")
        if _link(entry / "cwd") == folder and _name(entry) == "postgres"
    }


def _link(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:  # it ended, or is another user's and so none of ours
        return ""


def _name(process: Path) -> str:
    try:
        return (process / "comm").read_text().strip()
    except OSError:
        return ""


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # alive, under another user
        return True
    return True


def _kill(pids: set[int]) -> None:
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
