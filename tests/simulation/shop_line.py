"""The line to the simulated provider: latency, outages, idempotency keys and replayed failures."""

import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from services.chassis.clock import Clock
from services.payments.commerce import encode
from services.payments.domain import RootKind
from services.payments.errors import ProviderFailed, ProviderUnreachable

T = TypeVar("T")

_PAGE = f"fetch.{RootKind.CHECKOUT}"
KEYS_KEPT = timedelta(hours=24)


@dataclass(slots=True)
class ShopFaults:
    """What goes wrong between us and the provider: chances from 0 to 1 a call, times in seconds.

    ``unreachable`` splits evenly into a request that never came and an answer that never came;
    ``failed`` into a 500 before and one after the effect, both kept under the key.
    """

    unreachable: float = 0.0
    failed: float = 0.0
    limited: float = 0.0
    quickest: float = 0.005
    slowest: float = 0.1


@dataclass(frozen=True, slots=True)
class _Answer:
    """What is kept under an idempotency key; ``made`` None is a failure."""

    asked: bytes
    made: str | None
    at: datetime


class Line:
    """Carries calls to the provider, and remembers keys for a day."""

    def __init__(self, clock: Clock, rng: random.Random) -> None:
        self._clock = clock
        self._rng = rng
        self.faults = ShopFaults()
        self.calls: Counter[str] = Counter()
        self.holds: Callable[[], Awaitable[None]] = nobody_waits
        """What an answer with a page that was fetched waits for."""
        self._answers: dict[str, _Answer] = {}

    def quiet(self) -> None:
        """Nothing goes wrong from now on."""
        self.faults = ShopFaults()
        self.holds = nobody_waits

    async def read(self, call: str, show: Callable[[], T]) -> T:
        """Ask for something; shown as it is at some moment of the call."""
        await self._comes(call)
        seen = show()
        if call == _PAGE:
            await self.holds()
        await self._goes()
        return seen

    async def act(self, call: str, key: str, asked: object, make: Callable[[], str]) -> str:
        """Have something done once under a key; returns its id, from the first answer."""
        await self._comes(call)
        made = self._once(key, encode([call, asked]), make)
        await self._goes()
        return made

    async def unkeyed(self, call: str, do: Callable[[], T]) -> T:
        """Have something done that may be done twice."""
        return await self.read(call, do)

    def _once(self, key: str, asked: bytes, make: Callable[[], str]) -> str:
        known = self._answers.get(key)
        now = self._clock.now()
        if known is not None and now - known.at < KEYS_KEPT:
            if known.asked != asked:
                raise ProviderFailed("The key was used with other parameters.", replayed=True)
            if known.made is None:
                raise ProviderFailed("The first answer was a failure.", replayed=True)
            return known.made
        fails = self._rng.random() < self.faults.failed
        if fails and self._rng.random() < 0.5:
            self._answers[key] = _Answer(asked, None, now)
            raise ProviderFailed("The provider failed before it did anything.", replayed=False)
        # What is refused is not kept: it may be asked again.
        made = make()
        self._answers[key] = _Answer(asked, None if fails else made, now)
        if fails:
            raise ProviderFailed("The provider failed after it had done it.", replayed=False)
        return made

    async def _comes(self, call: str) -> None:
        self.calls[call] += 1
        await self._clock.sleep(self._latency())
        if self._rng.random() < self.faults.limited:
            raise ProviderUnreachable("Too many requests.", retry_after=1.0)
        if self._rng.random() < self.faults.unreachable / 2:
            raise ProviderUnreachable("The request was lost.")

    async def _goes(self) -> None:
        await self._clock.sleep(self._latency())
        if self._rng.random() < self.faults.unreachable / 2:
            raise ProviderUnreachable("The answer was lost.")

    def _latency(self) -> float:
        return self._rng.uniform(self.faults.quickest, self.faults.slowest)


Pace = Callable[[str], Awaitable[None]]


async def at_once(_endpoint: str) -> None:
    """Nobody else asks."""


async def nobody_waits() -> None:
    """Answer at once."""
