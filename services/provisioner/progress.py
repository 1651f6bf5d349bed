"""What is written down about a tenant while it is worked on.

Every write locks the row and takes effect only if the order is still the one that is worked on:
a worker that is late says nothing about the order that came meanwhile.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from services.chassis.clock import Clock
from services.provisioner.domain import Observed, Tenant
from services.provisioner.errors import Superseded
from services.provisioner.lifecycle import tells
from services.provisioner.ports import Audited, Store, Transactions

Step = Callable[[Tenant], Tenant]
"""From the tenant as it stands in the database to the tenant as it then is."""

ACTOR = "service:provisioner"


class Record:
    """Writes steps of one tenant, and the facts that they are worth."""

    def __init__(self, tx: Transactions[Store], clock: Clock) -> None:
        self._tx = tx
        self._clock = clock

    async def run(self, work: Callable[[Store], Awaitable[Tenant]]) -> Tenant:
        """Run a transaction."""
        return await self._tx.run(work)

    async def load(self, tenant_id: str) -> Tenant | None:
        """Return the tenant as it was last committed."""

        async def work(store: Store) -> Tenant | None:
            return await store.get_tenant(tenant_id)

        return await self._tx.run(work)

    async def step(self, tenant: Tenant, step: Step, entry: Audited | None = None) -> Tenant:
        """Write a step and return the tenant; Superseded if another order is in force by now."""
        return await self._tx.run(lambda store: self.write(store, tenant, step, entry))

    async def write(
        self, store: Store, tenant: Tenant, step: Step, entry: Audited | None = None
    ) -> Tenant:
        """Do what ``step`` does, inside a transaction."""
        before = await store.lock_tenant(tenant.id)
        if before is None or before.version != tenant.version:
            raise Superseded(f"Another order of tenant {tenant.id} is in force.")
        after = step(before)
        if after == before:
            return before
        told = tells(before, after)
        saved = await store.save_tenant(
            replace(after, revision=after.revision + 1) if told else after
        )
        if told:
            await store.append(Observed(saved, self._clock.now()))
        if entry is not None:
            await store.audit(entry)
        return saved

    async def still_ordered(self, tenant: Tenant) -> None:
        """Look at the database just before something that cannot be taken back; Superseded."""
        now = await self.load(tenant.id)
        if now is None or now.version != tenant.version:
            raise Superseded(f"Another order of tenant {tenant.id} is in force.")
