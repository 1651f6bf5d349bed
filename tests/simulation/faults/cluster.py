"""A cluster that is overloaded, hangs, is written to by others, or is watched with a lag."""

import asyncio
from collections.abc import Callable
from functools import partial
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulation.world import World


_SPELL = 2 * 3600.0
_BETWEEN = 22 * 3600.0
_SELDOM = 0.02
"""The share of requests that may fail for months."""


async def _in_spells(world: "World", fault: Callable[[float], None], rate: float) -> None:
    """Let requests fail: a few always, or many for two hours of every day.

    What needs dozens of requests in a row comes through many failures only by luck, and would be
    tried again every few minutes of all the months in which nobody does anything.
    """
    fault(rate)
    while rate > _SELDOM:
        await asyncio.sleep(_SPELL)
        fault(0.0)
        await asyncio.sleep(_BETWEEN)
        if not world.troubled:
            return
        fault(rate)


class OverloadedCluster:
    """Some requests are refused before they have an effect."""

    name = "overloaded cluster"

    def start(self, world: "World", rng: Random) -> None:
        """Begin."""
        world.spawn(_in_spells(world, partial(_refuse, world), rng.choice([_SELDOM, 0.1, 0.3])))

    def stop(self, world: "World") -> None:
        """End."""
        _refuse(world, 0.0)


def _refuse(world: "World", rate: float) -> None:
    world.cluster.faults.unavailable = rate


class HangingCluster:
    """Some requests never come, and the answers of some that had their effect never come back."""

    name = "hanging cluster"

    def start(self, world: "World", rng: Random) -> None:
        """Begin."""
        world.spawn(_in_spells(world, partial(_hang, world), rng.choice([0.01, 0.05])))

    def stop(self, world: "World") -> None:
        """End."""
        _hang(world, 0.0)


def _hang(world: "World", rate: float) -> None:
    world.cluster.faults.timeout = rate


class BusyCluster:
    """Others write our objects just before we do, so that what was read is not what stands."""

    name = "busy cluster"

    def start(self, world: "World", rng: Random) -> None:
        """Begin."""
        world.cluster.faults.touched = rng.choice([0.05, 0.3])

    def stop(self, world: "World") -> None:
        """End."""
        world.cluster.faults.touched = 0.0


class LaggingWatch:
    """Watches are seconds behind, and have to list again at times."""

    name = "lagging watch"

    def start(self, world: "World", rng: Random) -> None:
        """Begin."""
        world.cluster.faults.lag = rng.choice([1.0, 10.0, 60.0])
        world.cluster.faults.expired = rng.choice([0.0, 0.05])

    def stop(self, world: "World") -> None:
        """End."""
        world.cluster.faults.lag = 0.05
        world.cluster.faults.expired = 0.0
