"""A provider that is out of reach, fails with 500s that it replays, or asks for patience."""

from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulation.world import World


class UnreachableShop:
    """Some calls never come, some answers never come back."""

    name = "unreachable shop"

    def start(self, world: "World", rng: Random) -> None:
        """Begin."""
        world.shop.faults.unreachable = rng.choice([0.05, 0.3])
        world.shop.faults.slowest = rng.choice([0.1, 2.0])

    def stop(self, world: "World") -> None:
        """End."""
        world.shop.line.quiet()


class FailingShop:
    """Some calls end in a 500, before or after their effect, that is replayed for a day."""

    name = "failing shop"

    def start(self, world: "World", rng: Random) -> None:
        """Begin."""
        world.shop.faults.failed = rng.choice([0.05, 0.3])

    def stop(self, world: "World") -> None:
        """End."""
        world.shop.line.quiet()


class LimitedShop:
    """Some calls are refused because they are too many."""

    name = "limited shop"

    def start(self, world: "World", rng: Random) -> None:
        """Begin."""
        world.shop.faults.limited = rng.choice([0.05, 0.2])

    def stop(self, world: "World") -> None:
        """End."""
        world.shop.line.quiet()
