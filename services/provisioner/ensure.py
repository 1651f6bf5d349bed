"""Making one object so: read, fence, write; and again if somebody else was faster.

Three things keep a worker that was paused for too long from taking back what a newer order made:
an object is created by POST or changed with the resourceVersion that was read; what was read must
not be of a newer order; and no request is sent that could outlive the queue's lease.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import TypeVar

from services.provisioner.compare import differences
from services.provisioner.domain import Version
from services.provisioner.errors import (
    DriftNotRepaired,
    LeaseTooShort,
    ObjectChanged,
    ObjectExists,
    ObjectGone,
    Superseded,
)
from services.provisioner.manifests import Part
from services.provisioner.objects import Live, Ref
from services.provisioner.ownership import handover
from services.provisioner.ports import Cluster, Lease

T = TypeVar("T")

_LONGEST_CALL = 10.0
_SHORTEST_CALL = 0.05
_MARGIN = 1.0
_TRIES = 4


@dataclass(frozen=True, slots=True)
class Hand:
    """Works on the objects of one tenant for one order, as long as the lease lasts."""

    cluster: Cluster
    version: Version
    lease: Lease

    def time(self) -> float:
        """Return how long the next request may take, in seconds; LeaseTooShort if none may."""
        left = self.lease.remaining() - _MARGIN
        if left < _SHORTEST_CALL:
            raise LeaseTooShort("Too little of the lease is left.")
        return min(left, _LONGEST_CALL)

    def fenced(self, live: Live) -> Live:
        """Return what was read; Superseded if a newer order made it what it is."""
        if live.version > self.version:
            raise Superseded(
                f"{live.ref.kind} {live.ref.name} is of a newer order, {live.version}."
            )
        return live

    async def get(self, ref: Ref, since: str = "") -> Live | None:
        """Read an object from the API server; Superseded if it is of a newer order.

        With a resourceVersion ``since`` it may be read as it stood at any time since that write.
        """
        live = await self.cluster.get(ref, timeout=self.time(), since=since)
        return None if live is None else self.fenced(live)

    async def create(self, part: Part) -> Live:
        """Create an object that does not stand; ObjectExists if it does."""
        return await self.cluster.create(part.wanted(None), timeout=self.time())

    async def ensure(self, part: Part, seen: Live | None) -> Live:
        """Make the object stand as it should, and return it.

        ``seen`` is a hint of which call to begin with. Raises ObjectChanged if others keep
        writing, DriftNotRepaired if what was applied did not hold.
        """
        if seen is not None and part.holds(seen):
            return seen
        if seen is None:
            try:
                return await self.create(part)
            except ObjectExists:
                pass
        for _ in range(_TRIES):
            try:
                return await self._once(part)
            except (ObjectChanged, ObjectExists, ObjectGone):
                continue
        raise ObjectChanged(f"{part.ref.kind} {part.ref.name} keeps changing.")

    async def remove(self, ref: Ref) -> None:
        """Delete the object, unless a newer order made it what it is."""
        for _ in range(_TRIES):
            live = await self.get(ref)
            if live is None or live.deleting:
                return None
            try:
                return await self.cluster.delete(live, timeout=self.time())
            except ObjectChanged:
                continue
        raise ObjectChanged(f"{ref.kind} {ref.name} keeps changing.")

    async def delete(self, live: Live) -> None:
        """Delete exactly what was read."""
        await self.cluster.delete(live, timeout=self.time())

    async def _once(self, part: Part) -> Live:
        live = await self.get(part.ref)
        if live is None:
            return await self.create(part)
        wanted = part.wanted(live)
        if part.holds(live):
            return live
        fields = handover(live, wanted)
        if fields is not None:
            live = await self.cluster.hand_over(live, fields, timeout=self.time())
        applied = await self.cluster.apply(wanted, live, timeout=self.time())
        if not part.holds(applied):
            wrong = ", ".join(differences(part.wanted(applied), applied.content)[:5])
            raise DriftNotRepaired(f"{part.ref.kind} {part.ref.name} differs in {wrong}.")
        return applied


async def together(work: Sequence[Coroutine[None, None, T]]) -> list[T]:
    """Run coroutines at once and return their results; the first failure ends the others."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each) for each in work]
    except BaseExceptionGroup as failures:
        raise _first(failures) from None
    return [task.result() for task in tasks]


def _first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    first = failures.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
