"""Measures what tenants use every few minutes, one replica at a time; tells pricing by the hour.

Samples gather in the database, so an hour survives whoever measured it, and is told once: who adds
to an hour and who tells it hold the same lock, and by its clock an hour that was told is over.
"""

from collections.abc import Sequence

from services.chassis.clock import Clock
from services.chassis.errors import Refusal
from services.chassis.outage import Outage
from services.chassis.transactions import Transactions
from services.provisioner.metering.hours import SECONDS, Metered, Use
from services.provisioner.metering.ports import MeteringStore, Places, PodMetrics

_PAGE = 500
_LOOKS = 4
"""How often in the time between two samples a replica looks whether it is its turn."""
_SETTLE = 1.0
"""Seconds between two looks whether the cluster was heard of."""


class Meter:
    """Measures while it runs; ``every`` is the seconds between two samples of all replicas."""

    def __init__(
        self,
        tx: Transactions[MeteringStore],
        metrics: PodMetrics,
        places: Places,
        clock: Clock,
        every: float,
    ) -> None:
        self._tx = tx
        self._metrics = metrics
        self._places = places
        self._clock = clock
        self._every = every

    async def run(self) -> None:
        """Measure until cancelled; while the cluster or the database is away, samples are missing.

        A cluster that serves no metrics is looked at all the same: it may come to.
        """
        outage = Outage("The measuring of use", self._clock)
        while not self._places.ready:
            await self._clock.sleep(_SETTLE)
        while True:
            try:
                if await self.look():
                    outage.over()
            except Refusal as refusal:
                await outage.pause(refusal)
            await self._clock.sleep(self._every / _LOOKS)

    async def look(self) -> bool:
        """Measure once if it is this replica's turn, and tell the hours that are over."""
        if not self._places.ready:
            return False
        if not await self._tx.single(lambda store: store.claim(self._every)):
            return False
        await self._tell()
        await self._measure()
        return True

    async def _tell(self) -> None:
        async def tell(store: MeteringStore) -> int:
            return await store.tell(await store.lock() // SECONDS, _PAGE)

        while await self._tx.run(tell) == _PAGE:
            continue

    async def _measure(self) -> None:
        found = await self._metrics.read()
        if found is None:
            return
        after = ""
        while True:
            page = await self._page(after)
            used = {}
            for one in page:
                held = self._places.of(one)
                total = Use(storage_bytes=held.storage_bytes)
                for namespace in held.namespaces:
                    total = total.plus(found.get(namespace, Use()))
                used[one.tenant] = total
            await self._add(used)
            if len(page) < _PAGE:
                return
            after = page[-1].tenant

    async def _page(self, after: str) -> Sequence[Metered]:
        return await self._tx.single(lambda store: store.metered(after, _PAGE))

    async def _add(self, used: dict[str, Use]) -> None:
        async def add(store: MeteringStore) -> None:
            await store.add(await store.lock() // SECONDS, used)

        if used:
            await self._tx.run(add)
