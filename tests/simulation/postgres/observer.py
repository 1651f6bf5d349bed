"""Looks at the server from outside of a world's time, on a thread of its own."""

import asyncio
import threading
from collections.abc import Coroutine, Iterable, Sequence
from typing import Any, TypeVar

import asyncpg

from services.chassis.db import _prepare

T = TypeVar("T")

_LONGEST = 60.0
_SETTLED_AFTER = "4 milliseconds"
"""How long somebody has waited for a lock when it was seen to that this is no deadlock."""

# An ungranted lock without a start has just been asked for.
_WAITING = f"""
SELECT pid FROM pg_locks WHERE NOT granted AND pid = ANY($1::int[])
    AND waitstart < pg_catalog.clock_timestamp() - interval '{_SETTLED_AFTER}'
"""  # noqa: S608 - constants
_STILL = "SELECT pid FROM pg_locks WHERE NOT granted AND pid = ANY($1::int[])"
_GONE = "SELECT pg_terminate_backend(pid, 5000) FROM unnest($1::int[]) AS pid"


class Background:
    """An event loop on a thread; what it is asked for is waited for."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run it there, and return its result here."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_LONGEST)

    def close(self) -> None:
        """End the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Observer:
    """One superuser's connection to the database of a world."""

    def __init__(self, background: Background, dsn: str) -> None:
        self._background = background
        self._schema = ""
        self._connection: asyncpg.Connection[asyncpg.Record] = background.run(_connect(dsn))

    def rows(self, sql: str, *args: Any, schema: str = "") -> list[asyncpg.Record]:
        """Return what is committed; ``schema`` is the one in which tables are looked for."""
        return self._background.run(self._rows(sql, args, schema))

    async def _rows(self, sql: str, args: Sequence[Any], schema: str) -> list[asyncpg.Record]:
        if schema and schema != self._schema:
            await self._connection.execute(f"SET search_path = {schema}")
            self._schema = schema
        return await self._connection.fetch(sql, *args)

    def waiting(self, pids: Iterable[int]) -> set[int]:
        """Return who waits for a lock, and will until somebody else lets it go."""
        return {row["pid"] for row in self.rows(_WAITING, list(pids))}

    def still_waiting(self, pids: Iterable[int]) -> set[int]:
        """Return who of those that waited has not been given the lock."""
        return {row["pid"] for row in self.rows(_STILL, list(pids))}

    def end(self, pids: Sequence[int]) -> None:
        """End backends, and return when they are gone and their locks are free."""
        if pids:
            self.rows(_GONE, list(pids))

    def close(self) -> None:
        """Leave."""
        self._background.run(self._connection.close())


async def _connect(dsn: str) -> "asyncpg.Connection[asyncpg.Record]":
    connection = await asyncpg.connect(dsn)
    await _prepare(connection)
    return connection
