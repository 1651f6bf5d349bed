"""Databases of a simulated world: the in-memory ones, with owners of transactions and trouble.

Polls are real in effect and cost nothing while nothing is due: a loop that waits for work is woken
when its own process committed some, and else at the poll that would find some.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from math import inf
from random import Random
from typing import Any, Protocol, TypeVar

from services.chassis.wakeups import Wakeups
from tests.fakes.memory_db import CommitFate, ConnectionLost, MemoryDatabase, Writes
from tests.fakes.memory_outbox import OUTBOX
from tests.fakes.memory_queue import QUEUE
from tests.simulation.engine.handles import Alarm
from tests.simulation.engine.lives import LIFE, Life
from tests.simulation.engine.loop import SimLoop
from tests.simulation.engine.randomness import START, SimClock
from tests.simulation.engine.turns import TAKEN, TURN

S = TypeVar("S")

_NOTHING: Mapping[Any, Any] = {}
_POLL = 1.0
_BEGAN = START.timestamp()


@dataclass
class DbTrouble:
    """How likely each trouble is: for a statement to be slow or to lose its connection, for a
    commit to be lost before or after it took effect."""

    slow: float = 0.0
    slow_seconds: float = 0.05
    lose: float = 0.0
    lose_before: float = 0.0
    lose_after: float = 0.0


class WorldDatabase(Protocol):
    """One service's database, as a world sees it; all replicas share it.

    ``trouble`` is what goes wrong there, ``tables`` what is committed, for invariants to read.
    """

    loop: SimLoop
    trouble: DbTrouble

    @property
    def tables(self) -> Mapping[str, Mapping[Any, Any]]:
        """Rows by table and key."""
        ...

    def life_ended(self, life: Life) -> None:
        """Roll back what a life had open."""
        ...

    def watch(self, poller: "Poller") -> None:
        """Wake a poller at the poll that finds something."""
        ...

    def unwatch(self, poller: "Poller") -> None:
        """Forget a poller."""
        ...


class Pollers:
    """Who waits for what in a database, and when its next poll finds something.

    ``due`` says when a topic's first row is due, in virtual seconds; inf for never.
    """

    def __init__(self, loop: SimLoop, chance: Random, due: Callable[[str], float]) -> None:
        self._loop = loop
        self._chance = chance
        self._due = due
        self._waiting: dict[str, dict[Poller, None]] = {}

    def watch(self, poller: "Poller") -> None:
        """Plan a poller's poll."""
        self._waiting.setdefault(poller.topic, {})[poller] = None
        self._plan(poller, self._due(poller.topic))

    def unwatch(self, poller: "Poller") -> None:
        """Forget a poller."""
        self._waiting.get(poller.topic, {}).pop(poller, None)
        poller.forget()

    def life_ended(self, life: Life) -> None:
        """Forget those of a life."""
        for pollers in self._waiting.values():
            for poller in [one for one in pollers if one.life is life]:
                del pollers[poller]
                poller.forget()

    def changed(self, *kinds: str) -> None:
        """Plan anew: a commit changed rows that topics of these kinds (outbox, queue) are of."""
        for topic, pollers in self._waiting.items():
            if pollers and topic.startswith(kinds):
                self.comes(topic, self._due(topic))

    def comes(self, topic: str, due: float) -> None:
        """Plan for a row of a topic that is due at this second, or the first of several."""
        for poller in self._waiting.get(topic, ()):
            self._plan(poller, due)

    def _plan(self, poller: "Poller", due: float) -> None:
        # Who looks too early looks once more; what was taken meanwhile is left out when it is
        # looked for, which is cheaper than to plan anew with each claim.
        if due < poller.at:
            # A poll comes at any moment within its period after the row is due.
            when = max(due, self._loop.seconds) + self._chance.random() * _POLL
            if when < poller.at:
                poller.plan(when, self._look)

    def _look(self, poller: "Poller") -> None:
        poller.at = inf
        due = self._due(poller.topic)
        if due <= self._loop.seconds:
            poller.set()
        else:
            self._plan(poller, due)


