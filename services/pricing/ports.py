"""What the use cases of pricing need of the outside."""

from collections.abc import Sequence
from typing import Protocol

from services.pricing.domain import ActiveCatalog, Catalog


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
        """Return for each price that any version knows the newest such version."""
        ...

    async def sold_elsewhere(self, catalog: Catalog) -> list[tuple[str, str]]:
        """Return the provider prices that another catalog in force sells, and which one."""
        ...
