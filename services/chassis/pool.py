"""The connection pool of asyncpg, with a way back into it that costs nothing.

asyncpg gives each connection back in a task of its own, shielded and bounded in time, so that what
it asks of the server there (a reset, the end of a cancellation) is not cut short. A connection of
ours is asked nothing: it is not reset between users. The task, its timer and one more turn of the
event loop for each statement were a third of what a statement cost this side.
"""

# ruff: noqa: SLF001 - asyncpg has no other way in; a connection that is not plain goes its own way.

from typing import Any, cast

import asyncpg
from asyncpg.pool import PoolConnectionProxy

MAX_QUERIES = 50_000
"""Statements after which a connection is closed and another one made."""


class DirectPool(asyncpg.Pool):
    """A pool that gives back at once what needs no attention, and the rest as asyncpg does."""

    __slots__ = ()

    async def release(
        self, connection: "PoolConnectionProxy[asyncpg.Record]", *, timeout: float | None = None
    ) -> None:
        """Give a connection back; it is not reset."""
        if not self._is_plain(connection):
            await super().release(connection, timeout=timeout)
            return
        # What asyncpg does at the end of its own way; none of it is in its types.
        proxy: Any = connection
        holder = proxy._holder
        proxy._con._on_release()
        holder._timeout = None
        holder._release()

    def _is_plain(self, proxy: Any) -> bool:
        """Tell whether the connection is one of ours, alive, idle and not to be replaced."""
        live, holder, pool = proxy._con, proxy._holder, cast("Any", self)
        return (
            live is not None
            and holder._pool is self
            and holder._in_use is not None
            and holder._generation == pool._generation
            and not live.is_closed()
            and not live.is_in_transaction()
            and not live._protocol._is_cancelling()
            and live._protocol.queries_count < MAX_QUERIES
        )
