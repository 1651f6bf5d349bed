"""The store of costs, in memory and on PostgreSQL, with a rate card that was always in force."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Protocol

from services.chassis.db import PgTransactions, Pool, open_pool
from services.chassis.migrate import migrate
from services.pricing.costs import convert
from services.pricing.costs.domain import second_of
from services.pricing.costs.ports import CostTransactions
from services.pricing.costs.store import DELIVERIES, CardsByVersion, Codec, PgCostStore
from services.pricing.ratecard_file import parse_rate_card
from services.pricing.rates import RateCard
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
)
_CARD = "INSERT INTO rate_cards (version, content) VALUES ($1, $2)"
_ACTIVE = """
INSERT INTO active_rate_card (version, activate_time) VALUES ($1, $2)
ON CONFLICT (single) DO UPDATE SET version = excluded.version,
    activate_time = excluded.activate_time"""
_TIER = "INSERT INTO account_tiers (account, tier) VALUES ($1, $2)"
_QUEUED = "SELECT key FROM reconcile_queue WHERE queue = $1"
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

    async def give_tier(self, account: str, tier: str) -> None:
        await self._pool.execute(_TIER, account, tier)

    @asynccontextmanager
    async def evaluating(self) -> AsyncIterator[None]:
        async with self._pool.acquire() as other, other.transaction():
            assert await PgCostStore(other, CODEC, CardsByVersion()).only_one_evaluates()
            yield


@asynccontextmanager
async def on_postgres(database: Database) -> AsyncIterator[Backend]:
    """Give the store on an own database."""
    dsns = await database.service("pricing")
    await migrate(dsns.owner, "pricing", [MIGRATIONS])
    pool = await open_pool(dsns.service, application_name="test", max_size=4)
    try:
        yield OnPostgres(pool)
    finally:
        await pool.close()
