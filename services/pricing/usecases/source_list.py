"""Says what catalogs are told of by, and what came of it. For operators."""

from services.chassis.errors import PermissionDenied
from services.pricing.observed import CatalogSource
from services.pricing.ports import PricingTransactions, Store
from services.pricing.usecases.asking import Asker


async def list_catalog_sources(
    tx: PricingTransactions, asker: Asker
) -> list[tuple[CatalogSource, str]]:
    """Return each source with the version of its catalog that is in force, empty for none.

    By name. PermissionDenied unless an operator asks.
    """
    if not asker.operator:
        raise PermissionDenied("Only operators may do this.", reason="ROLE_NOT_ALLOWED")

    async def read(store: Store) -> list[tuple[CatalogSource, str]]:
        sources = await store.catalog_sources()
        active = {one.catalog.name: one.catalog.version for one in await store.active()}
        return [(source, active.get(source.catalog, "")) for source in sources]

    return await tx.run(read)
