"""Making one object so: read, fence, write; and again if somebody else was faster.

Three things keep a worker that was paused for too long from taking back what a newer order made:
an object is created by POST or changed with the resourceVersion that was read; what was read must
not be of a newer order; and no request is sent that could outlive the queue's lease.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import TypeVar

from services.chassis.backoff import Backoff
from services.chassis.clock import Clock
from services.provisioner import exact
from services.provisioner.domain import Json, JsonObject, Version
from services.provisioner.errors import (
    ClusterUnavailable,
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

Look = Callable[[], Awaitable[None]]
"""Raises if the work is not to go on."""

_LONGEST_CALL = 10.0
_SHORTEST_CALL = 0.05
_MARGIN = 1.0
_CHANGES = 8
"""How often another may write between our reading and our writing, in one run."""
_MISSES = 4
"""How often what was not there is there after all, or the other way round."""
_TURNED_AWAY = 3
"""How often a write is sent again that the API server had no time for, in one run."""
_LONGEST_PAUSE = 2.0
"""Seconds; who is told to wait for longer gives its key back instead."""
PAUSES = Backoff(base=0.02, cap=0.5)
"""Between tries; all of them together are less than two seconds."""


@dataclass(frozen=True, slots=True)
class Hand:
    """Works on the objects of one tenant for one order, as long as the lease lasts."""

    cluster: Cluster
    version: Version
    lease: Lease
    clock: Clock
    pauses: Backoff = PAUSES

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

    async def write(self, send: Callable[[float], Awaitable[T]], look: Look | None = None) -> T:
        """Send a change, and once more when the API server was too busy and said when to come back.

        ``send`` is given its time-out in seconds. It may have had its effect all the same: what is
        created then exists, and what is changed is another version, as if somebody else had been
        faster. ``look`` is looked at again after each pause. A run is dozens of requests, and would
        else begin anew for each that is turned away.
        """
        for _ in range(_TURNED_AWAY):
            try:
                return await send(self.time())
            except ClusterUnavailable as busy:
                pause = busy.retry_after
                if pause is None or pause > min(_LONGEST_PAUSE, self.time()):
                    raise
            await self.clock.sleep(pause)
            if look is not None:
                await look()
        return await send(self.time())

    async def create(self, part: Part, look: Look | None = None) -> Live:
        """Create an object that does not stand; ObjectExists if it does."""
        return await self.write(
            lambda time: self.cluster.create(part.wanted(None), timeout=time), look
        )

    async def ensure(self, part: Part, seen: Live | None, look: Look | None = None) -> Live:
        """Make the object stand as it should, and return it.

        ``seen`` is a hint of which call to begin with; ``look`` is what the caller looked at just
        before, and is looked at again after each pause. Raises ObjectChanged if others keep
        writing, DriftNotRepaired if what was applied did not hold.
        """
        if seen is not None and part.holds(seen):
            return seen
        if seen is None:
            try:
                return await self.create(part, look)
            except ObjectExists:
                pass
        return await self.settled(_named(part.ref), lambda: self._once(part, look), look)

    async def remove(self, ref: Ref, look: Look | None = None) -> None:
        """Delete the object, unless a newer order made it what it is; for ``look`` see above."""
        await self.settled(_named(ref), lambda: self._remove_once(ref, look), look)

    async def delete(self, live: Live) -> None:
        """Delete exactly what was read."""
        await self.cluster.delete(live, timeout=self.time())

    async def settled(
        self, what: str, work: Callable[[], Awaitable[T]], look: Look | None = None
    ) -> T:
        """Read and write again, ever more slowly, until nobody else writes in between.

        ``work`` reads and writes once; ObjectChanged names ``what`` if others keep writing.
        Controllers write the status of what they work on, many times in a row while pods start,
        and each of that is another resourceVersion. They rest after a moment; a lease ends sooner.
        """
        changed = missed = 0
        while changed < _CHANGES and missed < _MISSES:
            try:
                return await work()
            except ObjectChanged:
                changed += 1
                if 1 < changed < _CHANGES:
                    await self.clock.sleep(self.pauses.delay(changed - 1))
                    if look is not None:
                        await look()
            except (ObjectExists, ObjectGone):
                missed += 1
        raise ObjectChanged(f"{what} keeps changing.")

    async def cleared(
        self, wanted: JsonObject, live: Live, look: Look | None = None
    ) -> Live | None:
        """Return the object without what others put where only ours may be, and an apply leaves.

        None where it had to be deleted for that: it is to be created.
        """
        if exact.only_anew(wanted, live.content):
            await self.write(lambda time: self.cluster.delete(live, timeout=time), look)
            return None
        patch = exact.clearing(wanted, live.content)
        if patch is None:
            return live
        return await self.write(lambda time: self.cluster.change(live, patch, timeout=time), look)

    async def _remove_once(self, ref: Ref, look: Look | None) -> None:
        live = await self.get(ref)
        if live is not None and not live.deleting:
            await self.write(lambda time: self.cluster.delete(live, timeout=time), look)

    async def _once(self, part: Part, look: Look | None) -> Live:
        live = await self.get(part.ref)
        if live is None:
            return await self.create(part, look)
        wanted = part.wanted(live)
        if part.holds(live):
            return live
        cleared = await self.cleared(wanted, live, look)
        if cleared is None:
            return await self.create(part, look)
        if part.holds(cleared):
            return cleared
        live = cleared
        fields = handover(live, wanted)
        if fields is not None:
            live = await self._handed_over(live, fields, look)
        applied = await self._applied(wanted, live, look)
        if not part.holds(applied):
            wrong = ", ".join(exact.wrong(part.wanted(applied), applied.content)[:5])
            raise DriftNotRepaired(f"{part.ref.kind} {part.ref.name} differs in {wrong}.")
        return applied

    async def _handed_over(self, live: Live, fields: Sequence[Json], look: Look | None) -> Live:
        return await self.write(
            lambda time: self.cluster.hand_over(live, fields, timeout=time), look
        )

    async def _applied(self, wanted: JsonObject, live: Live, look: Look | None) -> Live:
        return await self.write(lambda time: self.cluster.apply(wanted, live, timeout=time), look)


def _named(ref: Ref) -> str:
    return f"{ref.kind} {ref.name}"


async def together(work: Sequence[Coroutine[None, None, T]]) -> list[T]:
    """Run coroutines at once and return their results; the first failure ends the others."""
    # In a task of its own: before Python 3.13 a TaskGroup that a failure ends leaves the task that
    # waits for it marked as being cancelled, and a worker would take that for its own end.
    return await asyncio.create_task(_grouped(work))


async def _grouped(work: Sequence[Coroutine[None, None, T]]) -> list[T]:
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each) for each in work]
    except BaseExceptionGroup as failures:
        raise _first(failures) from None
    return [task.result() for task in tasks]


def _first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    first = failures.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
