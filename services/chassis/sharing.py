"""One read for all who ask at the same time, each with what was true after it had asked."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Generic, TypeVar

K = TypeVar("K")
T = TypeVar("T")


class _Round(Generic[K, T]):
    """What was asked for before one read began, and what it found."""

    __slots__ = ("begun", "callers", "found", "keys")

    def __init__(self, now: float) -> None:
        self.begun = now
        self.callers = 0
        self.keys: dict[K, None] = {}
        self.found: tuple[T] | None = None


class GatheredRead(Generic[K, T]):
    """Reads what may change at any time, for many keys at once, one read in flight.

    It keeps nothing: who asks while a read is under way waits for the next one, which begins after
    that. A read that fails, or whose caller goes away, fails for that caller only; the others read
    again. Where several ask at a time, a read waits for ``pause`` seconds after the first who asked
    for it, and more join; who asks alone waits for nothing. A read takes in no more callers once it
    has ``most`` keys.
    """

    def __init__(
        self, read: Callable[[Collection[K]], Awaitable[T]], *, pause: float, most: int = 256
    ) -> None:
        self._read = read
        self._pause = pause
        self._most = most
        self._last_callers = 0
        self._one_at_a_time = asyncio.Lock()
        self._gathering: _Round[K, T] | None = None

    async def __call__(self, keys: Collection[K]) -> T:
        """Return what was found for these keys, and for others maybe."""
        mine = self._gathering
        if mine is None or len(mine.keys) >= self._most:
            mine = self._gathering = _Round(asyncio.get_running_loop().time())
        mine.callers += 1
        mine.keys.update(dict.fromkeys(keys))
        async with self._one_at_a_time:
            if mine.found is None:
                await self._moment(mine)
                if self._gathering is mine:
                    self._gathering = None
                self._last_callers = mine.callers
                mine.found = (await self._read(mine.keys.keys()),)
            return mine.found[0]

    async def _moment(self, mine: _Round[K, T]) -> None:
        if max(mine.callers, self._last_callers) > 1:
            wait = mine.begun + self._pause - asyncio.get_running_loop().time()
            if wait > 0:
                await asyncio.sleep(wait)


class SharedRead(Generic[T]):
    """A gathered read of one thing: all who ask ask for the same."""

    def __init__(self, read: Callable[[], Awaitable[T]], *, pause: float = 0.0) -> None:
        self._gathered: GatheredRead[None, T] = GatheredRead(lambda _keys: read(), pause=pause)

    async def __call__(self) -> T:
        """Return what a read found that began after this was asked."""
        return await self._gathered(())
