"""Wake-ups inside one process: who commits work tells the workers that wait for it.

Only a shortcut. What is to do stands in the database, and workers poll it; a wake-up that is lost
costs a poll's time and nothing else.
"""

import asyncio
from collections import defaultdict
from contextlib import suppress
from contextvars import ContextVar


class Wakeups:
    """Counts wake-ups by topic, so that none is lost between a look and a wait."""

    def __init__(self) -> None:
        self._counts: defaultdict[str, int] = defaultdict(int)
        # In the order in which they came, so that they are woken in it.
        self._waiting: defaultdict[str, dict[asyncio.Event, None]] = defaultdict(dict)

    def wake(self, topic: str) -> None:
        """Wake all who wait for the topic, and those who are about to."""
        self._counts[topic] += 1
        for event in self._waiting[topic]:
            event.set()

    def seen(self, topic: str) -> int:
        """Return how often the topic was woken; ask before looking for work."""
        return self._counts[topic]

    async def wait(self, topic: str, since: int, timeout: float) -> bool:
        """Wait until the topic was woken after ``since``, for at most ``timeout`` seconds.

        Returns whether it was.
        """
        if self._counts[topic] != since:
            return True
        event = asyncio.Event()
        self._waiting[topic][event] = None
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await event.wait()
        finally:
            self._waiting[topic].pop(event, None)
        return self._counts[topic] != since

    async def wake_when(self, event: asyncio.Event, topic: str) -> None:
        """Wake the topic once the event is set, so that a waiting loop notices it at once."""
        await event.wait()
        self.wake(topic)


_pending: ContextVar[set[str] | None] = ContextVar("tollgate_pending_wakeups", default=None)


def after_commit(topic: str) -> None:
    """Ask for a wake-up once the transaction around has committed; without one it is dropped."""
    topics = _pending.get()
    if topics is not None:
        topics.add(topic)


class gathering:  # noqa: N801 - it is called as the function that it could be
    """Gather what ``after_commit`` is asked for within a block; whoever commits wakes it.

    Written out, for one made of a generator costs a transaction three times this.
    """

    __slots__ = ("_token",)

    def __enter__(self) -> set[str]:
        topics: set[str] = set()
        self._token = _pending.set(topics)
        return topics

    def __exit__(self, *_raised: object) -> None:
        _pending.reset(self._token)
