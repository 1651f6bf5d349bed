"""All SQL of pricing, one module for each of its ports."""

from services.chassis.db import Connection
from services.pricing.store.catalogs import CatalogSql, VersionCache
from services.pricing.store.changes import ChangeSql
from services.pricing.store.quotes import QuoteCodec, QuoteSql
from services.pricing.store.rates import CardCache, RateSql
from services.pricing.store.sources import SourceSql
from services.pricing.store.tiers import TierSql

__all__ = ["CardCache", "PgStore", "QuoteCodec", "VersionCache"]


class PgStore(ChangeSql, CatalogSql, SourceSql, RateSql, QuoteSql, TierSql):
    """Pricing's store on PostgreSQL, within one transaction."""

    def __init__(
        self, connection: Connection, versions: VersionCache, cards: CardCache, codec: QuoteCodec
    ) -> None:
        self._connection = connection
        self._cache = versions
        self._cards = cards
        self._codec = codec
