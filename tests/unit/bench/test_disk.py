"""The probe of the disk: it flushes for as long as it is asked, and leaves nothing behind."""

from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest

from tests.bench.ready.disk import Disk


def _counted(monkeypatch: pytest.MonkeyPatch, flush: Callable[[int], None]) -> Event:
    """Have this flush in place of the disk's; the event says that three were begun."""
    begun, three = [0], Event()

    def counting(file: int) -> None:
        begun[0] += 1
        if begun[0] >= 3:
            three.set()
        flush(file)

    monkeypatch.setattr("tests.bench.ready.disk.os.fdatasync", counting)
    return three


def test_each_flush_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    three = _counted(monkeypatch, lambda _file: None)
    with Disk(tmp_path) as disk:
        assert three.wait(10)
        told = disk.taken()
    assert len(told) >= 2
    assert all(0 <= milliseconds < 10_000 for milliseconds in told)
    later = disk.taken()
    assert disk.taken() == []
    # Every page is as large as the last: none is begun twice after the end.
    assert len(told) + len(later) >= 3


def test_nothing_stays_when_it_ends(tmp_path: Path) -> None:
    with Disk(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tests.bench.ready.disk._PAUSE", 0.001)
    monkeypatch.setattr("tests.bench.ready.disk.os.fdatasync", full)
    disk = Disk(tmp_path)
    with disk:
        disk._thread.join(10)
        with pytest.raises(OSError, match="No space left"):
            disk.taken()


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with Disk(tmp_path / "nowhere") as disk:
        disk._thread.join(10)
        with pytest.raises(FileNotFoundError):
            disk.taken()
