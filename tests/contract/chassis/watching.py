"""Wake-ups that a test can look at: it waits until the loops wait, and need not poll them."""

import asyncio

from services.chassis.wakeups import Wakeups


class WatchedWakeups(Wakeups):
    """The real ones; who waits is told of to those who wait for that."""

    def __init__(self) -> None:
        super().__init__()
        self._came = asyncio.Event()

    async def wait(self, topic: str, since: int, timeout: float) -> bool:
        # Whom this wakes runs once this task has no more to do now, which is in the wait below.
        self._came.set()
        return await super().wait(topic, since, timeout)

    async def waited_for(self, topic: str, count: int) -> None:
        """Return once so many wait for the topic who have not been woken; bounded by its caller."""
        while sum(not one.is_set() for one in self._waiting[topic]) < count:
            self._came.clear()
            await self._came.wait()
