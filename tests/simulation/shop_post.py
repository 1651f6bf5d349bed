"""Webhooks of the simulated provider: at least once, in no order, again until they are taken."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from services.chassis.clock import Clock
from services.chassis.errors import Refusal, is_transient
from services.payments.events import RawRequest

PROVIDER = "stripe"
PATH = "/webhooks/stripe"
SIGNATURE = "simulated-signature"
VERSION = "simulated"
AGAIN = (2.0, 15.0, 120.0, 900.0, 3600.0, 4 * 3600.0, 12 * 3600.0)
"""Seconds until a webhook that was not taken is sent again; the last one for ever."""

Deliver = Callable[[RawRequest], Awaitable[bool]]
Spawn = Callable[[Coroutine[Any, Any, None]], None]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that the provider tells of."""

    id: str
    type: str
    object_id: str
    created: datetime
    raw: RawRequest


@dataclass(slots=True)
class Habits:
    """How the post behaves: chances from 0 to 1, times in seconds.

    ``both``: each paid invoice is told of by both types of events that say so.
    """

    lost: float = 0.0
    doubled: float = 0.0
    late: float = 0.0
    latest: float = 6 * 3600.0
    quickest: float = 0.02
    slowest: float = 0.5
    both: bool = False


class Post:
    """Carries events to whoever takes them."""

    def __init__(self, clock: Clock, rng: random.Random, deliver: Deliver, spawn: Spawn) -> None:
        self._clock = clock
        self._rng = rng
        self._deliver = deliver
        self._spawn = spawn
        self.habits = Habits()
        self.events: dict[str, Event] = {}
        self.taken: list[str] = []
        """Ids of the events that were answered 200, in that order, once for each answer."""
        self.open: dict[str, None] = {}
        """Ids of the events that were not taken yet."""
        self._listens: list[asyncio.Future[None]] = []

    def quiet(self) -> None:
        """Behave from now on."""
        self.habits = Habits()

    def next_taken(self) -> "asyncio.Future[None]":
        """Return what is done as soon as another event was taken."""
        heard: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._listens.append(heard)
        return heard

    def send(self, kind: str, object_id: str, **payload: int | str) -> None:
        """Tell that something happened to an object; ``payload`` is what is told of it besides."""
        now = self._clock.now()
        event_id = f"evt_{len(self.events) + 1}"
        body = orjson.dumps(
            {
                "id": event_id,
                "type": kind,
                "api_version": VERSION,
                "created": int(now.timestamp()),
                "data": {"object": {"id": object_id, **payload}},
            }
        )
        raw = RawRequest(PROVIDER, PATH, {"signature": SIGNATURE}, body)
        second = now.replace(microsecond=0)
        self.events[event_id] = event = Event(event_id, kind, object_id, second, raw)
        self.open[event_id] = None
        self._spawn(self._carry(event))
        if self._rng.random() < self.habits.doubled:
            self._spawn(self._carry(event))

    async def _carry(self, event: Event) -> None:
        habits, rng = self.habits, self._rng
        delay = rng.uniform(habits.quickest, habits.slowest)
        if rng.random() < habits.late:
            delay += rng.uniform(0.0, habits.latest)
        await self._clock.sleep(delay)
        tries = 0
        while not await self._arrives(event):
            await self._clock.sleep(AGAIN[min(tries, len(AGAIN) - 1)] * rng.uniform(0.8, 1.2))
            tries += 1

    async def _arrives(self, event: Event) -> bool:
        if self._rng.random() < self.habits.lost:
            return False
        try:
            taken = await self._deliver(event.raw)
        except Refusal as refusal:
            if not is_transient(refusal):
                raise
            return False
        if taken:
            self.taken.append(event.id)
            self.open.pop(event.id, None)
            listens, self._listens = self._listens, []
            for heard in listens:
                heard.set_result(None)
        # What was answered 200 may have been answered so to nobody.
        return taken and self._rng.random() >= self.habits.lost


def longest_way(habits: Habits) -> timedelta:
    """Return how long an event may take, with a few losses on its way."""
    return timedelta(seconds=habits.latest + sum(AGAIN))
