"""An event loop on virtual time whose every decision follows from a seed.

Work belongs to lives (a life is one run of a process, from its start to its crash). Within a life
callbacks run in the order in which they were scheduled, as in any loop; which life goes next is a
draw. When nobody has anything to do, time jumps to the next timer.
"""

import asyncio
import heapq
import itertools
import warnings
from asyncio import events
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextvars import Context, copy_context
from random import Random
from types import MethodType
from typing import Any, NoReturn, TypeVar, TypeVarTuple

from tests.simulation.engine.garbage import uncollected, unlisted
from tests.simulation.engine.handles import Alarm, SentHandle, SimHandle, SimTimer
from tests.simulation.engine.lives import LIFE, Life, Rest, SimFuture, SimTask, nothing
from tests.simulation.engine.turns import TAKEN

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_TASK_DONE = asyncio.TaskGroup._on_task_done


class NothingLeftError(Exception):
    """Somebody waits, and nothing is due that could end the wait."""


class RunawayError(Exception):
    """More steps than a world may take: something goes round in circles."""


class SimLoop(asyncio.BaseEventLoop):
    """The loop of one world. It never sleeps, and touches no thread, socket or selector."""

    def __init__(self, chance: Random, longest: int = 50_000_000) -> None:
        super().__init__()
        self.seconds = 0.0
        """Virtual seconds since the world began; only the loop sets them."""
        self._draw = chance.random
        self._longest = longest
        self._timers: list[tuple[float, int, SimTimer | Alarm | Rest, Life]] = []
        self._timers_made = 0
        self.timers_cancelled = 0
        """Timers that wait for nothing, roughly; those who cancel count."""
        self._runnable: list[Life] = []
        self._lives: list[Life] = []
        self.sequence = itertools.count(1)
        """Numbers for what wants to be hashed."""
        self.over = False
        """Whether the world was buried."""
        self._alarms: list[tuple[int, int, asyncio.Future[None]]] = []
        self._next_alarm = longest + 1
        self.steps = 0
        self.fingerprint = 0
        self._problems: list[dict[str, Any]] = []
        self.root = self._running = self.new_life("world")
        self._sent = SentHandle(nothing, (), self, self.root.context)

    def time(self) -> float:
        """Return virtual seconds since the world began."""
        return self.seconds

    @property
    def problems(self) -> list[dict[str, Any]]:
        """What asyncio's exception handler was told."""
        for life in self._lives:
            # A task that failed tells so when it is let go.
            life.tasks()
        return self._problems

    def new_life(self, name: str) -> Life:
        """Begin a life."""
        life = Life(name, len(self._lives) + 1)
        self._lives.append(life)
        return life

    def spawn(self, life: Life, coro: Coroutine[Any, Any, T], name: str = "task") -> SimTask[T]:
        """Start a task in a life, with nothing of the caller's context."""
        return self.create_task(coro, name=name, context=life.context.copy())

    async def after_steps(self, steps: int) -> None:
        """Wait until so many more steps were taken, whatever time that takes."""
        alarm: asyncio.Future[None] = self.create_future()
        heapq.heappush(self._alarms, (self.steps + max(steps, 1), next(self.sequence), alarm))
        self._next_alarm = self._alarms[0][0]
        await alarm

    def pause(self, life: Life) -> None:
        """Run nothing of a life until it is resumed; what becomes due gathers."""
        life.paused = True
        if life.queued:
            self._runnable.remove(life)
            life.queued = False

    def resume(self, life: Life) -> None:
        """Go on where a life was paused."""
        life.paused = False
        if life.ready and not life.ended:
            self._queue(life)

    def end(self, life: Life) -> None:
        """Let nothing of a life run ever again, not even what its frames would do in the end.

        It keeps its tasks, so that no ``finally`` and no ``except`` runs because of them.
        """
        life.tasks()
        life.ended = True
        life.doom = 0
        life.ready.clear()
        if life.queued:
            self._runnable.remove(life)
            life.queued = False

    def run_world(self, main: Coroutine[Any, Any, T]) -> T:
        """Run the world's main coroutine to its end."""
        events._set_running_loop(self)
        try:
            with uncollected(), unlisted():
                task = self.spawn(self.root, main, "main")
                self._drive(task)
        finally:
            events._set_running_loop(None)
        return task.result()

    def bury(self) -> None:
        """End the world: let all frames go, wherever they stand; what they still try is ignored."""
        self.over = True
        # Nobody goes on without a step from here.
        self._next_alarm = -1
        graves = [task for life in self._lives for task in life.tasks()]
        for task in graves:
            task._log_destroy_pending = False  # type: ignore[attr-defined]  # asyncio's own
        with warnings.catch_warnings():
            # What was about to be awaited when its process died is no news.
            warnings.simplefilter("ignore")
            for task in graves:
                task.context.run(_close, task.get_coro())
        self._timers.clear()
        self._runnable.clear()
        self.close()

    # What asyncio asks of a loop.

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """Schedule a callback in the life whose context it has."""
        handle: SimHandle | None = None
        if context is None:
            context = copy_context()
            handle = SimHandle(callback, args, self, context)
        elif type(callback) is MethodType and callback.__func__ is _TASK_DONE and _well(*args):
            # Its group only counts it; that is no work to be drawn, or killed, before.
            callback(*args)
            return self._sent
        life = context[LIFE]
        if not (life.ended or self.over):
            life.ready.append((context, callback, args, handle))
            if not (life.queued or life.paused):
                life.queued = True
                self._runnable.append(life)
        return handle or self._sent

    def call_soon_threadsafe(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """There are no threads."""
        return self.call_soon(callback, *args, context=context)

    def call_later(
        self,
        delay: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Schedule a callback in so many virtual seconds."""
        return self.call_at(self.seconds + delay, callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Schedule a callback at a virtual time."""
        if context is None:
            context = copy_context()
        handle = SimTimer(when, callback, args, self, context)
        life = context[LIFE]
        if not (life.ended or self.over):
            self._timers_made += 1
            heapq.heappush(self._timers, (when, self._timers_made, handle, life))
        return handle

    def alarm(self, when: float, callback: Callable[[*Ts], object], *args: *Ts) -> Alarm:
        """Let the machine do something at a virtual time, as a step of nobody.

        It may set results and start tasks: whoever is woken by that does so in a step of its own.
        """
        alarm = Alarm(callback, args, self)
        if not self.over:
            self._timers_made += 1
            heapq.heappush(self._timers, (when, self._timers_made, alarm, self.root))
        return alarm

    def create_future(self) -> asyncio.Future[Any]:
        """Return a future of this loop."""
        return SimFuture(loop=self)

    def create_task(  # type: ignore[override]  # typeshed knows more kinds of coroutines
        self,
        coro: Coroutine[Any, Any, T] | Generator[Any, None, T],
        *,
        name: str | None = None,
        context: Context | None = None,
    ) -> SimTask[T]:
        """Start a task in the life whose context it has."""
        if context is None:
            context = copy_context()
        if self.over:
            coro.close()
        task: SimTask[T] = SimTask(coro, loop=self, name=name or "task", context=context)
        task.context = context
        context[LIFE].own(task)
        return task

    # Nobody debugs by asyncio here; each future asks, so the answer is no frame of Python.
    get_debug = staticmethod(bool)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Keep what went wrong where nobody listened."""
        self._problems.append(context)

    def run_in_executor(self, executor: object, func: object, *args: object) -> NoReturn:
        """Refuse: a thread is not deterministic."""
        raise RuntimeError("a simulated world has no threads")

    def goes_on(self) -> bool:
        """Take the next step on the spot if nobody but who runs now could be drawn for it.

        Returns whether it was taken. Who awaits in this way sees, and is seen, as if it had waited
        for its turn: the steps, draws and crashes are the same.
        """
        life = self._running
        if self._runnable or life.doom or life.ended or self.steps >= self._next_alarm:
            return False
        self.steps += 1
        self.fingerprint = hash((self.fingerprint, life.index))
        return True

    def rest(self, seconds: float) -> Awaitable[None]:
        """Return what comes so much later, as a step of nobody; to be awaited at once."""
        when = self.seconds + seconds
        if not self._runnable and self.passes(when):
            return TAKEN
        rest = Rest(loop=self)
        if not self.over:
            self._timers_made += 1
            heapq.heappush(self._timers, (when, self._timers_made, rest, self.root))
        return rest

    def passes(self, when: float) -> bool:
        """Let time pass on the spot, and take the next step, if nothing else happens until then.

        Returns whether it did; see ``goes_on``.
        """
        timers = self._timers
        while timers and (timers[0][2]._cancelled or timers[0][3].ended):
            heapq.heappop(timers)
        if timers and timers[0][0] <= when:
            return False
        before = self.fingerprint
        self.fingerprint = hash((before, when))
        if self.goes_on():
            self.seconds = when
            return True
        self.fingerprint = before
        return False

    def _drive(self, until: asyncio.Future[Any]) -> None:
        runnable, draw = self._runnable, self._draw
        while not until.done():
            count = len(runnable)
            if not count:
                self._advance()
                self.fingerprint = hash((self.fingerprint, self.seconds))
                continue
            place = int(draw() * count) if count > 1 else 0
            life = self._running = runnable[place]
            context, callback, args, handle = life.ready.popleft()
            if not life.ready:
                life.queued = False
                last = runnable.pop()
                if place < count - 1:
                    runnable[place] = last
            if handle is not None and handle._cancelled:
                continue
            self.steps += 1
            self.fingerprint = hash((self.fingerprint, life.index))
            try:
                if args:
                    context.run(callback, *args)
                else:
                    context.run(callback)
            except Exception as error:  # noqa: BLE001 - a callback's failure ends no world
                self._problems.append({"message": "a callback failed", "exception": error})
            if life.doom:
                self._approach(life)
            if self.steps >= self._next_alarm:
                self._ring()

    def _ring(self) -> None:
        if self.steps > self._longest:
            raise RunawayError(f"{self.steps} steps, at second {self.seconds:.0f}")
        while self._alarms and self._alarms[0][0] <= self.steps:
            _, _, alarm = heapq.heappop(self._alarms)
            if not alarm.done():
                alarm.set_result(None)
        self._next_alarm = self._alarms[0][0] if self._alarms else self._longest + 1

    def _approach(self, life: Life) -> None:
        life.doom -= 1
        if not life.doom:
            life.on_doom()

    def _advance(self) -> None:
        if self.timers_cancelled > 1000 and self.timers_cancelled * 2 > len(self._timers):
            self._forget_cancelled()
        timers, pop = self._timers, heapq.heappop
        while timers and (timers[0][2]._cancelled or timers[0][3].ended):
            pop(timers)
        if not timers:
            raise NothingLeftError(f"nothing is due after second {self.seconds:.3f}")
        if timers[0][0] > self.seconds:
            self.seconds = timers[0][0]
        now = self.seconds
        while timers and timers[0][0] <= now:
            _, _, handle, life = pop(timers)
            if handle._cancelled or life.ended:
                continue
            if type(handle) is Rest:
                handle.set_result(None)
            elif type(handle) is Alarm:
                handle._callback(*handle._args)
            else:
                life.ready.append((handle._context, handle._callback, tuple(handle._args), handle))
                if not (life.queued or life.paused):
                    self._queue(life)

    def _forget_cancelled(self) -> None:
        self._timers = [
            timer for timer in self._timers if not (timer[2]._cancelled or timer[3].ended)
        ]
        heapq.heapify(self._timers)
        self.timers_cancelled = 0

    def _queue(self, life: Life) -> None:
        if not life.queued:
            life.queued = True
            self._runnable.append(life)


def _well(*ended: Any) -> bool:
    (task,) = ended
    return not task.cancelled() and task._exception is None


def _close(coro: Any) -> None:
    """Close a coroutine that may wait again in its ``finally``, as often as it does."""
    for _ in range(100):
        try:
            coro.close()
        except BaseException:  # noqa: BLE001, S112 - its world is over: nobody is to be told
            continue
        return
