"""One read for all who ask at the same time, each with what was true after it had asked."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Coroutine
from enum import Enum, auto
from typing import Any, Generic, TypeVar

K = TypeVar("K")
T = TypeVar("T")
R = TypeVar("R")

_REST = 4.0
"""How many times as long as the last read took the next one may be waited for."""
_LONGEST = 5.0
"""The longest pause, as so many of what is said."""
_ONE_GO = 0.01
"""Seconds for which the works of those who wait are done before any of them goes on."""


class _End(Enum):
    """How a caller's waiting ended."""

    MADE = auto()
    FAILED = auto()
    LATE = auto()
    """Its work is left to itself."""


_Told = tuple[_End, Any] | None
"""What was made of what was found, what that failed with, or what was found; None: go and read."""


class _Round(Generic[K, T]):
    """What was asked for before one read begins: by one caller who reads, and those who wait."""

    __slots__ = ("begun", "callers", "deserted", "keys", "loop", "waiting")

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.begun = self.loop.time()
        self.callers = 1
        self.deserted = False
        self.keys: dict[K, None] = {}
        self.waiting: deque[tuple[asyncio.Future[_Told], Callable[[T], Any]]] = deque()

    def tell(self, found: T) -> None:
        """Do the work of all who still wait, and let them go on; who is late does its own."""
        time = self.loop.time
        end = time() + _ONE_GO
        for told, work in self.waiting:
            if told.done():
                continue
            if time() >= end:
                told.set_result((_End.LATE, found))
                continue
            try:
                told.set_result((_End.MADE, work(found)))
            except Exception as error:  # noqa: BLE001 - it is raised where the caller waits
                told.set_result((_End.FAILED, error))
        self.waiting.clear()

    def hand_over(self) -> None:
        """Have the first who still waits read; without one the round is deserted."""
        while self.waiting:
            told, _ = self.waiting.popleft()
            if not told.done():
                told.set_result(None)
                return
        # Who joined it now would wait for nobody.
        self.deserted = True


def _as_found(found: T) -> T:
    return found


class GatheredRead(Generic[K, T]):
    """Reads what may change at any time, for many keys at once, one read in flight.

    It keeps nothing: who asks while a read is under way waits for the next one, which begins after
    that. A read that fails, or whose caller goes away, fails for that caller only; the others read
    again. Where several ask at a time, a read waits for ``pause`` seconds after the first who asked
    for it, and more join; on a machine that is so busy that reads take long, up to five times as
    long, so that most of the time is not spent on reading. Who asks alone waits for nothing. A read
    takes in no more callers once it has ``most`` keys.
    """

    def __init__(
        self, read: Callable[[Collection[K]], Awaitable[T]], *, pause: float, most: int = 256
    ) -> None:
        self._read = read
        self._pause = pause
        self._most = most
        self._last_callers = 0
        self._last_seconds = 0.0
        self._one_at_a_time = asyncio.Lock()
        self._gathering: _Round[K, T] | None = None

    def __call__(self, keys: Collection[K]) -> Coroutine[Any, Any, T]:
        """Return what was found for these keys, and for others maybe."""
        return self.each(keys, _as_found)

    async def each(self, keys: Collection[K], work: Callable[[T], R]) -> R:
        """Return what ``work`` makes of what was found for these keys, and for others maybe.

        The works of all who waited for one read are done in one go, before any of them goes on, in
        the context of whoever read: they ask nothing of their caller's. If that takes longer than
        10 ms, the rest do their own, each when it goes on.
        """
        mine = self._gathering
        if mine is None or mine.deserted or len(mine.keys) >= self._most:
            mine = self._gathering = _Round()
            mine.keys.update(dict.fromkeys(keys))
            return work(await self._read_for(mine))
        mine.callers += 1
        if keys:
            mine.keys.update(dict.fromkeys(keys))
        told: asyncio.Future[_Told] = mine.loop.create_future()
        mine.waiting.append((told, work))
        try:
            made = await told
        except asyncio.CancelledError:
            if told.done() and not told.cancelled() and told.result() is None:
                # It was to read, and goes away before it could begin.
                mine.hand_over()
            raise
        if made is None:
            return work(await self._read_for(mine))
        end, what = made
        if end is _End.FAILED:
            raise what
        result: R = work(what) if end is _End.LATE else what
        return result

    async def _read_for(self, mine: _Round[K, T]) -> T:
        try:
            async with self._one_at_a_time:
                await self._moment(mine)
                if self._gathering is mine:
                    self._gathering = None
                self._last_callers = mine.callers
                began = asyncio.get_running_loop().time()
                found = await self._read(mine.keys.keys())
                self._last_seconds = asyncio.get_running_loop().time() - began
        except BaseException:
            mine.hand_over()
            raise
        mine.tell(found)
        return found

    async def _moment(self, mine: _Round[K, T]) -> None:
        if max(mine.callers, self._last_callers) > 1:
            pause = min(max(self._pause, _REST * self._last_seconds), _LONGEST * self._pause)
            wait = mine.begun + pause - asyncio.get_running_loop().time()
            if wait > 0:
                await asyncio.sleep(wait)


class SharedRead(Generic[T]):
    """A gathered read of one thing: all who ask ask for the same."""

    def __init__(self, read: Callable[[], Awaitable[T]], *, pause: float = 0.0) -> None:
        self._gathered: GatheredRead[None, T] = GatheredRead(lambda _keys: read(), pause=pause)

    def __call__(self) -> Coroutine[Any, Any, T]:
        """Return what a read found that began after this was asked."""
        return self._gathered(())

    def each(self, work: Callable[[T], R]) -> Coroutine[Any, Any, R]:
        """Return what ``work`` makes of it; see ``GatheredRead.each``."""
        return self._gathered.each((), work)
