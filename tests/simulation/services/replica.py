"""One replica of a service: what its composition is given, and how it runs and drains."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random

from services.chassis.metrics import Metrics
from services.chassis.wakeups import Wakeups
from tests.simulation.engine.database import SimWakeups, WorldDatabase
from tests.simulation.engine.loop import SimLoop
from tests.simulation.engine.network import SimChannel, SimNet
from tests.simulation.engine.process import SimProcess
from tests.simulation.engine.randomness import SimClock, SimIds, Streams
from tests.simulation.services.rows import OpenRows, Rows

METRICS = Metrics()
"""One for all worlds: nobody looks at it, and making one is slow."""


class _Drained(Exception):  # noqa: N818 - it is no error: it ends the loops of a replica
    """The replica was told to stop, and what it took in is done."""


@dataclass(frozen=True, slots=True)
class Platform:
    """What all replicas of a world share."""

    loop: SimLoop
    net: SimNet
    streams: Streams
    open_rows: OpenRows


@dataclass(frozen=True, slots=True)
class Replica:
    """What a composition builds with, in one life of one process.

    ``newer`` replicas run the next version of their service, beside older ones. ``loops`` owns
    what never ends, ``work`` what ends by itself.
    """

    process: SimProcess
    platform: Platform
    rows: Rows
    clock: SimClock
    ids: SimIds
    wakeups: Wakeups
    rng: Random
    loops: asyncio.TaskGroup
    work: asyncio.TaskGroup
    newer: bool
    metrics: Metrics = METRICS

    @property
    def stopping(self) -> asyncio.Event:
        """Set when the replica is to drain."""
        return self.process.stopping

    @property
    def life(self) -> str:
        """The name of this life, such as ``payments-a#2``."""
        return f"{self.process.name}#{self.process.incarnation}"

    def jitter(self) -> float:
        """Return a number from 0 up to 1."""
        return self.rng.random()

    def channel(self, target: str) -> SimChannel:
        """Return a channel to another service."""
        return self.platform.net.channel(self.process.service, target)


Compose = Callable[[Replica], Awaitable[None]]
"""Builds a replica and serves until it is to stop."""


def replica_main(
    platform: Platform, db: WorldDatabase, compose: Compose, *, newer: bool, skew: float
) -> Callable[[SimProcess], Awaitable[None]]:
    """Return what a process runs: the composition, within task groups that own its tasks."""

    async def main(process: SimProcess) -> None:
        life = f"{process.name}#{process.incarnation}"
        try:
            async with asyncio.TaskGroup() as loops, asyncio.TaskGroup() as work:
                clock, wakeups = SimClock(platform.loop, skew), SimWakeups(db)
                replica = Replica(
                    process=process,
                    platform=platform,
                    rows=await platform.open_rows(process.service, db, clock, wakeups),
                    clock=clock,
                    ids=SimIds(life),
                    wakeups=wakeups,
                    rng=platform.streams.of(life),
                    loops=loops,
                    work=work,
                    newer=newer,
                )
                work.create_task(_composed(compose, replica, loops))
        except* _Drained:
            process.drained += 1

    return main


async def _composed(compose: Compose, replica: Replica, loops: asyncio.TaskGroup) -> None:
    await compose(replica)
    loops.create_task(_end(replica))


async def _end(replica: Replica) -> None:
    # Raising is how a TaskGroup is told to cancel tasks that never end.
    raise _Drained
