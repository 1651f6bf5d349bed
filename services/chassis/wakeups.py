"""Wake-ups inside one process: who commits work tells the workers that wait for it.

Only a shortcut. What is to do stands in the database, and workers poll it; a wake-up that is lost
costs a poll's time and nothing else. A worker that is free can also be handed the work itself: the
transaction writes it as leased, and if nobody is told after all, the lease runs out.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Offer:
    """A worker of this process is free: it takes what is written as leased for ``lease`` seconds.

    The lease counts from the offer or later; ``take`` is called after the commit, or never.
    """

    lease: float
    take: Callable[[Sequence[Any]], None]


OfferTo = Callable[[int], Offer | None]
"""Offers to take so many pieces of work, or None when they are better left to be looked for."""


class Wakeups:
    """Counts wake-ups by topic, so that none is lost between a look and a wait."""

    def __init__(self) -> None:
        self._counts: defaultdict[str, int] = defaultdict(int)
        # In the order in which they came, so that they are woken in it.
        self._waiting: defaultdict[str, dict[asyncio.Event, None]] = defaultdict(dict)
        self._takers: dict[str, OfferTo] = {}

    def wake(self, topic: str) -> None:
        """Wake all who wait for the topic, and those who are about to."""
        self._counts[topic] += 1
        for event in self._waiting[topic]:
            event.set()

    def nudge(self, topic: str) -> bool:
        """End the wait of one who waits for the topic; there is nothing to look for.

        Returns whether somebody waited.
        """
        for event in self._waiting[topic]:
            if not event.is_set():
                event.set()
                return True
        return False

    @contextmanager
    def taking(self, topic: str, offer: OfferTo) -> Iterator[None]:
        """Let work of a topic be handed over within the block; one loop of a process does it."""
        self._takers[topic] = offer
        try:
            yield
        finally:
            self._takers.pop(topic, None)

    def offer(self, topic: str, count: int) -> Offer | None:
        """Ask whoever takes work of the topic whether so much can be handed over."""
        taker = self._takers.get(topic)
        return None if taker is None else taker(count)

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


_pending: ContextVar["gathering | None"] = ContextVar("tollgate_pending_wakeups", default=None)


def after_commit(topic: str) -> None:
    """Ask for a wake-up once the transaction around has committed; without one it is dropped."""
    gathered = _pending.get()
    if gathered is not None:
        gathered.wake(topic)


def offered(topic: str, count: int) -> Offer | None:
    """Ask, in a transaction, for somebody to hand so many pieces of work to after its commit."""
    gathered = _pending.get()
    return None if gathered is None else gathered.wakeups.offer(topic, count)


def hand_after_commit(offer: Offer, work: Sequence[Any]) -> None:
    """Hand over what this transaction wrote as leased; if it fails, nobody hears of it."""
    gathered = _pending.get()
    if gathered is not None:
        gathered.hand(offer, work)


class gathering:  # noqa: N801 - it is called as the function that it could be
    """Gather what a transaction within the block has to tell this process; who commits tells it.

    Written out, for one made of a generator costs a transaction three times this. Most transactions
    have nothing to tell.
    """

    __slots__ = ("_token", "handed", "topics", "wakeups")

    def __init__(self, wakeups: Wakeups) -> None:
        self.wakeups = wakeups
        self.topics: set[str] | None = None
        self.handed: list[tuple[Offer, Sequence[Any]]] | None = None

    def __enter__(self) -> Self:
        self._token = _pending.set(self)
        return self

    def __exit__(self, *_raised: object) -> None:
        _pending.reset(self._token)

    def wake(self, topic: str) -> None:
        """Note a topic to be woken."""
        if self.topics is None:
            self.topics = set()
        self.topics.add(topic)

    def hand(self, offer: Offer, work: Sequence[Any]) -> None:
        """Note work to be handed over."""
        if self.handed is None:
            self.handed = []
        self.handed.append((offer, work))

    def tell(self) -> None:
        """Hand over and wake; only after the commit."""
        if self.handed is not None:
            for offer, work in self.handed:
                offer.take(work)
        if self.topics is not None:
            for topic in sorted(self.topics):
                self.wakeups.wake(topic)
