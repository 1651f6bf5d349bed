"""A queue of keys: a key waits once, however often it is added."""

import asyncio
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class KeyedQueue(Generic[K]):
    """Keys in order of arrival; a later time for a key that is scheduled already is ignored."""

    def __init__(self) -> None:
        self._waiting: dict[K, None] = {}
        self._timers: dict[K, asyncio.TimerHandle] = {}
        self._wake = asyncio.Event()

    def add(self, key: K) -> None:
        """Queue a key now."""
        if timer := self._timers.pop(key, None):
            timer.cancel()
        self._waiting[key] = None
        self._wake.set()

    def add_after(self, key: K, seconds: float) -> None:
        """Queue a key later, unless it comes up earlier anyway."""
        if key in self._waiting:
            return
        loop = asyncio.get_running_loop()
        when = loop.time() + seconds
        timer = self._timers.get(key)
        if timer is not None:
            if timer.when() <= when:
                return
            timer.cancel()
        self._timers[key] = loop.call_at(when, self.add, key)

    async def get(self) -> K:
        """The key that has waited longest."""
        while (key := self.next()) is None:
            self._wake.clear()
            await self._wake.wait()
        return key

    def next(self) -> K | None:
        """The key that has waited longest, if there is one."""
        key = next(iter(self._waiting), None)
        if key is not None:
            del self._waiting[key]
        return key

    def close(self) -> None:
        """Cancel what is scheduled."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