class SimDatabase(MemoryDatabase):
    """One service's database in memory."""

    def __init__(self, loop: SimLoop, clock: SimClock, chance: Random) -> None:
        super().__init__(clock, step=self._step, fate=self._fate, owner=LIFE.get)
        self.loop = loop
        self.trouble = DbTrouble()
        self.commits = 0
        self._chance = chance
        self._pollers = Pollers(loop, chance, self._due)

    def written(self, writes: Writes) -> None:
        """Plan polls for what a commit wrote that others poll for."""
        for row in writes.get(OUTBOX.name, _NOTHING).values():
            if row is not None:
                self._pollers.comes(f"outbox:{row.destination}", row.due_at - _BEGAN)
        for (queue, _), row in writes.get(QUEUE.name, _NOTHING).items():
            if row is not None:
                self._pollers.comes(f"queue:{queue}", row.due_at - _BEGAN)

    def life_ended(self, life: Life) -> None:
        """Roll back what a life had open, and forget its pollers."""
        mine = [tx for tx in self.open if tx.owner is life]
        self._pollers.life_ended(life)
        self.crash(mine)

    def watch(self, poller: "Poller") -> None:
        """Wake a poller at the poll that finds something."""
        self._pollers.watch(poller)

    def unwatch(self, poller: "Poller") -> None:
        """Forget a poller."""
        self._pollers.unwatch(poller)

    def _due(self, topic: str) -> float:
        """Return the virtual second at which the first row of a topic is due; inf for none."""
        kind, _, name = topic.partition(":")
        if kind == "outbox":
            rows = self.tables[OUTBOX.name].values()
            found = [row.due_at for row in rows if row.destination == name]
        else:
            keys = self.tables[QUEUE.name].items()
            found = [row.due_at for (queue, _), row in keys if queue == name]
        return min(found) - _BEGAN if found else inf

    def now(self) -> float:
        """Return the database's time in seconds, to the microsecond, as PostgreSQL's."""
        return _BEGAN + round(self.loop.seconds, 6)

    def _step(self) -> Awaitable[None]:
        trouble = self.trouble
        likely = trouble.slow + trouble.lose
        if not self.loop.goes_on():
            return self._turn() if likely else TURN
        if likely and (drawn := self._chance.random()) < likely:
            return self._strike(drawn)
        return TAKEN

    async def _turn(self) -> None:
        await TURN
        drawn = self._chance.random()
        if drawn < self.trouble.lose + self.trouble.slow:
            await self._strike(drawn)

    async def _strike(self, drawn: float) -> None:
        if drawn < self.trouble.lose:
            raise ConnectionLost("the connection broke")
        await self.clock.sleep(self._chance.random() * self.trouble.slow_seconds)

    def _fate(self) -> CommitFate:
        self.commits += 1
        trouble = self.trouble
        if trouble.lose_before or trouble.lose_after:
            drawn = self._chance.random()
            if drawn < trouble.lose_before:
                return CommitFate.LOST_BEFORE
            if drawn < trouble.lose_before + trouble.lose_after:
                return CommitFate.LOST_AFTER
        return CommitFate.COMMITTED


class Poller:
    """One wait for work of a topic."""

    def __init__(self, loop: SimLoop, topic: str) -> None:
        self.topic = topic
        self.life = LIFE.get()
        self.waiter: asyncio.Future[None] = loop.create_future()
        self._loop = loop
        self._alarm: Alarm | None = None
        self.at = inf
        """The virtual second at which it looks."""

    def is_set(self) -> bool:
        """Tell whether it is about to look."""
        return self.waiter.done()

    def set(self) -> None:
        """Let it look for its work."""
        if not self.waiter.done():
            self.waiter.set_result(None)

    def plan(self, when: float, look: Callable[["Poller"], None]) -> None:
        """Look at a virtual second, and no earlier."""
        if self.at != inf:
            self.forget()
        self.at = when
        self._alarm = self._loop.alarm(when, look, self)

    def forget(self) -> None:
        """Look no more."""
        self.at = inf
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None


class SimWakeups(Wakeups):
    """The wake-ups of one process; a wait for work ends at the first poll that finds some."""

    def __init__(self, db: WorldDatabase) -> None:
        super().__init__()
        self._db = db

    async def wait(self, topic: str, since: int, timeout: float) -> bool:
        """Wait until the topic was woken after ``since``, or a poll would find something.

        Returns whether it was woken.
        """
        if not topic.startswith(("outbox:", "queue:")):
            return await super().wait(topic, since, timeout)
        if self._counts[topic] != since:
            return True
        poller = Poller(self._db.loop, topic)
        # It is told as any event is, and costs a third of one.
        event: Any = poller
        self._waiting[topic][event] = None
        self._db.watch(poller)
        try:
            await poller.waiter
        finally:
            del self._waiting[topic][event]
            self._db.unwatch(poller)
        return self._counts[topic] != since
