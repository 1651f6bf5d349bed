"""The SQL of introductions."""

from collections.abc import Sequence
from dataclasses import replace

from services.chassis import outbox
from services.provisioner.domain import Observed, Tenant
from services.provisioner.store import PgStore

_IS_INTRODUCED = "SELECT EXISTS (SELECT FROM introductions WHERE destination = $1)"
_INTRODUCED = "INSERT INTO introductions (destination) VALUES ($1) ON CONFLICT DO NOTHING"
_FORGOTTEN = "DELETE FROM introductions WHERE destination = $1"
# Also those that are gone: somebody may have been told that they stand. A tenant of which nothing
# was ever seen has no revision.
_IDS = "SELECT id FROM tenants WHERE id > $1 AND revision > 0 ORDER BY id LIMIT $2"


class PgIntroductionStore(PgStore):
    """The provisioner's rows on PostgreSQL, within one transaction."""

    async def is_introduced(self, destination: str) -> bool:
        """Tell whether somebody was told of every tenant."""
        return bool(await self._connection.fetchval(_IS_INTRODUCED, destination))

    async def introduced(self, destination: str) -> None:
        """Note that somebody was told of every tenant."""
        await self._connection.execute(_INTRODUCED, destination)

    async def forgotten(self, destination: str) -> None:
        """Note that somebody is not told any more."""
        await self._connection.execute(_FORGOTTEN, destination)

    async def tell(self, destination: str, after: str, limit: int) -> Sequence[str]:
        """Write what was last seen of tenants with ids above ``after``, for one destination."""
        ids = [row["id"] for row in await self._connection.fetch(_IDS, after, limit)]
        # Locked, each in its turn: the order of facts about a tenant is that of its changes.
        tenants = [await self.lock_tenant(tenant_id) for tenant_id in ids]
        facts = [self._fact(tenant) for tenant in tenants if tenant is not None]
        told = [replace(fact, destinations=(destination,)) for fact in facts]
        await outbox.append(self._connection, told)
        return ids

    def _fact(self, tenant: Tenant) -> outbox.FactRecord:
        # The row was last written when this was last known: nothing is said of the time before.
        return self._codec.fact(Observed(tenant, tenant.update_time))
