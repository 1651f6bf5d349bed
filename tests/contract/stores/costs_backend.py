"""The store of costs, in memory and on PostgreSQL, with a rate card that was always in force."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Protocol

from services.chassis.db import PgTransactions, Pool, open_pool
from services.chassis.facts import FactRecord
from services.chassis.migrate import migrate
from services.pricing import convert as pricing_convert
from services.pricing.costs import convert
from services.pricing.costs.domain import second_of
from services.pricing.costs.ports import CostTransactions
from services.pricing.costs.store import DELIVERIES, CardsByVersion, Codec, PgCostStore
from services.pricing.quotes import Quote
from services.pricing.ratecard_file import parse_rate_card
from services.pricing.rates import RateCard
from services.pricing.store import CardCache, PgStore, QuoteCodec, VersionCache
from tests.fakes.pricing_costs import MemoryCostTransactions
from tests.integration.postgres_fixture import Database

MIGRATIONS = Path("services/pricing/migrations")
RATES = Path("deploy/rates/default.yaml").read_text()
CARD = parse_rate_card(RATES, "default.yaml")
CODEC = Codec(
    convert.encode_observation,
    convert.decode_observation,
    convert.encode_budget,
    convert.decode_budget,
    convert.encode_alert,
    convert.decode_alert,
    convert.notice_fact,
    convert.decode_notice,
    pricing_convert.decode_quote,
)
_CARD = "INSERT INTO rate_cards (version, content) VALUES ($1, $2)"
_ACTIVE = """
INSERT INTO active_rate_card (version, activate_time) VALUES ($1, $2)
ON CONFLICT (single) DO UPDATE SET version = excluded.version,
    activate_time = excluded.activate_time"""
_TIER = "INSERT INTO account_tiers (account, tier) VALUES ($1, $2)"
_QUEUED = "SELECT key FROM reconcile_queue WHERE queue = $1"
_TOLD = """
SELECT fact_id, fact_key, revision, type, payload FROM outbox WHERE destination = $1 ORDER BY seq"""
_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
_AUDIT = "SELECT action FROM audit ORDER BY seq"


class Backend(Protocol):
    """A store of costs, and what a test does beside it."""

    @property
    def tx(self) -> CostTransactions:
        """Its transactions."""
        ...

    async def activate(self, card: RateCard, at: datetime) -> None:
        """Put a rate card in force from this time on."""
        ...

    async def actions(self) -> list[str]:
        """Return the actions of the audit record."""
        ...

    async def unknown(self) -> list[str]:
        """Return the ids of facts that were kept for another version."""
        ...

    async def queued(self) -> list[str]:
        """Return the names of deliveries that are due."""
        ...

    async def told(self) -> list[FactRecord]:
        """Return the facts that wait for subscription, in their order."""
        ...

    async def sell(self, quote: Quote, *, taken: bool) -> None:
        """Promise a price; whoever takes it has bought by it."""
        ...

    async def give_tier(self, account: str, tier: str) -> None:
        """Give an account a tier of the rate card."""
        ...

    def evaluating(self) -> AbstractAsyncContextManager[None]:
        """Be another replica that evaluates budgets, within the block."""
        ...


class InMemory:
    """The fake."""

    def __init__(self) -> None:
        self._memory = MemoryCostTransactions()
        self.tx: CostTransactions = self._memory

    async def activate(self, card: RateCard, at: datetime) -> None:
        self._memory.state.cards.append((second_of(at), card))

    async def actions(self) -> list[str]:
        return [change.action for change in self._memory.state.changes]

    async def unknown(self) -> list[str]:
        return [fact.id for fact, _ in self._memory.state.unknown]

    async def queued(self) -> list[str]:
        return list(self._memory.state.queued)

    async def told(self) -> list[FactRecord]:
        return [convert.notice_fact(one) for one in self._memory.state.told]

    async def sell(self, quote: Quote, *, taken: bool) -> None:
        if taken:
            self._memory.state.quotes.append(quote)

    async def give_tier(self, account: str, tier: str) -> None:
        self._memory.state.tiers[account] = tier

    @asynccontextmanager
    async def evaluating(self) -> AsyncIterator[None]:
        self._memory.busy = True
        yield
        self._memory.busy = False


class OnPostgres:
    """The real one."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        cards = CardsByVersion()
        self.tx: CostTransactions = PgTransactions(
            pool, lambda connection: PgCostStore(connection, CODEC, cards)
        )

    async def activate(self, card: RateCard, at: datetime) -> None:
        await self._pool.execute(_CARD, card.version, card.content)
        await self._pool.execute(_ACTIVE, card.version, at)

    async def actions(self) -> list[str]:
        return [row["action"] for row in await self._pool.fetch(_AUDIT)]

    async def unknown(self) -> list[str]:
        rows = await self._pool.fetch("SELECT fact_id FROM inbox_parked ORDER BY seq")
        return [row["fact_id"] for row in rows]

    async def queued(self) -> list[str]:
        rows = await self._pool.fetch(_QUEUED, DELIVERIES)
        return [row["key"] for row in rows]

    async def told(self) -> list[FactRecord]:
        rows = await self._pool.fetch(_TOLD, convert.SUBSCRIPTION)
        return [
            FactRecord(
                row["fact_id"],
                row["fact_key"],
                row["revision"],
                row["type"],
                row["payload"],
                (convert.SUBSCRIPTION,),
            )
            for row in rows
        ]

    async def sell(self, quote: Quote, *, taken: bool) -> None:
        codec = QuoteCodec(pricing_convert.encode_quote, pricing_convert.decode_quote)
        async with self._pool.acquire() as connection:
            store = PgStore(connection, VersionCache(), CardCache(), codec)
            await store.add_quote(quote)
            if taken:
                assert await store.take_quote(quote.name, "op_1", paid=True)

    async def give_tier(self, account: str, tier: str) -> None:
        await self._pool.execute(_TIER, account, tier)

    @asynccontextmanager
    async def evaluating(self) -> AsyncIterator[None]:
        async with self._pool.acquire() as other, other.transaction():
            assert await PgCostStore(other, CODEC, CardsByVersion()).only_one_evaluates()
            yield

    async def until_somebody_waits(self) -> None:
        """Return once a transaction waits for the lock of another one."""
        async with asyncio.timeout(10):
            while not await self._pool.fetchval(_WAITING):  # noqa: ASYNC110 - nobody is told of it
                await asyncio.sleep(0.01)


@asynccontextmanager
async def on_postgres(database: Database) -> AsyncIterator[OnPostgres]:
    """Give the store on an own database."""
    dsns = await database.service("pricing")
    await migrate(dsns.owner, "pricing", [MIGRATIONS])
    pool = await open_pool(dsns.service, application_name="test", max_size=4)
    try:
        yield OnPostgres(pool)
    finally:
        await pool.close()
