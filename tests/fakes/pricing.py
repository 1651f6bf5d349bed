"""Pricing's store in memory: small, real, and held to the same suite as the one on PostgreSQL."""

from collections.abc import Awaitable, Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TypeVar

from services.chassis.errors import Aborted, InvalidArgument
from services.chassis.money import Money
from services.pricing.changes import Change
from services.pricing.domain import ActiveCatalog, Catalog
from services.pricing.observed import CatalogSource
from services.pricing.quotes import DeploymentQuote, PlanQuote, Quote, StoredQuote
from services.pricing.rates import RateCard
from services.pricing.tiers import HeldTier, Standing

T = TypeVar("T")


@dataclass
class _State:
    versions: dict[tuple[str, str], tuple[int, Catalog]] = field(default_factory=dict)
    active: dict[str, ActiveCatalog] = field(default_factory=dict)
    cards: dict[str, RateCard] = field(default_factory=dict)
    card: str = ""
    quotes: dict[str, StoredQuote] = field(default_factory=dict)
    answers: dict[tuple[str, str, str], tuple[bytes, str]] = field(default_factory=dict)
    tiers: dict[str, HeldTier] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    sources: dict[str, CatalogSource] = field(default_factory=dict)


class MemoryPricingStore:
    """Pricing's store in memory, within one transaction."""

    def __init__(self, state: _State, now: datetime) -> None:
        self._state = state
        self._now = now

    async def lock_activation(self) -> None:
        """Nothing to wait for: transactions in memory run one at a time."""

    async def active(self) -> list[ActiveCatalog]:
        """Return the catalogs in force, by name."""
        return [self._state.active[name] for name in sorted(self._state.active)]

    async def active_catalog(self, name: str) -> Catalog | None:
        """Return the version in force."""
        entry = self._state.active.get(name)
        return entry.catalog if entry else None

    async def version(self, name: str, version: str) -> Catalog | None:
        """Return a catalog as it was, or is, in force."""
        found = self._state.versions.get((name, version))
        return found[1] if found else None

    async def add_version(self, catalog: Catalog) -> bool:
        """Store a version; False if it was there already."""
        key = (catalog.name, catalog.version)
        if key in self._state.versions:
            return False
        self._state.versions[key] = (len(self._state.versions), catalog)
        return True

    async def activate(self, catalog: Catalog) -> None:
        """Put a stored version in force."""
        before = self._state.active.get(catalog.name)
        same = before is not None and before.catalog.version == catalog.version
        time = before.activate_time if before and same else datetime.now(UTC)
        self._state.active[catalog.name] = ActiveCatalog(catalog, time)

    async def note_error(self, name: str, error: str) -> bool:
        """Say why a catalog's newest content is not in force."""
        entry = self._state.active.get(name)
        if entry is None:
            return False
        self._state.active[name] = replace(entry, error=error)
        return True

    async def sold_by(self, provider: str, prices: Sequence[str]) -> list[tuple[str, Catalog]]:
        """Return for each known price the version in force that knows it, or else the newest."""
        found: dict[str, Catalog] = {}
        in_force = {one.catalog.version for one in self._state.active.values()}
        versions = self._state.versions.values()
        for _, catalog in sorted(versions, key=lambda one: (one[1].version in in_force, one[0])):
            for priced in catalog.provider_prices():
                if priced.provider == provider and priced.price_id in prices:
                    found[priced.price_id] = catalog
        return sorted(found.items(), key=lambda entry: entry[0])

    async def sold_elsewhere(self, catalog: Catalog) -> list[tuple[str, str]]:
        """Return the provider prices that another catalog in force sells, and which one."""
        mine = {(priced.provider, priced.price_id) for priced in catalog.provider_prices()}
        return sorted(
            (priced.price_id, other.catalog.name)
            for other in self._state.active.values()
            if other.catalog.name != catalog.name
            for priced in other.catalog.provider_prices()
            if (priced.provider, priced.price_id) in mine
        )

    async def governor(self, catalog: str) -> str:
        """Return the source that a catalog has to come from."""
        found = [one for one in self._state.sources.values() if one.governs]
        return next((one.seen.source for one in found if one.catalog == catalog), "")

    async def catalog_source(self, source: str) -> CatalogSource | None:
        """Return a source as it was taken last."""
        return self._state.sources.get(source)

    async def catalog_sources(self) -> list[CatalogSource]:
        """Return all sources, by name."""
        return [known for _, known in sorted(self._state.sources.items())]

    async def keep_source(self, source: CatalogSource) -> None:
        """Store a source in place of what was known of it."""
        self._state.sources[source.seen.source] = source

    async def rate_card(self) -> RateCard | None:
        """Return the rate card in force."""
        return self._state.cards.get(self._state.card)

    async def add_rate_card(self, card: RateCard) -> bool:
        """Store a version; False if it was there already."""
        return self._state.cards.setdefault(card.version, card) is card

    async def activate_rate_card(self, card: RateCard) -> None:
        """Put a stored version in force."""
        self._state.card = card.version

    async def now(self) -> datetime:
        """Return the time of the transaction's begin."""
        return self._now

    async def lock_owner(self, owner: str) -> None:
        """Nothing to wait for: transactions in memory run one at a time."""

    async def add_quote(self, quote: Quote) -> None:
        """Store a quote."""
        assert quote.name not in self._state.quotes
        self._state.quotes[quote.name] = StoredQuote(quote)

    async def quote(self, name: str) -> StoredQuote | None:
        """Return a quote and what became of it."""
        return self._state.quotes.get(name)

    async def open_quotes(self, kind: str, limit: int) -> list[Quote]:
        """Return quotes of a kind that may still be taken, by name."""
        subject = DeploymentQuote if kind == "deployment" else PlanQuote
        found = [
            stored.quote
            for _, stored in sorted(self._state.quotes.items())
            if not stored.taker and stored.quote.expire_time > self._now
            if isinstance(stored.quote.subject, subject)
        ]
        return found[:limit]

    async def take_quote(self, name: str, taker: str, *, paid: bool) -> bool:
        """Give an open quote to a taker."""
        stored = self._state.quotes[name]
        if stored.taker:
            return False
        self._state.quotes[name] = replace(stored, taker=taker, paid=paid)
        return True

    async def unpaid(self, owner: str, currency: str) -> Money:
        """Return what the deployments count together that their owner took unpaid."""
        weights = [
            stored.quote.weight
            for stored in self._state.quotes.values()
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
        """Return what was produced under the key."""
        if not key:
            return await produce()
        known = self._state.answers.get((actor, rpc, key))
        if known is None:
            known = (request_hash, await produce())
            self._state.answers[(actor, rpc, key)] = known
        if known[0] != request_hash:
            raise InvalidArgument("used for another", reason="IDEMPOTENCY_KEY_REUSED")
        return known[1]

    async def forget_answers(self) -> int:
        """Forget all answers: in memory all of them are old."""
        count = len(self._state.answers)
        self._state.answers.clear()
        return count

    async def standing(self, account: str) -> Standing:
        """Return an account's tier and the time."""
        held = self._state.tiers.get(account)
        return Standing(held.tier if held else "", self._now)

    async def set_tier(self, account: str, tier: str) -> datetime:
        """Give an account a tier, or take it away."""
        self._state.tiers.pop(account, None)
        if tier:
            self._state.tiers[account] = HeldTier(account, tier, self._now)
        return self._now

    async def tiers(self, after: str, limit: int) -> list[HeldTier]:
        """Return the accounts that have a tier, by name."""
        found = [held for name, held in sorted(self._state.tiers.items()) if name > after]
        return found[:limit]

    async def audit(self, change: Change) -> None:
        """Add to the audit record."""
        self._state.changes.append(change)


class MemoryPricingTransactions:
    """Transactions in memory, one at a time; a failed one leaves nothing.

    ``after_run`` is called after each commit, for those who wait for one. ``time`` is the
    store's time; None is that of the machine.
    """

    def __init__(self) -> None:
        self._state = _State()
        self.after_run: Callable[[], object] = lambda: None
        self.time: datetime | None = None

    async def run(
        self, fn: Callable[[MemoryPricingStore], Awaitable[T]], *, timeout: float = 10.0
    ) -> T:
        """Run ``fn`` and keep what it did."""
        draft = deepcopy(self._state)
        before = self._state
        result = await fn(MemoryPricingStore(draft, self.time or datetime.now(UTC)))
        if self._state is not before:
            # What another transaction wrote meanwhile must not be lost: the caller tries again.
            raise Aborted("another transaction was faster")
        self._state = draft
        self.after_run()
        return result

    async def single(
        self, fn: Callable[[MemoryPricingStore], Awaitable[T]], *, timeout: float = 10.0
    ) -> T:
        """Run ``fn``, whose one statement is a transaction by itself."""
        return await self.run(fn, timeout=timeout)

    @property
    def changes(self) -> list[Change]:
        """The audit record."""
        return self._state.changes
