"""Processes that are killed between any two of their steps, that hang, and that are replaced.

How often is counted in steps of the world and not in time: months in which nothing happens are not
months of trouble.
"""

import asyncio
from datetime import datetime
from random import Random
from typing import TYPE_CHECKING

from services.subscription import convert
from tests.simulation.engine.lives import SimTask
from tests.simulation.engine.process import SimProcess

if TYPE_CHECKING:
    from tests.simulation.world import World

_MOST_STEPS = 400
_MANY = 100
"""Crashes that show what crashes show; of more there is one for every ten payments."""
_BURST = 10
"""Crashes that come as fast as was drawn, one while the last is still mended."""


class Crashes:
    """Kills replicas where they stand, after a random number of their own steps."""

    name = "crashes"

    def __init__(self) -> None:
        self._task: SimTask[None] | None = None

    def start(self, world: "World", rng: Random) -> None:
        """Begin."""
        every = rng.choice([500, 2_000, 10_000])
        self._task = world.spawn(self._kill(world, rng, every))

    def stop(self, world: "World") -> None:
        """End; what is down is started again by the world."""
        if self._task is not None:
            self._task.cancel()
        for process in world.replicas:
            if process.life is not None:
                process.life.doom = 0

    async def _kill(self, world: "World", rng: Random, every: int) -> None:
        # Starting again is work too: without an end, a world would do nothing but die.
        payments = world.settings.payments
        most = min(payments // 2, max(_MANY, payments // 10))
        done = 0
        while done < most:
            await world.loop.after_steps(int(rng.expovariate(1 / every)))
            # A burst begins when its share of the payments is taken: they last for all of a world.
            if (done - done % _BURST) * payments > world.shop.payments * most:
                continue
            done += 1
            process = rng.choice(world.replicas)
            if process.life is not None and not process.life.doom:
                process.doom(1 + rng.randrange(_MOST_STEPS))


class Pauses:
    """Lets replicas hang for longer than their leases, and go on as if nothing had been."""

    name = "pauses"

    def __init__(self) -> None:
        self._task: SimTask[None] | None = None

    def start(self, world: "World", rng: Random) -> None:
        """Begin."""
        self._task = world.spawn(self._hang(world, rng, rng.choice([3_000, 20_000])))

    def stop(self, world: "World") -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()
        for process in world.replicas:
            process.resume()

    async def _hang(self, world: "World", rng: Random, every: int) -> None:
        while True:
            await world.loop.after_steps(int(rng.expovariate(1 / every)))
            process = rng.choice(world.replicas)
            process.pause()
            await asyncio.sleep(rng.choice([0.5, 5.0, 15.0, 45.0]))
            process.resume()


class Rollouts:
    """Replaces replicas one after the other: each drains, ends and starts anew."""

    name = "rollouts"

    def __init__(self) -> None:
        self._task: SimTask[None] | None = None

    def start(self, world: "World", rng: Random) -> None:
        """Begin."""
        self._task = world.spawn(self._roll(world, rng, rng.choice([20_000, 80_000])))

    def stop(self, world: "World") -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()

    async def _roll(self, world: "World", rng: Random, every: int) -> None:
        while True:
            await world.loop.after_steps(int(rng.expovariate(1 / every)))
            for process in rng.sample(world.replicas, rng.randrange(1, len(world.replicas))):
                process.stopping.set()
                await asyncio.sleep(rng.uniform(0.0, 20.0))


class OlderVersion:
    """One replica of a consumer goes back to a version that does not know a kind of fact yet.

    What comes of that kind is kept (rule 8), and taken once the replica is as new as the other.
    """

    name = "older version"

    def __init__(self) -> None:
        self._older: SimProcess | None = None
        self.kept = ""
        """The kind that it does not know."""
        self.until: datetime | None = None
        """When it was replaced, and what it had kept was taken."""

    def start(self, world: "World", rng: Random) -> None:
        """Begin."""
        replicas = [one for one in world.replicas if one.service == "subscription"]
        self._older = rng.choice(replicas)
        self._older.lacks = self.kept = rng.choice(sorted(convert.KNOWN_TYPES))
        self._older.stopping.set()

    def stop(self, world: "World") -> None:
        """End: it is replaced by the version that knows everything."""
        if self._older is not None:
            self._older.lacks = ""
            self._older.stopping.set()
            self.until = world.clock.now()
