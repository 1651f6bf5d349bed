"""One read for all who ask at the same time, each with what was true after it had asked."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class _Round(Generic[T]):
    """Those who asked before one read began, and what it found."""

    __slots__ = ("found",)

    def __init__(self) -> None:
        self.found: tuple[T] | None = None


class SharedRead(Generic[T]):
    """Reads something that may change at any time, once for all who wait for it.

    It keeps nothing: who asks while a read is under way waits for the next one, which begins after
    that. A read that fails, or whose caller goes away, fails for that caller only; the others read
    again. Reads begin at least ``pause`` seconds apart: under load those who ask wait a moment, and
    are more.
    """

    def __init__(self, read: Callable[[], Awaitable[T]], *, pause: float = 0.0) -> None:
        self._read = read
        self._pause = pause
        self._not_before = 0.0
        self._one_at_a_time = asyncio.Lock()
        self._gathering: _Round[T] | None = None

    async def __call__(self) -> T:
        """Return what a read found that began after this was asked."""
        mine = self._gathering
        if mine is None:
            mine = self._gathering = _Round()
        async with self._one_at_a_time:
            if mine.found is None:
                await self._moment()
                if self._gathering is mine:
                    self._gathering = None
                mine.found = (await self._read(),)
            return mine.found[0]

    async def _moment(self) -> None:
        loop = asyncio.get_running_loop()
        wait = self._not_before - loop.time()
        if wait > 0:
            await asyncio.sleep(wait)
        self._not_before = loop.time() + self._pause
