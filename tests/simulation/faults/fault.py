"""What a fault is."""

from random import Random
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tests.simulation.world import World


class Fault(Protocol):
    """Something that goes wrong from ``start`` to ``stop``. Made without arguments."""

    name: str

    def start(self, world: "World", rng: Random) -> None:
        """Let it go wrong from now on; ``rng`` is this fault's own."""
        ...

    def stop(self, world: "World") -> None:
        """Let it be well again: nothing that it broke stays broken by it."""
        ...
