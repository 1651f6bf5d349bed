"""Processes of a simulated world: started, killed between any two awaits, paused, started again."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from tests.simulation.engine.lives import Life, SimTask
from tests.simulation.engine.loop import SimLoop

T = TypeVar("T")

Main = Callable[["SimProcess"], Awaitable[None]]
Watcher = Callable[[Life], None]


class SimProcess:
    """A place where ``main`` runs; each start is a new life that shares nothing with the last.

    ``service`` is whose replica it is. ``ended`` are told of a life that was killed or has ended,
    after it: databases roll back, connections break. ``died`` is told what an end by itself was
    raised with. ``lacks`` is a kind of fact that the version that is started next does not know.
    """

    def __init__(
        self,
        loop: SimLoop,
        name: str,
        main: Main,
        *,
        service: str = "",
        died: Callable[["SimProcess", BaseException], None] | None = None,
    ) -> None:
        self.loop = loop
        self.name = name
        self.service = service or name
        self.main = main
        self.incarnation = 0
        self.life: Life | None = None
        self.lacks = ""
        self.stopping = asyncio.Event()
        self.kills = 0
        self.drained = 0
        self._died = died
        self._watchers: list[Watcher] = []

    @property
    def up(self) -> bool:
        """Whether it lives."""
        return self.life is not None

    def on_end(self, watcher: Watcher) -> None:
        """Tell somebody of every life that is over."""
        self._watchers.append(watcher)

    def start(self) -> None:
        """Begin a new life, unless there is one."""
        if self.life is not None:
            return
        self.incarnation += 1
        self.stopping = asyncio.Event()
        self.life = self.loop.new_life(f"{self.name}#{self.incarnation}")
        self.spawn(self._run(self.life))

    def spawn(self, coro: Coroutine[Any, Any, T]) -> SimTask[T]:
        """Run something in this life."""
        assert self.life is not None, f"{self.name} does not run"
        return self.loop.spawn(self.life, coro)

    def crash(self) -> None:
        """Kill it where it stands: none of its code runs again."""
        if self.life is not None:
            self.kills += 1
            self._end(self.life)

    def doom(self, steps: int) -> None:
        """Kill it after so many more of its own steps (from 1)."""
        if self.life is not None:
            self.life.on_doom = self.crash
            self.life.doom = steps

    def pause(self) -> None:
        """Stop it, as a machine that hangs; what becomes due gathers."""
        if self.life is not None:
            self.loop.pause(self.life)

    def resume(self) -> None:
        """Let it go on, with everything that it believed before."""
        if self.life is not None:
            self.loop.resume(self.life)

    def _end(self, life: Life) -> None:
        self.loop.end(life)
        self.life = None
        for watcher in self._watchers:
            watcher(life)

    async def _run(self, life: Life) -> None:
        try:
            await self.main(self)
        except Exception as error:  # noqa: BLE001 - whatever ends a process by itself is told
            if self._died is not None and not self.loop.over:
                self._died(self, error)
        # What still runs of it dies with it; this task is done, so nothing of it is cut off.
        if self.life is life and not self.loop.over:
            self._end(life)
