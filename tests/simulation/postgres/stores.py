"""Stores of worlds on one PostgreSQL: a migrated database, copied for each world."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

import asyncpg

import services
from deploy.sandbox.postgres.roles import ServiceDsns, ensure_services, with_database
from deploy.sandbox.postgres.server import PostgresServer
from services.chassis.clock import Clock
from services.chassis.db import Connection, PgTransactions, open_pool
from services.chassis.migrate import migrate
from services.chassis.outbox import PgOutbox
from services.chassis.queue import PgQueue
from services.chassis.wakeups import Wakeups
from services.payments.convert import to_fact_record
from services.payments.store import PgStore as PaymentsStore
from services.pricing import convert
from services.pricing.store import CardCache, QuoteCodec, VersionCache
from services.pricing.store import PgStore as PricingStore
from services.provisioner.store import PgStore as ProvisionerStore
from services.subscription.store import PgStore as SubscriptionStore
from tests.simulation.engine.database import WorldDatabase
from tests.simulation.engine.loop import SimLoop
from tests.simulation.engine.randomness import SimClock
from tests.simulation.postgres.database import PgDatabase
from tests.simulation.postgres.loop import PgLoop
from tests.simulation.postgres.observer import Background, Observer
from tests.simulation.postgres.wire import Exchange
from tests.simulation.services.rows import CODEC, Rows, encode
from tests.simulation.stores import SERVICES

_FOLDER = Path(services.__file__).parent
_CONNECTIONS = 8
_LASTING = partial(
    asyncpg.create_pool, max_inactive_connection_lifetime=0.0, max_cached_statement_lifetime=0
)
"""Idle connections would be closed after minutes; here months pass."""

# A wait that is a deadlock is seen through before it is looked at (see observer.py).
_SETTINGS = "ALTER DATABASE {name} SET deadlock_timeout = '1ms'"

# These stand before those of pg_catalog in the path of a world's connections.
_CLOCK = """
CREATE FUNCTION {schema}.now() RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT pg_catalog.to_timestamp(current_setting('simulated.began', true)::float8)
$$;
CREATE FUNCTION {schema}.clock_timestamp() RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT pg_catalog.to_timestamp(greatest(
        nullif(current_setting('simulated.began', true), '')::float8,
        nullif(current_setting('simulated.clock', true), '')::float8))
$$;
"""
_DEFAULTS = """
SELECT format('ALTER TABLE %s ALTER COLUMN %I SET DEFAULT %s',
    adrelid::regclass, attname, replace(pg_get_expr(adbin, adrelid), 'pg_catalog.', '')) AS change
FROM pg_attrdef JOIN pg_attribute ON attrelid = adrelid AND attnum = adnum
WHERE pg_get_expr(adbin, adrelid) ~ '(now|clock_timestamp)\\(\\)'
    AND adrelid::regclass::oid IN (SELECT oid FROM pg_class WHERE relnamespace = $1::regnamespace)
"""


def _pricing() -> Callable[[Connection], Any]:
    versions, cards = VersionCache(), CardCache()
    codec = QuoteCodec(convert.encode_quote, convert.decode_quote)
    return lambda connection: PricingStore(connection, versions, cards, codec)


_STORES: dict[str, Callable[[], Callable[[Connection], Any]]] = {
    "pricing": _pricing,
    "subscription": lambda: lambda connection: SubscriptionStore(connection, encode),
    "payments": lambda: lambda connection: PaymentsStore(connection, to_fact_record),
    "provisioner": lambda: lambda connection: ProvisionerStore(connection, CODEC),
}


class Shelf:
    """A server with a migrated database, of which each world gets a copy."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._background = Background()
        self._numbers = itertools.count(1)
        self._template = "simulated"
        self._background.run(self._prepare())

    @contextmanager
    def stores(self) -> Iterator["PgStores"]:
        """Give the stores of one world, for the time of the block."""
        name = f"{self._template}_{next(self._numbers)}"
        self._background.run(self._copy(name))
        try:
            dsns = self._background.run(self._dsns(name))
            observer = Observer(self._background, self._dsn(name))
            try:
                with patch.object(asyncpg, "create_pool", _LASTING):
                    yield PgStores(dsns, observer)
            finally:
                observer.close()
        finally:
            self._background.run(self._execute(f"DROP DATABASE {name} WITH (FORCE)"))

    def close(self) -> None:
        """Drop what was made."""
        self._background.run(self._execute(f"DROP DATABASE {self._template} WITH (FORCE)"))
        self._background.close()

    def _dsn(self, name: str) -> str:
        return with_database(self._server.superuser_dsn, name)

    async def _execute(self, *statements: str, database: str = "postgres") -> None:
        connection = await asyncpg.connect(self._dsn(database))
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    async def _dsns(self, name: str) -> dict[str, ServiceDsns]:
        passwords = self._server.home / "roles.json"
        return await ensure_services(
            self._server.superuser_dsn, name, SERVICES, passwords=passwords
        )

    async def _copy(self, name: str) -> None:
        await self._execute(
            f"CREATE DATABASE {name} TEMPLATE {self._template} STRATEGY FILE_COPY",
            _SETTINGS.format(name=name),
        )

    async def _prepare(self) -> None:
        dsns = await self._dsns(self._template)
        for service, dsn in dsns.items():
            await migrate(dsn.owner, service, [_FOLDER / service / "migrations"])
            await self._bend_time(service)

    async def _bend_time(self, schema: str) -> None:
        """Give a schema a clock of its own, by which its columns' defaults go too."""
        connection = await asyncpg.connect(self._dsn(self._template))
        try:
            await connection.execute(f"SET search_path = {schema}, pg_catalog")
            await connection.execute(_CLOCK.format(schema=schema))
            for row in await connection.fetch(_DEFAULTS, schema):
                await connection.execute(row["change"])
        finally:
            await connection.close()


class PgStores:
    """The stores of one world: its copy of the database, and connections in virtual time."""

    def __init__(self, dsns: dict[str, ServiceDsns], observer: Observer) -> None:
        self._dsns = dsns
        self._observer = observer
        self._exchange: Exchange | None = None

    @property
    def exchange(self) -> Exchange:
        """All connections of the world."""
        assert self._exchange is not None, "a world asks for its loop first"
        return self._exchange

    def loop(self, chance: Random, longest: int) -> SimLoop:
        """Return a loop that asyncpg runs on."""
        loop = PgLoop(chance, longest)
        self._exchange = loop.exchange = Exchange(loop, self._observer)
        return loop

    def database(
        self, service: str, loop: SimLoop, _clock: SimClock, chance: Random
    ) -> WorldDatabase:
        """Return a service's schema in the world's database."""
        db = PgDatabase(service, loop, chance, self.exchange)
        self.exchange.databases[f"tollgate_{service}"] = db
        return db

    async def rows(self, service: str, _db: WorldDatabase, clock: Clock, wakeups: Wakeups) -> Rows:
        """Open the pool of one replica in one life, with what a service has on it."""
        pool = await open_pool(
            self._dsns[service].service,
            application_name=service,
            schema=f"{service}, pg_catalog",
            min_size=1,
            max_size=_CONNECTIONS,
            clock=clock,
        )
        tx = PgTransactions(pool, _STORES[service](), wakeups=wakeups, clock=clock)
        return Rows(tx, PgOutbox(pool), PgQueue(pool))

    def end(self) -> None:
        """Close the world's connections."""
        self.exchange.end()


@contextmanager
def shelf(server: PostgresServer) -> Iterator[Shelf]:
    """Prepare a server that runs."""
    made = Shelf(server)
    try:
        yield made
    finally:
        made.close()
