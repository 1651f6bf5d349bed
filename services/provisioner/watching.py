"""Watching tenants: each as it stands, then at every change, without a cursor to lose.

Changes by this process are heard of at once, those by other replicas when the store is looked at.
Each look asks for everything written since some time before the look before it: a transaction that
began earlier and committed later is not missed, and what was sent already is not sent twice.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from services.chassis.clock import Clock
from services.provisioner.domain import Scope, Tenant
from services.provisioner.ports import TENANTS, Feed, Store, Transactions
from services.provisioner.usecases import get_tenant

_PAGE = 500
_OVERLAP = 30.0
_SETTLE = 0.02


@dataclass(frozen=True, slots=True)
class Watching:
    """What a watcher needs: the store, the wake-ups, the clock and a spread for its looks."""

    tx: Transactions[Store]
    feed: Feed
    clock: Clock
    jitter: Callable[[], float]
    poll: float = 1.0

    async def tenants(self, scope: Scope, account: str, name: str) -> AsyncGenerator[Tenant, None]:
        """Yield tenants as they stand, then whenever they change; ends only when it is closed.

        Raises UnknownTenant if ``name`` is none that the caller may see.
        """
        heard, looked = self.feed.seen(TENANTS), self.clock.monotonic()
        sent: dict[str, int] = {}
        async for tenant in self._standing(scope, account, name):
            sent[tenant.id] = tenant.change
            yield tenant
        while True:
            await self.feed.wait(TENANTS, heard, self.poll * (0.5 + self.jitter() / 2))
            # What changes several times in a moment is sent as it stands last.
            await self.clock.sleep(_SETTLE)
            heard, began = self.feed.seen(TENANTS), self.clock.monotonic()
            changed = await self._changed(scope, account, began - looked + _OVERLAP)
            looked = began
            for tenant in changed:
                if name not in ("", tenant.id) or sent.get(tenant.id) == tenant.change:
                    continue
                sent[tenant.id] = tenant.change
                yield tenant

    async def _standing(self, scope: Scope, account: str, name: str) -> AsyncIterator[Tenant]:
        if name:
            yield await get_tenant(self.tx, scope, name)
            return
        after = 0
        while True:
            page = await self._page(scope, account, after)
            for tenant in page:
                yield tenant
            if len(page) < _PAGE:
                return
            after = page[-1].number

    async def _page(self, scope: Scope, account: str, after: int) -> Sequence[Tenant]:
        async def work(store: Store) -> Sequence[Tenant]:
            return await store.list_tenants(scope, account, after, _PAGE)

        return await self.tx.run(work)

    async def _changed(self, scope: Scope, account: str, seconds: float) -> Sequence[Tenant]:
        async def work(store: Store) -> Sequence[Tenant]:
            return await store.changed_within(scope, account, seconds)

        return await self.tx.run(work)
