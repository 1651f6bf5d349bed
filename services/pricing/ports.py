"""What the use cases of pricing need of the outside."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Protocol

from services.chassis.money import Money
from services.chassis.transactions import Transactions
from services.pricing.changes import Change
from services.pricing.claims import PublicKey, QuoteClaims, Verified
from services.pricing.domain import ActiveCatalog, Catalog
from services.pricing.observed import CatalogSource
from services.pricing.quotes import Quote, StoredQuote
from services.pricing.rates import RateCard
from services.pricing.tiers import HeldTier, Standing
from services.pricing.versions import Holding


class CatalogStore(Protocol):
    """Catalogs and their versions, within one transaction."""

    async def lock_activation(self) -> None:
        """Wait for, and hold until the end of the transaction, the right to activate catalogs."""
        ...

    async def active(self) -> list[ActiveCatalog]:
        """Return the catalogs in force, by name."""
        ...

    async def active_catalog(self, name: str) -> Catalog | None:
        """Return the version of a catalog that is in force."""
        ...

    async def version(self, name: str, version: str) -> Catalog | None:
        """Return a catalog as it was, or is, in force."""
        ...

    async def add_version(self, catalog: Catalog) -> bool:
        """Store a version with its prices; False if it was there already."""
        ...

    async def activate(self, catalog: Catalog) -> None:
        """Put a stored version in force and clear what was wrong with its source."""
        ...

    async def note_error(self, name: str, error: str) -> bool:
        """Say why a catalog's newest content is not in force; False if the catalog is not known."""
        ...

    async def sold_by(self, provider: str, prices: Sequence[str]) -> list[tuple[str, Catalog]]:
        """Return for each known price the version in force that knows it, or else the newest."""
        ...

    async def sold_elsewhere(self, catalog: Catalog) -> list[tuple[str, str]]:
        """Return the provider prices that another catalog in force sells, and which one."""
        ...

    async def governor(self, catalog: str) -> str:
        """Return the source that stands and that a catalog has to come from, empty for none."""
        ...


class SourceStore(Protocol):
    """Sources that catalogs are told of by, within one transaction."""

    async def catalog_source(self, source: str) -> CatalogSource | None:
        """Return a source as it was taken last."""
        ...

    async def catalog_sources(self) -> list[CatalogSource]:
        """Return all sources, by name."""
        ...

    async def keep_source(self, source: CatalogSource) -> None:
        """Store a source in place of what was known of it."""
        ...


class RateStore(Protocol):
    """Rate cards and their versions, within one transaction."""

    async def lock_activation(self) -> None:
        """As ``CatalogStore.lock_activation``."""
        ...

    async def rate_card(self) -> RateCard | None:
        """Return the version that is in force."""
        ...

    async def add_rate_card(self, card: RateCard) -> bool:
        """Store a version; False if it was there already."""
        ...

    async def activate_rate_card(self, card: RateCard) -> None:
        """Put a stored version in force."""
        ...


class QuoteStore(Protocol):
    """Quotes, within one transaction."""

    async def now(self) -> datetime:
        """Return the database's time."""
        ...

    async def lock_owner(self, owner: str) -> None:
        """Keep everybody else from taking quotes of this owner."""
        ...

    async def add_quote(self, quote: Quote) -> None:
        """Store a quote."""
        ...

    async def quote(self, name: str) -> StoredQuote | None:
        """Return a quote and what became of it."""
        ...

    async def open_quotes(self, kind: str, limit: int) -> list[Quote]:
        """Return quotes of a kind, plan or deployment, that may still be taken; oldest first."""
        ...

    async def take_quote(self, name: str, taker: str, *, paid: bool) -> bool:
        """Give an open quote to a taker; False if it has one."""
        ...

    async def unpaid(self, owner: str, currency: str) -> Money:
        """Return what the deployments count together that their owner took unpaid."""
        ...

    async def once(
        self,
        actor: str,
        rpc: str,
        key: str,
        request_hash: bytes,
        produce: Callable[[], Awaitable[str]],
    ) -> str:
        """Return the name that ``produce`` made, or that it made the first time."""
        ...

    async def forget_answers(self) -> int:
        """Forget idempotency keys that are past their time; return how many."""
        ...

    async def audit(self, change: Change) -> None:
        """Add to the audit record."""
        ...


class TierStore(Protocol):
    """Tiers that accounts were given, within one transaction."""

    async def standing(self, account: str) -> Standing:
        """Return an account's tier and the database's time, by one statement."""
        ...

    async def set_tier(self, account: str, tier: str) -> datetime:
        """Give an account a tier, or with an empty one take it away; return when that was."""
        ...

    async def tiers(self, after: str, limit: int) -> list[HeldTier]:
        """Return the accounts that have a tier, by name, from behind this one on."""
        ...


class Store(CatalogStore, SourceStore, RateStore, QuoteStore, TierStore, Protocol):
    """Everything that pricing keeps, within one transaction."""


class Holdings(Protocol):
    """What was sold, as subscription tells it."""

    async def held(self, most: int) -> Sequence[Holding]:
        """Return subscriptions that are not over, at most so many; a refusal if nobody answers."""
        ...


class QuoteSigner(Protocol):
    """The keys that quotes are signed with, as they are now."""

    def sign(self, claims: QuoteClaims) -> str:
        """Return the signature of a quote; empty without a key."""
        ...

    def verify(self, token: str) -> Verified:
        """Return what a signature says, whether its time is over or not; QuoteSignatureRefused."""
        ...

    def public_keys(self) -> Sequence[PublicKey]:
        """Return the keys that verify, the one that signs first."""
        ...


CatalogTransactions = Transactions[CatalogStore]
PricingTransactions = Transactions[Store]
