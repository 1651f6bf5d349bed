"""One read for all who ask at the same time, each with what was true after it had asked."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Coroutine
from typing import Any, Generic, NamedTuple, TypeVar

K = TypeVar("K")
T = TypeVar("T")
R = TypeVar("R")

_REST = 4.0
"""How many times as long as the last read took the next one may be waited for."""
_LONGEST = 5.0
"""The longest pause, as so many of what is said."""
_ONE_GO = 0.01
"""Seconds for which the works of those who wait are done before any of them goes on."""


class _Made(NamedTuple):
    """What became of a caller's work; or, with the work left, what it is to be done on."""

    result: Any
    error: Exception | None = None
    work_left: bool = False


class _Waiting(NamedTuple):
    """A caller who waits. Its future is given what was made, or, as None, the reading."""

    told: asyncio.Future[_Made | None]
    work: Callable[[Any], Any]


class _Round(Generic[K, T]):
    """What was asked for before one read begins: by one caller who reads, and those who wait."""

    __slots__ = ("begun", "callers", "deserted", "keys", "waiting")

    def __init__(self, now: float) -> None:
        self.begun = now
        self.callers = 0
        self.deserted = False
        self.keys: dict[K, None] = {}
        self.waiting: deque[_Waiting] = deque()

    async def made(self, work: Callable[[T], R]) -> _Made | None:
        """Wait for what ``work`` makes of what is found; None to who has to read instead."""
        mine: asyncio.Future[_Made | None] = asyncio.get_running_loop().create_future()
        self.waiting.append(_Waiting(mine, work))
        try:
            return await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled() and mine.result() is None:
                # It was to read, and goes away before it could begin.
                self.hand_over()
            raise

    def tell(self, found: T) -> None:
        """Do the work of all who still wait, and let them go on; who is late does its own."""
        loop = asyncio.get_running_loop()
        end = loop.time() + _ONE_GO
        for told, work in self.waiting:
            if told.done():
                continue
            late = loop.time() >= end
            told.set_result(_Made(found, work_left=True) if late else _made(work, found))
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


def _made(work: Callable[[T], R], found: T) -> _Made:
    try:
        return _Made(work(found))
    except Exception as error:  # noqa: BLE001 - it is raised where the caller waits
        return _Made(None, error)


def _result(made: _Made, work: Callable[[T], R]) -> R:
    if made.error is not None:
        raise made.error
    if made.work_left:
        return work(made.result)
    result: R = made.result
    return result


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
        reads = False
        if mine is None or mine.deserted or len(mine.keys) >= self._most:
            mine = self._gathering = _Round(asyncio.get_running_loop().time())
            reads = True
        mine.callers += 1
        if keys:
            mine.keys.update(dict.fromkeys(keys))
        if not reads:
            made = await mine.made(work)
            if made is not None:
                return _result(made, work)
        return work(await self._read_for(mine))

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
