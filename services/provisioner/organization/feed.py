"""Queues the tenants of organizations of which something was heard.

Most of what is heard of is not ours and says only whose organization it is of, so the tenants are
looked up. Events rest a moment: a project that is made is several of them, and our own writes come
back as events, often before their answer is read.
"""

import asyncio
from collections.abc import Callable

from services.chassis.clock import Clock
from services.chassis.errors import Refusal
from services.chassis.outage import Outage
from services.provisioner.ports import AT_ONCE, Store, Transactions

_SETTLE = 0.05


class OrganizationFeed:
    """Takes names of organizations and the resourceVersion of what changed there.

    ``are_ours`` tells whether a resourceVersion is what we wrote last.
    """

    def __init__(
        self, tx: Transactions[Store], are_ours: Callable[[str], bool], clock: Clock
    ) -> None:
        self._tx = tx
        self._are_ours = are_ours
        self._clock = clock
        self._heard: list[tuple[str, str]] = []
        self._some = asyncio.Event()

    def hear(self, organization: str, resource_version: str) -> None:
        """Take an event; never blocks."""
        self._heard.append((organization, resource_version))
        self._some.set()

    async def run(self) -> None:
        """Queue tenants until cancelled; while the database is away, events gather."""
        outage = Outage("The organization feed", self._clock)
        waiting: set[str] = set()
        while True:
            await self._some.wait()
            await self._clock.sleep(_SETTLE)
            self._some.clear()
            heard, self._heard = self._heard, []
            waiting |= {name for name, version in heard if not self._are_ours(version)}
            try:
                await self._enqueue(sorted(waiting))
            except Refusal as refusal:
                self._some.set()
                await outage.pause(refusal)
            else:
                outage.over()
                waiting.clear()

    async def _enqueue(self, names: list[str]) -> None:
        if not names:
            return

        async def work(store: Store) -> None:
            tenants = await store.of_organizations(names)
            await store.enqueue(sorted(tenant.id for tenant in tenants), AT_ONCE)

        await self._tx.run(work)
