"""Tells pricing what the ConfigMap with plans says, whenever that is something else.

Any number of replicas may do so at once. A watch of one may be behind that of another, and
resourceVersions are names, not numbers: which of two contents is newer cannot be read off them. So
an event only says that it is time to look: what was told last is read first, the ConfigMap from the
API server itself after that, and it is told only if nobody told anything in between. What is told
was therefore read after what was told before it had been told, and an older content never follows
a newer one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from services.chassis.clock import Clock
from services.chassis.errors import Refusal
from services.chassis.outage import Outage
from services.chassis.transactions import Transactions
from services.provisioner.objects import Live, Ref
from services.provisioner.plans.ports import PlansStore
from services.provisioner.plans.seen import PlansSeen, Told, gone

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("provisioner.plans")


class PlansTeller:
    """Listens to the watch of one ConfigMap; ``read`` reads it from the API server.

    The first look of a process tells what stands in any case: pricing may have lost what it was
    told, or have been of a version that did not know what to do with it.
    """

    def __init__(
        self,
        source: str,
        read: Callable[[], Awaitable[PlansSeen]],
        tx: Transactions[PlansStore],
        clock: Clock,
    ) -> None:
        self._source = source
        self._read = read
        self._tx = tx
        self._clock = clock
        self._some = asyncio.Event()
        self._told_once = False

    def listed(self, objects: Sequence[Live]) -> None:
        """Take note that the ConfigMap was listed, or that there is none."""
        self._some.set()

    def kept(self, live: Live) -> None:
        """Take note that it came or changed."""
        self._some.set()

    def gone(self, ref: Ref) -> None:
        """Take note that it went."""
        self._some.set()

    async def run(self) -> None:
        """Tell until cancelled; while the cluster or the database is away, it waits."""
        outage = Outage("The telling of plans", self._clock)
        while True:
            await self._some.wait()
            self._some.clear()
            try:
                await self.look()
            except Refusal as refusal:
                self._some.set()
                await outage.pause(refusal)
            else:
                outage.over()

    async def look(self) -> None:
        """Look once, and tell what stands unless it was told."""
        while True:
            last = await self._tx.single(lambda store: store.last_told(self._source))
            seen = await self._read()
            if self._known(seen, last):
                return
            if await _tell(self._tx, self._clock, seen, last):
                self._told_once = True
                return

    def _known(self, seen: PlansSeen, last: Told | None) -> bool:
        if last is None:
            # That what never stood does not stand is no news.
            return not seen.stands
        return self._told_once and last.digest == seen.digest


async def let_go(tx: Transactions[PlansStore], clock: Clock, watched: str) -> None:
    """Tell once, for good, that every source but the ``watched`` one is watched no more.

    Else its catalog could come from nowhere else for ever. An empty name is none.
    """
    outage = Outage("Letting go of plans", clock)
    while True:
        try:
            for source, last in await tx.single(lambda store: store.told_sources()):
                left = gone(source)
                if source != watched and last.digest != left.digest:
                    # If it is not told, another replica told it.
                    await _tell(tx, clock, left, last)
        except Refusal as refusal:
            await outage.pause(refusal)
        else:
            outage.over()
            return


async def _tell(
    tx: Transactions[PlansStore], clock: Clock, seen: PlansSeen, last: Told | None
) -> bool:
    after, now = (last.revision if last else 0), clock.now()
    # Not only the next number: after a restore from backup the last one is too low, and what is
    # told under a revision that pricing had already would change nothing.
    revision = max(after + 1, int(now.timestamp() * 1000))

    async def write(store: PlansStore) -> bool:
        return await store.tell(seen, revision, now, after=after)

    told = await tx.single(write)
    if told:
        _log.info(
            "What is sold was told to pricing.",
            source=seen.source,
            revision=revision,
            stands=seen.stands,
        )
    return told
