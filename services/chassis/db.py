"""PostgreSQL: the pool, transactions that rerun, and what counts as passing trouble."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeAlias, TypeVar

import asyncpg
import orjson
import structlog

from services.chassis import wakeups as wakeup
from services.chassis.backoff import Backoff
from services.chassis.clock import Clock, SystemClock
from services.chassis.errors import Aborted, InvalidArgument, Unavailable
from services.chassis.pool import MAX_QUERIES, DirectPool
from services.chassis.wakeups import Wakeups

Connection: TypeAlias = (
    "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
)
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"

S = TypeVar("S")
T = TypeVar("T")

_Way: TypeAlias = Callable[[Connection, Callable[[S], Awaitable[T]]], Awaitable[T]]

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("chassis.db")

AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    OSError,
    TimeoutError,
)
"""What a database that is away says; a wrong password or a malformed DSN is none of it."""
_LOST_CONNECTION = (
    *AWAY,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
_LOST_RACE = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.InvalidCachedStatementError,
)
_RETRY = Backoff(base=0.02, cap=1.0)

UNHURRIED = "set_config('synchronous_commit', 'off', true)"
"""What a statement on its own returns for its rows so that its commit does not wait for the disk.

Only where losing it together with the server that has just crashed does no harm: then what it wrote
is done once more. What others rely on (money, facts, who holds a key) always waits.
"""


def is_transient_error(exc: BaseException) -> bool:
    """Tell whether the database may do the same thing if asked again. By class, never by text."""
    return isinstance(exc, _LOST_CONNECTION + _LOST_RACE)


async def open_pool(
    dsn: str,
    *,
    application_name: str,
    schema: str | None = None,
    min_size: int = 2,
    max_size: int = 10,
    pgbouncer: bool = False,
    command_timeout: float = 30.0,
    clock: Clock | None = None,
) -> Pool:
    """Open the process's pool; waits while the database cannot be reached, and says so once.

    ``schema`` becomes the search path; leave it out where the role sets it. With ``pgbouncer`` in
    transaction mode no session settings are sent and no statements are kept, so the role has to
    set the search path. A wrong password or database raises at once. No session state may be
    used: connections are not reset between users.
    """
    clock = clock or SystemClock()
    settings = {} if pgbouncer else {"application_name": application_name}
    if schema is not None and not pgbouncer:
        settings["search_path"] = schema
    if not pgbouncer:
        # Every statement is one of a few hundred, and what it finds does not depend on its
        # parameters; PostgreSQL would else plan some of them anew each time, for more than they
        # cost.
        settings["plan_cache_mode"] = "force_generic_plan"
        # A plan outlives the day on which its table was small. What has an index is never read
        # whole; what has none still is, at a price that would seem worth compiling.
        settings["enable_seqscan"] = "off"
        settings["jit"] = "off"
    failures = 0
    while True:
        try:
            pool = await DirectPool(
                dsn,
                min_size=min_size,
                max_size=max_size,
                max_queries=MAX_QUERIES,
                # An idle connection costs less than a timer for each use of it.
                max_inactive_connection_lifetime=0.0,
                connection_class=asyncpg.Connection,
                record_class=asyncpg.Record,
                setup=None,
                init=_prepare,
                reset=_no_reset,
                loop=None,
                command_timeout=command_timeout,
                statement_cache_size=0 if pgbouncer else 100,
                # PostgreSQL plans a kept statement anew itself when what it was planned on changes.
                max_cached_statement_lifetime=0,
                server_settings=settings,
            )
        except _LOST_CONNECTION as exc:
            failures += 1
            if failures == 1:
                _log.warning("The database cannot be reached yet; waiting.", error=repr(exc))
            await clock.sleep(_RETRY.delay(failures))
        else:
            if failures:
                _log.info("The database is reached.")
            return pool


async def _prepare(connection: Connection) -> None:
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        format="binary",
        encoder=lambda value: b"\x01" + orjson.dumps(value),
        decoder=lambda raw: orjson.loads(raw[1:]),
    )


async def _no_reset(_connection: Connection) -> None:
    """Leave the session as it is: the usual reset is a round trip for each use."""


class GatheringStore(ABC):
    """A store that keeps some of what it is to write until the transaction is about to commit."""

    @abstractmethod
    async def flush(self) -> None:
        """Write what was gathered."""


class PgTransactions(Generic[S]):
    """Transactions on PostgreSQL, READ COMMITTED; see the port for what a rerun asks of ``fn``."""

    def __init__(
        self,
        pool: Pool,
        make_store: Callable[[Connection], S],
        *,
        wakeups: Wakeups | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._pool = pool
        self._make_store = make_store
        self._wakeups = wakeups or Wakeups()
        self._clock = clock or SystemClock()

    async def run(self, fn: Callable[[S], Awaitable[T]], *, timeout: float = 10.0) -> T:
        """Run ``fn`` and commit; rerun it after passing trouble, for ``timeout`` seconds."""
        return await self._until_done(self._in_transaction, fn, timeout)

    async def single(self, fn: Callable[[S], Awaitable[T]], *, timeout: float = 10.0) -> T:
        """Run ``fn``, which sends one statement at most; rerun it like a transaction."""
        return await self._until_done(self._work, fn, timeout)

    async def _until_done(
        self, way: _Way[S, T], fn: Callable[[S], Awaitable[T]], timeout: float
    ) -> T:
        deadline = self._clock.monotonic() + timeout
        failures = 0
        while True:
            left = deadline - self._clock.monotonic()
            try:
                async with asyncio.timeout(max(left, 0.001)):
                    return await self._attempt(way, fn)
            except _LOST_CONNECTION + _LOST_RACE as exc:
                failures += 1
                delay = _RETRY.delay(failures)
                if self._clock.monotonic() + delay >= deadline:
                    raise _gave_up(exc, timeout) from exc
                _log.info("A transaction runs again.", error=repr(exc), failures=failures)
            await self._clock.sleep(delay)

    async def _attempt(self, way: _Way[S, T], fn: Callable[[S], Awaitable[T]]) -> T:
        with wakeup.gathering(self._wakeups) as gathered:
            try:
                async with self._pool.acquire() as connection:
                    result = await self._understood(connection, way(connection, fn))
            except asyncpg.PostgresConnectionError:
                # The others in the pool died with it; without this each costs a failure of its own.
                await self._pool.expire_connections()
                raise
        gathered.tell()
        return result

    async def _in_transaction(self, connection: Connection, fn: Callable[[S], Awaitable[T]]) -> T:
        async with connection.transaction():
            return await self._work(connection, fn)

    async def _work(self, connection: Connection, fn: Callable[[S], Awaitable[T]]) -> T:
        store = self._make_store(connection)
        result = await fn(store)
        if isinstance(store, GatheringStore):
            await store.flush()
        return result

    async def _understood(self, connection: Connection, work: Awaitable[T]) -> T:
        try:
            return await work
        except asyncpg.CharacterNotInRepertoireError as exc:
            # A NUL, which no text of PostgreSQL holds: whoever sent it is told so.
            raise InvalidArgument("A text holds a NUL.", reason="INVALID_TEXT") from exc
        except asyncpg.InterfaceError as exc:
            if connection.is_closed():
                raise
            # On a live connection this is a statement called the wrong way, not an outage.
            raise MisusedConnectionError(str(exc)) from exc


class MisusedConnectionError(Exception):
    """A statement was called in a way that can never work (a wrong number of arguments…)."""


def _gave_up(exc: BaseException, timeout: float) -> Aborted | Unavailable:
    if isinstance(exc, _LOST_RACE):
        return Aborted(
            f"Others kept changing the same data for {timeout:g} seconds.", reason="CONTENTION"
        )
    return database_unavailable()


def database_unavailable() -> Unavailable:
    """Return the refusal that says so."""
    return Unavailable("The database did not answer in time.", reason="DATABASE_UNAVAILABLE")


class Statements:
    """Single statements, each its own transaction, for the loops of the chassis.

    Passing trouble of any class becomes Unavailable: a loop waits and asks again.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def fetch(self, sql: str, *args: Any) -> list[asyncpg.Record]:
        """Run one statement and return its rows."""
        return await self._translated(self._pool.fetch(sql, *args))

    async def _translated(self, statement: Awaitable[T]) -> T:
        try:
            return await statement
        except _LOST_CONNECTION + _LOST_RACE as exc:
            if isinstance(exc, asyncpg.PostgresConnectionError):
                await self._pool.expire_connections()
            raise database_unavailable() from exc
