"""The SQL of catalogs."""

from collections.abc import Sequence

from services.chassis.db import Connection
from services.pricing.catalog_file import stored_catalog
from services.pricing.domain import ActiveCatalog, Catalog

# Any number that no other lock of this schema uses.
_ACTIVATION_LOCK = 7_301_001

_ACTIVE_POINTERS = "SELECT name, version, activate_time, error FROM active_catalogs ORDER BY name"
_ACTIVE_POINTER = "SELECT version FROM active_catalogs WHERE name = $1"
_CONTENT = "SELECT content FROM catalog_versions WHERE name = $1 AND version = $2"
_ADD_VERSION = """
INSERT INTO catalog_versions (name, version, content) VALUES ($1, $2, $3)
ON CONFLICT DO NOTHING RETURNING sequence"""
_ADD_PRICE = """
INSERT INTO catalog_prices (provider, provider_price, catalog, version, sequence)
VALUES ($1, $2, $3, $4, $5)"""
_ACTIVATE = """
INSERT INTO active_catalogs (name, version) VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET
    version = excluded.version,
    error = '',
    activate_time = CASE WHEN active_catalogs.version = excluded.version
                         THEN active_catalogs.activate_time ELSE now() END"""
_NOTE_ERROR = "UPDATE active_catalogs SET error = $2 WHERE name = $1 RETURNING name"
# What is in force may be older than another version: an edit brings an old one back.
_SOLD_BY = """
SELECT DISTINCT ON (p.provider_price) p.provider_price, p.catalog, p.version
FROM catalog_prices p LEFT JOIN active_catalogs a ON a.name = p.catalog AND a.version = p.version
WHERE p.provider = $1 AND p.provider_price = ANY($2::text[])
ORDER BY p.provider_price, a.name IS NULL, p.sequence DESC"""
_SOLD_ELSEWHERE = """
SELECT p.provider, p.provider_price, p.catalog
FROM catalog_prices p JOIN active_catalogs a ON a.name = p.catalog AND a.version = p.version
WHERE p.catalog <> $1 AND p.provider_price = ANY($2::text[])
ORDER BY 1, 2"""


class VersionCache:
    """Catalog versions by name and hash: what cannot change, so every replica may keep it."""

    def __init__(self, most: int = 64) -> None:
        self._known: dict[tuple[str, str], Catalog] = {}
        self._most = most

    def get(self, name: str, version: str) -> Catalog | None:
        """Return the version if it is kept."""
        return self._known.get((name, version))

    def keep(self, catalog: Catalog) -> Catalog:
        """Keep a version, at the cost of the oldest kept."""
        while len(self._known) >= self._most:
            del self._known[next(iter(self._known))]
        self._known[(catalog.name, catalog.version)] = catalog
        return catalog


class CatalogSql:
    """Catalogs on PostgreSQL, within one transaction."""

    _connection: Connection
    _cache: VersionCache

    async def lock_activation(self) -> None:
        """Wait for the right to activate catalogs."""
        await self._connection.execute("SELECT pg_advisory_xact_lock($1)", _ACTIVATION_LOCK)

    async def active(self) -> list[ActiveCatalog]:
        """Return the catalogs in force, by name."""
        rows = await self._connection.fetch(_ACTIVE_POINTERS)
        return [
            ActiveCatalog(
                await self._read(row["name"], row["version"]),
                row["activate_time"],
                row["error"],
            )
            for row in rows
        ]

    async def active_catalog(self, name: str) -> Catalog | None:
        """Return the version of a catalog that is in force."""
        version = await self._connection.fetchval(_ACTIVE_POINTER, name)
        return None if version is None else await self._read(name, version)

    async def version(self, name: str, version: str) -> Catalog | None:
        """Return a catalog as it was, or is, in force."""
        kept = self._cache.get(name, version)
        if kept is not None:
            return kept
        content = await self._connection.fetchval(_CONTENT, name, version)
        return None if content is None else self._cache.keep(stored_catalog(content))

    async def add_version(self, catalog: Catalog) -> bool:
        """Store a version with its prices; False if it was there already."""
        sequence = await self._connection.fetchval(
            _ADD_VERSION, catalog.name, catalog.version, catalog.content
        )
        if sequence is None:
            return False
        await self._connection.executemany(
            _ADD_PRICE,
            [
                (priced.provider, priced.price_id, catalog.name, catalog.version, sequence)
                for priced in catalog.provider_prices()
            ],
        )
        return True

    async def activate(self, catalog: Catalog) -> None:
        """Put a stored version in force and clear what was wrong with its source."""
        await self._connection.execute(_ACTIVATE, catalog.name, catalog.version)

    async def note_error(self, name: str, error: str) -> bool:
        """Say why a catalog's newest content is not in force."""
        return await self._connection.fetchval(_NOTE_ERROR, name, error) is not None

    async def sold_by(self, provider: str, prices: Sequence[str]) -> list[tuple[str, Catalog]]:
        """Return for each known price the version in force that knows it, or else the newest."""
        rows = await self._connection.fetch(_SOLD_BY, provider, list(prices))
        return [
            (row["provider_price"], await self._read(row["catalog"], row["version"]))
            for row in rows
        ]

    async def sold_elsewhere(self, catalog: Catalog) -> list[tuple[str, str]]:
        """Return the provider prices that another catalog in force sells, and which."""
        mine = {(priced.provider, priced.price_id) for priced in catalog.provider_prices()}
        rows = await self._connection.fetch(
            _SOLD_ELSEWHERE, catalog.name, sorted(price for _, price in mine)
        )
        return [
            (row["provider_price"], row["catalog"])
            for row in rows
            if (row["provider"], row["provider_price"]) in mine
        ]

    async def _read(self, name: str, version: str) -> Catalog:
        catalog = await self.version(name, version)
        if catalog is None:
            raise LookupError(f"catalog {name} is in force at a version that is not stored")
        return catalog
