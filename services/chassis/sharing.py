"""One read for all who ask at the same time, each with what was true after it had asked."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from typing import Generic, TypeVar

K = TypeVar("K")
T = TypeVar("T")

_REST = 4.0
"""How many times as long as the last read took the next one may be waited for."""
_LONGEST = 5.0
"""The longest pause, as so many of what is said."""


class _Round(Generic[K, T]):
    """What was asked for before one read begins: by one caller who reads, and those who wait.

    Who waits is given what was found, or, as None, the reading.
    """

    __slots__ = ("begun", "callers", "deserted", "keys", "waiting")

    def __init__(self, now: float) -> None:
        self.begun = now
        self.callers = 0
        self.deserted = False
        self.keys: dict[K, None] = {}
        self.waiting: deque[asyncio.Future[tuple[T] | None]] = deque()

    async def told(self) -> tuple[T] | None:
        """Wait for what is found; None to who has to read instead."""
        mine: asyncio.Future[tuple[T] | None] = asyncio.get_running_loop().create_future()
        self.waiting.append(mine)
        try:
            return await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled() and mine.result() is None:
                # It was to read, and goes away before it could begin.
                self.hand_over()
            raise

    def tell(self, found: T) -> None:
        """Give all who still wait what was found."""
        for one in self.waiting:
            if not one.done():
                one.set_result((found,))
        self.waiting.clear()

    def hand_over(self) -> None:
        """Have the first who still waits read; without one the round is deserted."""
        while self.waiting:
            one = self.waiting.popleft()
            if not one.done():
                one.set_result(None)
                return
        # Who joined it now would wait for nobody.
        self.deserted = True


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

    async def __call__(self, keys: Collection[K]) -> T:
        """Return what was found for these keys, and for others maybe."""
        mine = self._gathering
        reads = False
        if mine is None or mine.deserted or len(mine.keys) >= self._most:
            mine = self._gathering = _Round(asyncio.get_running_loop().time())
            reads = True
        mine.callers += 1
        if keys:
            mine.keys.update(dict.fromkeys(keys))
        if not reads:
            told = await mine.told()
            if told is not None:
                return told[0]
        return await self._read_for(mine)

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

    async def __call__(self) -> T:
        """Return what a read found that began after this was asked."""
        return await self._gathered(())
