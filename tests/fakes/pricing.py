"""Pricing's store in memory: small, real, and held to the same suite as the one on PostgreSQL."""

from collections.abc import Awaitable, Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TypeVar

from services.pricing.domain import ActiveCatalog, Catalog

T = TypeVar("T")


@dataclass
class _State:
    versions: dict[tuple[str, str], tuple[int, Catalog]] = field(default_factory=dict)
    active: dict[str, ActiveCatalog] = field(default_factory=dict)


class MemoryCatalogStore:
    """Catalogs in memory, within one transaction."""

    def __init__(self, state: _State) -> None:
        self._state = state

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
        """Return for each known price the newest version that knows it."""
        found: dict[str, Catalog] = {}
        for _, catalog in sorted(self._state.versions.values(), key=lambda entry: entry[0]):
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


class MemoryCatalogTransactions:
    """Transactions on catalogs in memory, one at a time; a failed one leaves nothing.

    ``after_run`` is called after each commit, for those who wait for one.
    """

    def __init__(self) -> None:
        self._state = _State()
        self.after_run: Callable[[], object] = lambda: None

    async def run(
        self, fn: Callable[[MemoryCatalogStore], Awaitable[T]], *, timeout: float = 10.0
    ) -> T:
        """Run ``fn`` and keep what it did."""
        draft = deepcopy(self._state)
        result = await fn(MemoryCatalogStore(draft))
        self._state = draft
        self.after_run()
        return result
