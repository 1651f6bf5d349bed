"""What is written down about a tenant while it is worked on.

Every write takes effect only if the order is still the one that is worked on: a worker that is late
says nothing about the order that came meanwhile. A row that nobody has written since it was read is
written at once, by a statement that says so. Else the row is locked, read and looked at again.
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

        return await self._tx.single(work)

    async def step(self, tenant: Tenant, step: Step, entry: Audited | None = None) -> Tenant:
        """Write a step and return the tenant; Superseded if another order is in force by now.

        ``tenant`` is as it was read or as a step returned it, and nothing else.
        """
        saved = None if entry is not None else await self._at_once(tenant, step)
        if saved is not None:
            return saved
        return await self._tx.run(lambda store: self.write(store, tenant, step, entry))

    async def _at_once(self, tenant: Tenant, step: Step) -> Tenant | None:
        """Write a step on the row as it was read; None if there is more to look at than that."""
        after, fact = self._stepped(tenant, step)
        if after == tenant:
            return None
        return await self._tx.single(lambda store: store.save_if_unchanged(after, fact))

    async def write(
        self, store: Store, tenant: Tenant, step: Step, entry: Audited | None = None
    ) -> Tenant:
        """Do what ``step`` does, inside a transaction."""
        before = await store.lock_tenant(tenant.id)
        if before is None or before.version != tenant.version:
            raise Superseded(f"Another order of tenant {tenant.id} is in force.")
        after, fact = self._stepped(before, step)
        if after == before:
            return before
        saved = await store.save_tenant(after)
        if fact is not None:
            await store.append(fact)
        if entry is not None:
            await store.audit(entry)
        return saved

    async def still_ordered(self, tenant: Tenant) -> None:
        """Look at the database just before something that cannot be taken back; Superseded."""
        version = await self._tx.single(lambda store: store.version_of(tenant.id))
        if version != tenant.version:
            raise Superseded(f"Another order of tenant {tenant.id} is in force.")

    def _stepped(self, before: Tenant, step: Step) -> tuple[Tenant, Observed | None]:
        """Return the tenant after the step, and the fact that it is worth, if any."""
        after = step(before)
        if after == before or not tells(before, after):
            return after, None
        after = replace(after, revision=after.revision + 1)
        return after, Observed(after, self._clock.now())
