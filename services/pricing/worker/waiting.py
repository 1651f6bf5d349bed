"""Whether what is in force changed: who was refused for another catalog's sake tries again then."""

from collections.abc import Mapping

from services.pricing import usecases
from services.pricing.usecases import CatalogTransactions


class VersionsInForce:
    """The versions of all catalogs as they were looked at last."""

    def __init__(self, tx: CatalogTransactions) -> None:
        self._tx = tx
        self._seen: Mapping[str, str] | None = None

    def forget(self) -> None:
        """Count the next look as a change: nobody knows what changed until then."""
        self._seen = None

    async def changed(self) -> bool:
        """Look again, and tell whether another version of any catalog is in force."""
        active = await usecases.list_catalogs(self._tx)
        now = {one.catalog.name: one.catalog.version for one in active}
        before, self._seen = self._seen, now
        return now != before
