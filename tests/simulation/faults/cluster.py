"""A cluster that is overloaded, hangs, is written to by others, or is watched with a lag."""

from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulation.world import World


class OverloadedCluster:
    """Some requests are refused before they have an effect."""

    name = "overloaded cluster"

    def start(self, world: "World", rng: Random) -> None:
        """Begin."""
        world.cluster.faults.unavailable = rng.choice([0.02, 0.1, 0.3])

    def stop(self, world: "World") -> None:
        """End."""
        world.cluster.faults.unavailable = 0.0


class HangingCluster:
    """Some requests never come, and the answers of some that had their effect never come back."""

    name = "hanging cluster"

    def start(self, world: "World", rng: Random) -> None:
        """Begin."""
        world.cluster.faults.timeout = rng.choice([0.01, 0.05])

    def stop(self, world: "World") -> None:
        """End."""
        world.cluster.faults.timeout = 0.0


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
