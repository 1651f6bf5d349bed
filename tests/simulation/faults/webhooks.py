"""Webhooks that are lost, come twice, or come hours late and so in another order."""

from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulation.world import World


class LostWebhooks:
    """Some deliveries do not arrive, or their 200 does not: the shop sends them again."""

    name = "lost webhooks"

    def start(self, world: "World", rng: Random) -> None:
        """Begin."""
        world.shop.post.habits.lost = rng.choice([0.05, 0.2, 0.5])

    def stop(self, world: "World") -> None:
        """End."""
        world.shop.post.habits.lost = 0.0


class DoubledWebhooks:
    """Some are sent twice from the beginning, by two paths that know nothing of each other."""

    name = "doubled webhooks"

    def start(self, world: "World", rng: Random) -> None:
        """Begin."""
        world.shop.post.habits.doubled = rng.choice([0.1, 0.5])

    def stop(self, world: "World") -> None:
        """End."""
        world.shop.post.habits.doubled = 0.0


class LateWebhooks:
    """Some come hours late, so that what happened first is often told of last."""

    name = "late webhooks"

    def start(self, world: "World", rng: Random) -> None:
        """Begin."""
        world.shop.post.habits.late = rng.choice([0.05, 0.3])
        world.shop.post.habits.latest = rng.choice([10.0, 600.0, 6 * 3600.0])

    def stop(self, world: "World") -> None:
        """End."""
        world.shop.post.habits.late = 0.0


class ScatteredWebhooks:
    """All come within seconds, in any order: what is told of one purchase is spread out."""

    name = "scattered webhooks"

    def start(self, world: "World", rng: Random) -> None:
        """Begin."""
        world.shop.post.habits.slowest = rng.choice([1.0, 1.5, 2.0])
        world.shop.post.habits.both = True

    def stop(self, world: "World") -> None:
        """End."""
        world.shop.post.quiet()
