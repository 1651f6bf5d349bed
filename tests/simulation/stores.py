"""Where the services of a world keep their rows: in memory, or on PostgreSQL (``postgres/``)."""

from random import Random
from typing import Protocol

from services.chassis.clock import Clock
from services.chassis.wakeups import Wakeups
from tests.simulation.engine.database import SimDatabase, WorldDatabase
from tests.simulation.engine.loop import SimLoop
from tests.simulation.engine.randomness import SimClock
from tests.simulation.services.rows import Rows, memory_rows

SERVICES = ("pricing", "subscription", "payments", "provisioner")


class Stores(Protocol):
    """The stores of one world."""

    def loop(self, chance: Random, longest: int) -> SimLoop:
        """Return a loop on which they work."""
        ...

    def database(
        self, service: str, loop: SimLoop, clock: SimClock, chance: Random
    ) -> WorldDatabase:
        """Return a service's database."""
        ...

    async def rows(self, service: str, db: WorldDatabase, clock: Clock, wakeups: Wakeups) -> Rows:
        """Open a service's rows in the life that runs now."""
        ...

    def end(self) -> None:
        """Let go of everything: the world is over."""
        ...


class InMemory:
    """Statements that take effect between two steps, and cost next to nothing."""

    def loop(self, chance: Random, longest: int) -> SimLoop:
        """Return a loop that never leaves its world."""
        return SimLoop(chance, longest)

    def database(
        self, _service: str, loop: SimLoop, clock: SimClock, chance: Random
    ) -> WorldDatabase:
        """Return an empty one."""
        return SimDatabase(loop, clock, chance)

    async def rows(self, service: str, db: WorldDatabase, clock: Clock, wakeups: Wakeups) -> Rows:
        """Return the rows on the in-memory stores."""
        return await memory_rows(service, db, clock, wakeups)

    def end(self) -> None:
        """Nothing is held."""
