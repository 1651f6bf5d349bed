"""Keeps a set of processes running, from a start in order of dependency to a stop in reverse."""

import asyncio
import logging
import random
import signal
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from deploy.sandbox.supervisor.backoff import Backoff
from deploy.sandbox.supervisor.child import Child
from deploy.sandbox.supervisor.errors import StartFailed, StopRequested
from deploy.sandbox.supervisor.lock import HomeLock
from deploy.sandbox.supervisor.spec import Event, Order, ProcessSpec, RestartPolicy, State

_log = logging.getLogger(__name__)


def log_event(event: Event) -> None:
    """The event hook that is used when none is given."""
    _log.info("%s is %s %s", event.name, event.state.value, event.detail)


class Supervisor:
    """Made by `supervise`, which owns its lock, its tasks and the final stop."""

    def __init__(
        self,
        home: Path,
        tasks: asyncio.TaskGroup,
        on_event: Callable[[Event], None],
        policy: RestartPolicy,
    ) -> None:
        self._home = home
        self._group = tasks
        self._on_event = on_event
        self._policy = policy
        self._order = Order()
        self._children: dict[str, Child] = {}
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._stop_requested = asyncio.Event()

    async def start(self, *specs: ProcessSpec) -> None:
        """Starts `specs`, side by side where dependencies allow, and returns when all are ready.

        They may depend on each other and on what was started before. Raises InvalidSpec before
        anything is started, StartFailed for the first process that does not become ready, and
        StopRequested if a stop is asked for meanwhile.
        """
        if self._stop_requested.is_set():
            raise StopRequested
        self._order.add(specs)
        for spec in specs:
            self._children[spec.name] = Child(spec, self._home)
        for spec in specs:
            child = self._children[spec.name]
            self._keepers[spec.name] = self._group.create_task(self._keep(child), name=spec.name)
        await asyncio.gather(*(self._children[spec.name].first_ready for spec in specs))

    def states(self) -> dict[str, State]:
        """The state of each process by its name."""
        return {name: child.state for name, child in self._children.items()}

    def pids(self) -> dict[str, int]:
        """The process id of each process that runs."""
        return {name: child.pid for name, child in self._children.items() if child.pid is not None}

    def starts(self, name: str) -> int:
        """How often the process was started; 1 means that it never died."""
        return self._children[name].starts

    def request_stop(self) -> None:
        """Asks for the end: wakes `until_stop_requested` and a `start` that is still waiting."""
        self._stop_requested.set()
        for child in self._children.values():
            if not child.first_ready.done():
                child.first_ready.set_exception(StopRequested())
                child.first_ready.exception()  # seen: nobody may be waiting, and that is no error

    def stop_on_signals(self, signals: Iterable[signal.Signals]) -> None:
        """Has each of `signals` (as SIGINT and SIGTERM) request the stop of this supervisor."""
        loop = asyncio.get_running_loop()
        for number in signals:
            loop.add_signal_handler(number, self.request_stop)

    async def until_stop_requested(self) -> None:
        """Returns once `request_stop` was called, also if that was before."""
        await self._stop_requested.wait()

    async def stop_all(self) -> None:
        """Stops every process, none before what depends on it; the supervisor is then finished."""
        self.request_stop()
        for level in self._order.stop_levels():
            await asyncio.gather(*(self._stop(name) for name in level))

    async def _stop(self, name: str) -> None:
        child, keeper = self._children[name], self._keepers[name]
        # The keeper ends first: from here on nobody else waits for or restarts this process.
        keeper.cancel()
        await asyncio.wait([keeper])
        if child.state is not State.FAILED:
            self._enter(child, State.STOPPING)
        await child.terminate()
        if child.state is not State.FAILED:
            self._enter(child, State.STOPPED)

    async def _keep(self, child: Child) -> None:
        for name in child.spec.depends_on:
            if not await self._became_ready(self._children[name]):
                return
        backoff = Backoff(self._policy, random.Random())  # noqa: S311 - spreads restarts only
        while True:
            healthy_for, ending = await self._run_once(child)
            if not child.first_ready.done() and child.starts >= self._policy.attempts:
                self._give_up(child, ending)
                return
            delay = backoff.after(healthy_for)
            self._enter(child, State.BACKING_OFF, f"{ending}; again in {delay:.1f} s")
            await asyncio.sleep(delay)

    async def _became_ready(self, needed: Child) -> bool:
        # Shielded: the future belongs to the other process, whatever becomes of this one.
        try:
            await asyncio.shield(needed.first_ready)
        except (StartFailed, StopRequested):
            return False
        return True

    async def _run_once(self, child: Child) -> tuple[float, str]:
        """Runs the process to its end: how long it was ready, and how it ended."""
        loop = asyncio.get_running_loop()
        await child.spawn()
        self._enter(child, State.STARTING)
        ready_at = loop.time()
        try:
            ready = await child.until_ready()
        except TimeoutError:
            child.kill()
            await child.until_exit()
            return 0.0, f"it was not ready after {child.spec.start_timeout:g} s"
        if ready:
            ready_at = loop.time()
            self._enter(child, State.READY)
            if not child.first_ready.done():
                child.first_ready.set_result(None)
        ending = _in_words(await child.until_exit())
        return (loop.time() - ready_at if ready else 0.0), ending

    def _give_up(self, child: Child, ending: str) -> None:
        self._enter(child, State.FAILED, ending)
        error = StartFailed(child.spec.name, ending, child.log, child.tail())
        child.first_ready.set_exception(error)

    def _enter(self, child: Child, state: State, detail: str = "") -> None:
        child.state = state
        self._on_event(Event(child.spec.name, state, child.pid, detail))


def _in_words(code: int) -> str:
    if code < 0:
        return f"it was ended by signal {-code} ({signal.strsignal(-code)})"
    return f"it ended with code {code}"


@asynccontextmanager
async def supervise(
    home: Path,
    *,
    on_event: Callable[[Event], None] = log_event,
    policy: RestartPolicy | None = None,
) -> AsyncIterator[Supervisor]:
    """A supervisor in `home`; everything it started is stopped when the block is left.

    Pid files are in `home/run`, logs in `home/log`. Raises AlreadyRunning if another one holds
    `home`. An error of the block comes out as it is, not in an exception group.
    """
    failure: Exception | None = None
    with HomeLock(home):
        _prepare(home)
        async with asyncio.TaskGroup() as tasks:
            supervisor = Supervisor(home, tasks, on_event, policy or RestartPolicy())
            try:
                yield supervisor
            except Exception as error:  # noqa: BLE001 - raised again below, outside the group
                failure = error
            finally:
                await supervisor.stop_all()
    if failure is not None:
        raise failure


def _prepare(home: Path) -> None:
    (home / "log").mkdir(exist_ok=True)
    run = home / "run"
    run.mkdir(exist_ok=True)
    # Left by a supervisor that was killed; the kernel ended its processes with it.
    for stale in run.glob("*.pid"):
        stale.unlink()
