"""What a loop does while something it needs is away: says so once, waits longer and longer."""

import asyncio

import structlog

from services.chassis.backoff import Backoff
from services.chassis.clock import Clock

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("chassis.loops")

_BACKOFF = Backoff(base=0.05, cap=2.0)


class Outage:
    """One loop's view of one thing that can be away."""

    def __init__(self, loop: str, clock: Clock, backoff: Backoff | None = None) -> None:
        self._loop = loop
        self._clock = clock
        self._backoff = backoff or _BACKOFF
        self._failures = 0

    async def pause(self, exc: BaseException) -> None:
        """Note a failure and wait before the next try."""
        self._failures += 1
        if self._failures == 1:
            _log.warning(f"{self._loop} waits: {exc}", error=type(exc).__name__)
        await self._clock.sleep(self._backoff.delay(self._failures))

    def over(self) -> None:
        """Note that it works."""
        if self._failures:
            _log.info(f"{self._loop} goes on.", failures=self._failures)
            self._failures = 0


def is_being_cancelled() -> bool:
    """Tell whether this task is meant to end.

    A call whose channel is closed raises CancelledError too, and must not end the loop that made it
    (a TaskGroup would take that for an orderly end, and say nothing).
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
