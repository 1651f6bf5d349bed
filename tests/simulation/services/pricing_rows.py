"""Pricing's store on the in-memory database: as ``tests/fakes/pricing``, with locks and waits."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from services.chassis.idempotency import IdempotencyConflict
from services.chassis.money import Money
from services.pricing.changes import Change
from services.pricing.domain import ActiveCatalog, Catalog
from services.pricing.observed import CatalogSource
from services.pricing.quotes import DeploymentQuote, Quote, StoredQuote
from services.pricing.rates import RateCard
from services.pricing.tiers import HeldTier, Standing
from tests.fakes.memory_db import MemoryTx, Table

LOCKS: Table[str, None] = Table("locks")
VERSIONS: Table[tuple[str, str], tuple[int, Catalog]] = Table("catalog_versions")
ACTIVE: Table[str, ActiveCatalog] = Table("active_catalogs")
CARDS: Table[str, RateCard] = Table("rate_cards")
CARD: Table[str, str] = Table("active_rate_card")
QUOTES: Table[str, StoredQuote] = Table("quotes")
ANSWERS: Table[tuple[str, str, str], tuple[bytes, str]] = Table("idempotency")
SOURCES: Table[str, CatalogSource] = Table("catalog_sources")
TIERS: Table[str, HeldTier] = Table("account_tiers")
AUDIT: Table[int, Change] = Table("audit")
_ONLY = "only"


class PricingRows:
    """Catalogs, rate cards and quotes within one transaction."""

    def __init__(self, tx: MemoryTx) -> None:
        self._tx = tx
        self._began = datetime.fromtimestamp(tx.db.now(), UTC)

    async def lock_activation(self) -> None:
        await self._tx.lock(LOCKS, "activation")

    async def active(self) -> list[ActiveCatalog]:
        await self._tx.db.step()
        return [entry for _, entry in sorted(self._tx.rows(ACTIVE), key=lambda row: row[0])]

    async def active_catalog(self, name: str) -> Catalog | None:
        await self._tx.db.step()
        entry = self._tx.get(ACTIVE, name)
        return entry.catalog if entry else None

    async def version(self, name: str, version: str) -> Catalog | None:
        await self._tx.db.step()
        found = self._tx.get(VERSIONS, (name, version))
        return found[1] if found else None

    async def add_version(self, catalog: Catalog) -> bool:
        row = (self._tx.db.next("catalog_versions"), catalog)
        return await self._tx.insert(VERSIONS, (catalog.name, catalog.version), row)

    async def activate(self, catalog: Catalog) -> None:
        before = await self._tx.lock(ACTIVE, catalog.name)
        same = before is not None and before.catalog.version == catalog.version
        time = before.activate_time if before and same else self._began
        await self._tx.put(ACTIVE, catalog.name, ActiveCatalog(catalog, time))

    async def note_error(self, name: str, error: str) -> bool:
        entry = await self._tx.lock(ACTIVE, name)
        if entry is not None:
            await self._tx.put(ACTIVE, name, replace(entry, error=error))
        return entry is not None

    async def sold_by(self, provider: str, prices: Sequence[str]) -> list[tuple[str, Catalog]]:
        await self._tx.db.step()
        wanted = set(prices)
        found: dict[str, Catalog] = {}
        versions = sorted((row for _, row in self._tx.rows(VERSIONS)), key=lambda row: row[0])
        for _, catalog in versions:
            for priced in catalog.provider_prices():
                if priced.provider == provider and priced.price_id in wanted:
                    found[priced.price_id] = catalog
        return sorted(found.items(), key=lambda entry: entry[0])

    async def sold_elsewhere(self, catalog: Catalog) -> list[tuple[str, str]]:
        await self._tx.db.step()
        mine = {(priced.provider, priced.price_id) for priced in catalog.provider_prices()}
        return sorted(
            (priced.price_id, other.catalog.name)
            for _, other in self._tx.rows(ACTIVE)
            if other.catalog.name != catalog.name
            for priced in other.catalog.provider_prices()
            if (priced.provider, priced.price_id) in mine
        )

    async def governor(self, catalog: str) -> str:
        await self._tx.db.step()
        found = [one for _, one in self._tx.rows(SOURCES) if one.governs]
        return next((one.seen.source for one in found if one.catalog == catalog), "")

    async def catalog_source(self, source: str) -> CatalogSource | None:
        await self._tx.db.step()
        return self._tx.get(SOURCES, source)

    async def catalog_sources(self) -> list[CatalogSource]:
        await self._tx.db.step()
        return [known for _, known in sorted(self._tx.rows(SOURCES), key=lambda row: row[0])]

    async def keep_source(self, source: CatalogSource) -> None:
        await self._tx.put(SOURCES, source.seen.source, source)

    async def rate_card(self) -> RateCard | None:
        await self._tx.db.step()
        return self._tx.get(CARDS, self._tx.get(CARD, _ONLY) or "")

    async def add_rate_card(self, card: RateCard) -> bool:
        return await self._tx.insert(CARDS, card.version, card)

    async def activate_rate_card(self, card: RateCard) -> None:
        await self._tx.put(CARD, _ONLY, card.version)

    async def now(self) -> datetime:
        return self._began

    async def lock_owner(self, owner: str) -> None:
        await self._tx.lock(LOCKS, f"owner:{owner}")

    async def add_quote(self, quote: Quote) -> None:
        if not await self._tx.insert(QUOTES, quote.name, StoredQuote(quote)):
            raise ValueError(f"quote {quote.name} is there")

    async def quote(self, name: str) -> StoredQuote | None:
        await self._tx.db.step()
        return self._tx.get(QUOTES, name)

    async def take_quote(self, name: str, taker: str, *, paid: bool) -> bool:
        stored = await self._tx.lock(QUOTES, name)
        if stored is None or stored.taker:
            return False
        await self._tx.put(QUOTES, name, replace(stored, taker=taker, paid=paid))
        return True

    async def unpaid(self, owner: str, currency: str) -> Money:
        await self._tx.db.step()
        weights = [
            stored.quote.weight
            for _, stored in self._tx.rows(QUOTES)
            if stored.taker and not stored.paid and stored.quote.owner == owner
            if isinstance(stored.quote.subject, DeploymentQuote)
            if stored.quote.weight.currency == currency
        ]
        return sum(weights, Money.zero(currency))

    async def once(
        self,
        actor: str,
        rpc: str,
        key: str,
        request_hash: bytes,
        produce: Callable[[], Awaitable[str]],
    ) -> str:
        if not key:
            return await produce()
        known = await self._tx.lock(ANSWERS, (actor, rpc, key))
        if known is None:
            known = (request_hash, await produce())
            await self._tx.put(ANSWERS, (actor, rpc, key), known)
        if known[0] != request_hash:
            raise IdempotencyConflict("The idempotency key was used for another request.")
        return known[1]

    async def forget_answers(self) -> int:
        await self._tx.db.step()
        return 0

    async def standing(self, account: str) -> Standing:
        await self._tx.db.step()
        held = self._tx.get(TIERS, account)
        return Standing(held.tier if held else "", self._began)

    async def set_tier(self, account: str, tier: str) -> datetime:
        await self._tx.lock(TIERS, account)
        if tier:
            await self._tx.put(TIERS, account, HeldTier(account, tier, self._began))
        else:
            await self._tx.delete(TIERS, account)
        return self._began

    async def tiers(self, after: str, limit: int) -> list[HeldTier]:
        await self._tx.db.step()
        found = sorted((row for row in self._tx.rows(TIERS) if row[0] > after), key=lambda r: r[0])
        return [held for _, held in found[:limit]]

    async def audit(self, change: Change) -> None:
        await self._tx.put(AUDIT, self._tx.db.next("audit"), change)
