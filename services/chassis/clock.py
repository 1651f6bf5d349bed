"""The clock: the only place in a service that asks what time it is."""

import asyncio
import time
from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Wall time, monotonic time and sleep, so that a simulation can own all three."""

    def now(self) -> datetime:
        """Return the wall time, aware, in UTC. For people and for rows; never for leases."""
        ...

    def monotonic(self) -> float:
        """Return seconds that only grow; for durations within this process."""
        ...

    def sleep(self, seconds: float) -> Awaitable[None]:
        """Wait that long; zero or less only yields. It is awaited at once."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))
