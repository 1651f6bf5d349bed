"""A provider that is out of reach, fails with 500s that it replays, or asks for patience."""

import asyncio
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


class SlowPages:
    """Pages that are fetched come seconds late, and just after something else was told of.

    What a page began has gone on meanwhile, and nobody has begun to look at the news of it yet.
    """

    name = "slow pages"

    def start(self, world: "World", rng: Random) -> None:
        """Begin."""
        post = world.shop.post

        async def holds() -> None:
            for _ in range(rng.choice([0, 1, 1, 2])):
                await asyncio.wait({post.next_taken()}, timeout=3.0)

        world.shop.line.holds = holds

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
