"""Lives of a simulated world, and the futures and tasks that belong to them."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextvars import Context, ContextVar
from typing import TYPE_CHECKING, Any, TypeVar, cast, final

from tests.simulation.engine.handles import Due

if TYPE_CHECKING:
    from tests.simulation.engine.loop import SimLoop

T = TypeVar("T")

LIFE: ContextVar["Life"] = ContextVar("simulation_life")

_FEW = 64


def current_life() -> "Life":
    """Return the life that runs now."""
    return LIFE.get()


class SimFuture(asyncio.Future[T]):
    """A future whose place in a set does not depend on where it lies in memory."""

    sequence = 0

    def __hash__(self) -> int:
        return self.sequence or _numbered(self)


@final
class Rest(SimFuture[None]):
    """A wait for a virtual time that is its own timer; who gives it up cancels both."""

    _cancelled = False

    def cancel(self, msg: Any | None = None) -> bool:
        """Wait no more."""
        if not self._cancelled:
            self._cancelled = True
            loop = cast("SimLoop", self.get_loop())
            loop.timers_cancelled += 1
        return super().cancel(msg)


class SimTask(asyncio.Task[T]):
    """A task whose place in a set does not depend on where it lies in memory."""

    sequence = 0
    context: Context

    @property
    def life(self) -> "Life":
        """Whose work it is."""
        return self.context[LIFE]

    def __hash__(self) -> int:
        return self.sequence or _numbered(self)


def _numbered(one: Any) -> int:
    number: int = next(one.get_loop().sequence)
    one.sequence = number
    return number


class Life:
    """One run of a process: its ready callbacks in order, and whether it is over.

    ``doom`` counts callbacks until ``on_doom`` is called; 0 is never.
    """

    __slots__ = (
        "_many",
        "_tasks",
        "context",
        "doom",
        "ended",
        "index",
        "name",
        "on_doom",
        "paused",
        "queued",
        "ready",
    )

    def __init__(self, name: str, index: int) -> None:
        self.name = name
        self.index = index
        self.ready: deque[Due] = deque()
        self.ended = False
        self.paused = False
        self.queued = False
        self.doom = 0
        self.on_doom: Callable[[], None] = nothing
        self.context = Context()
        self.context.run(LIFE.set, self)
        self._tasks: list[SimTask[Any]] = []
        self._many = _FEW

    def own(self, task: SimTask[Any]) -> None:
        """Keep a task until it is done, also after the life: its frames are never to be let go."""
        tasks = self._tasks
        tasks.append(task)
        if len(tasks) > self._many:
            self._many = 2 * len(self.tasks()) + _FEW

    def tasks(self) -> list[SimTask[Any]]:
        """Return the tasks that are not done, and let the others go."""
        self._tasks = [task for task in self._tasks if not task.done()]
        return self._tasks


def nothing() -> None:
    """Nothing is to happen."""
