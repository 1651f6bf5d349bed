"""What is sold now, for who looks for a smaller plan."""

from collections.abc import Mapping

from services.pricing import usecases
from services.pricing.domain import Catalog
from services.pricing.usecases import PricingTransactions


class CatalogsInForce:
    """The catalogs in force, as pricing keeps them."""

    def __init__(self, tx: PricingTransactions) -> None:
        self._tx = tx

    async def catalogs(self) -> Mapping[str, Catalog]:
        """Return the catalogs in force, by name."""
        found = await usecases.list_catalogs(self._tx)
        return {one.catalog.name: one.catalog for one in found}
