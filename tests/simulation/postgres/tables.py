"""What services have committed to PostgreSQL, in the shape in which the in-memory stores hold it.

``invariants/reading.py`` reads either; a table that it asks for is read anew only if somebody has
written to it since.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg

from tests.simulation.postgres.observer import Observer
from tests.simulation.postgres.readers import READERS, Reader

_BACK = 1_000
"""How many numbers of a sequence may be taken and not yet committed."""


@dataclass(slots=True)
class _Copy:
    rows: dict[Any, Any]
    stale: bool = True


class Tables(Mapping[str, Mapping[Any, Any]]):
    """One service's tables by name."""

    def __init__(self, service: str, observer: Observer) -> None:
        self._service = service
        self._observer = observer
        self._readers = READERS[service]
        self._copies = {name: _Copy({}) for name in self._readers}

    def __getitem__(self, name: str) -> Mapping[Any, Any]:
        copy = self._copies[name]
        if copy.stale:
            copy.stale = False
            self._read(self._readers[name], copy)
        return copy.rows

    def __iter__(self) -> Iterator[str]:
        return iter(self._readers)

    def __len__(self) -> int:
        return len(self._readers)

    def written(self, tables: frozenset[str]) -> None:
        """Read these tables anew when they are asked for."""
        for name, reader in self._readers.items():
            if not tables.isdisjoint(reader.of):
                self._copies[name].stale = True

    def _read(self, reader: Reader, copy: _Copy) -> None:
        if not reader.grows:
            copy.rows = dict(map(reader.row, self._rows(reader.sql)))
            return
        # In the order of the commits: a number that was taken early may be committed late.
        last = max(copy.rows, default=0) - _BACK
        for row in self._rows(f"{reader.sql} WHERE seq > $1 ORDER BY seq", last):
            key, value = reader.row(row)
            copy.rows.setdefault(key, value)

    def _rows(self, sql: str, *args: Any) -> list[asyncpg.Record]:
        return self._observer.rows(sql, *args, schema=self._service)


def mentions(names: frozenset[str]) -> Callable[[str], frozenset[str]]:
    """Return what tells which of these tables a statement writes to; it remembers statements."""
    known: dict[str, frozenset[str]] = {}

    def written_by(sql: str) -> frozenset[str]:
        found = known.get(sql)
        if found is None:
            writes = any(word in sql for word in ("INSERT", "UPDATE", "DELETE"))
            found = frozenset(name for name in names if writes and name in sql)
            known[sql] = found
        return found

    return written_by
