"""Databases that are slow, lose connections, or lose the answer to a commit, both ways."""

from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulation.world import World


class SlowStatements:
    """Some statements take a while, so that transactions overlap and wait for each other."""

    name = "slow statements"

    def start(self, world: "World", rng: Random) -> None:
        """Begin."""
        for db in world.databases.values():
            db.trouble.slow = rng.choice([0.02, 0.1])
            db.trouble.slow_seconds = rng.choice([0.01, 0.1, 0.4])

    def stop(self, world: "World") -> None:
        """End."""
        for db in world.databases.values():
            db.trouble.slow = 0.0


class LostConnections:
    """Statements fail: the transaction is gone and runs again."""

    name = "lost connections"

    def start(self, world: "World", rng: Random) -> None:
        """Begin.

        In memory a statement over many rows is as many steps, and each may fail: more than this,
        and no transaction that looks at every tenant ever ends.
        """
        for db in world.databases.values():
            db.trouble.lose = rng.choice([0.0005, 0.002, 0.005])

    def stop(self, world: "World") -> None:
        """End."""
        for db in world.databases.values():
            db.trouble.lose = 0.0


class LostCommits:
    """Nobody knows what became of a commit: half of them took effect, half did not."""

    name = "lost commits"

    def start(self, world: "World", rng: Random) -> None:
        """Begin."""
        for db in world.databases.values():
            chance = rng.choice([0.002, 0.01, 0.03])
            db.trouble.lose_before = db.trouble.lose_after = chance

    def stop(self, world: "World") -> None:
        """End."""
        for db in world.databases.values():
            db.trouble.lose_before = db.trouble.lose_after = 0.0
