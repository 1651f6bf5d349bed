"""The SQL of sources that catalogs are told of by."""

import asyncpg

from services.chassis.db import Connection
from services.pricing.observed import CatalogSource, SourceSeen

_COLUMNS = "source, revision, stands, content, left_out_bytes, catalog, error"
_READ = f"SELECT {_COLUMNS} FROM catalog_sources WHERE source = $1"  # noqa: S608 - a constant
_ALL = f"SELECT {_COLUMNS} FROM catalog_sources ORDER BY source"  # noqa: S608 - a constant
_KEEP = f"""
INSERT INTO catalog_sources ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (source) DO UPDATE SET
    revision = excluded.revision, stands = excluded.stands, content = excluded.content,
    left_out_bytes = excluded.left_out_bytes, catalog = excluded.catalog, error = excluded.error,
    take_time = now()"""  # noqa: S608 - a constant
_GOVERNOR = """
SELECT source FROM catalog_sources WHERE catalog = $1 AND stands ORDER BY take_time LIMIT 1"""


class SourceSql:
    """Sources on PostgreSQL, within one transaction."""

    _connection: Connection

    async def catalog_source(self, source: str) -> CatalogSource | None:
        """Return a source as it was taken last."""
        row = await self._connection.fetchrow(_READ, source)
        return None if row is None else _source(row)

    async def catalog_sources(self) -> list[CatalogSource]:
        """Return all sources, by name."""
        return [_source(row) for row in await self._connection.fetch(_ALL)]

    async def keep_source(self, source: CatalogSource) -> None:
        """Store a source in place of what was known of it."""
        seen = source.seen
        await self._connection.execute(
            _KEEP,
            seen.source,
            seen.revision,
            seen.stands,
            None if seen.text is None else seen.text.encode(),
            seen.left_out_bytes,
            source.catalog,
            source.error,
        )

    async def governor(self, catalog: str) -> str:
        """Return the source that a catalog has to come from, empty if there is none."""
        return await self._connection.fetchval(_GOVERNOR, catalog) or ""


def _source(row: asyncpg.Record) -> CatalogSource:
    content = row["content"]
    seen = SourceSeen(
        source=row["source"],
        revision=row["revision"],
        stands=row["stands"],
        text=None if content is None else content.decode(),
        left_out_bytes=row["left_out_bytes"],
    )
    return CatalogSource(seen, row["catalog"], row["error"])
