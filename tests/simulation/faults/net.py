"""A network that loses, doubles and delays calls, and callers that give up early."""

from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulation.world import World


class LostCalls:
    """Connections break before the request arrives, or after it was done."""

    name = "lost calls"

    def start(self, world: "World", rng: Random) -> None:
        """Begin."""
        world.net.trouble.lose_request = rng.choice([0.005, 0.03])
        world.net.trouble.lose_answer = rng.choice([0.005, 0.03])

    def stop(self, world: "World") -> None:
        """End."""
        world.net.trouble.lose_request = world.net.trouble.lose_answer = 0.0


class DoubledCalls:
    """Requests arrive twice, at two replicas perhaps."""

    name = "doubled calls"

    def start(self, world: "World", rng: Random) -> None:
        """Begin."""
        world.net.trouble.double = rng.choice([0.02, 0.1])

    def stop(self, world: "World") -> None:
        """End."""
        world.net.trouble.double = 0.0


class SlowCalls:
    """Messages overtake each other."""

    name = "slow calls"

    def start(self, world: "World", rng: Random) -> None:
        """Begin."""
        world.net.trouble.slow = rng.choice([0.02, 0.1])
        world.net.trouble.slow_seconds = rng.choice([0.2, 3.0, 12.0])

    def stop(self, world: "World") -> None:
        """End."""
        world.net.trouble.slow = 0.0


class HurriedCalls:
    """Deadlines that cancel handlers in the middle of what they do (rule 23)."""

    name = "hurried calls"

    def start(self, world: "World", rng: Random) -> None:
        """Begin."""
        world.net.trouble.hurry = rng.choice([0.01, 0.05])
        world.net.trouble.hurry_seconds = rng.choice([0.01, 0.05, 0.5])

    def stop(self, world: "World") -> None:
        """End."""
        world.net.trouble.hurry = 0.0


class LateCalls:
    """Requests that hang in the network and arrive when their caller has long asked again.

    The other replica's relay has gone on by then: what it says late is older than what is known.
    """

    name = "late calls"

    def start(self, world: "World", rng: Random) -> None:
        """Begin."""
        world.net.trouble.late = rng.choice([0.01, 0.05])
        world.net.trouble.late_seconds = rng.choice([30.0, 120.0])

    def stop(self, world: "World") -> None:
        """End; what hangs arrives all the same."""
        world.net.trouble.late = 0.0
