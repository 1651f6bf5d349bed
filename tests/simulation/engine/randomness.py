"""Chance, ids and time of a simulated world: all of it follows from one seed."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from operator import attrgetter
from random import Random

from services.chassis.ids import derived
from tests.simulation.engine.loop import SimLoop
from tests.simulation.engine.turns import TAKEN, TURN

START = datetime(2026, 1, 1, tzinfo=UTC)
"""When every world begins."""


class Streams:
    """Independent streams of chance by purpose, so that a new draw in one shifts no other."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._streams: dict[str, Random] = {}

    def of(self, name: str) -> Random:
        """Return the stream of a purpose; the same name is the same stream."""
        found = self._streams.get(name)
        if found is None:
            found = self._streams[name] = Random(f"{self.seed}:{name}")
        return found


class SimClock:
    """The chassis's clock on the virtual time of a loop; ``skew`` is in seconds.

    Only the wall time is off: a process whose clock is wrong still counts seconds well.
    """

    def __init__(self, loop: SimLoop, skew: float = 0.0) -> None:
        self._loop = loop
        self._start = START + timedelta(seconds=skew)
        # It is asked some hundred times a payment: no frame of Python.
        self.monotonic: Callable[[], float] = partial(attrgetter("seconds"), loop)
        """Return virtual seconds since the world began."""

    def now(self) -> datetime:
        """Return the wall time."""
        return self._start + timedelta(seconds=self._loop.seconds)

    def sleep(self, seconds: float) -> Awaitable[None]:
        """Wait that long; zero or less only yields."""
        loop = self._loop
        if seconds > 0:
            return loop.rest(seconds)
        return TAKEN if loop.goes_on() else TURN


class SimIds:
    """Ids that count, in the shape of real ones; ``owner`` keeps those of processes apart."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._made = 0

    def new(self, prefix: str) -> str:
        """Return an id that nobody has had before."""
        self._made += 1
        return derived(prefix, self._owner, str(self._made))
