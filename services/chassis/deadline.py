"""How long the current call may still take, so that what it calls takes no longer."""

import asyncio
from contextlib import AbstractContextManager
from contextvars import ContextVar

from services.chassis.errors import DeadlineExceeded
from services.chassis.scoped import Scoped

MARGIN = 0.05
"""Seconds kept back at each hop, to answer with what came of the calls it made."""

_deadline: ContextVar[float | None] = ContextVar("tollgate_deadline", default=None)


def remaining() -> float | None:
    """Return the seconds that the current call has left, None if nothing limits it."""
    end = _deadline.get()
    return None if end is None else max(0.0, end - _now())


def budget(seconds: float, margin: float = MARGIN) -> float:
    """Return the time for a call made now: ``seconds``, or what is left minus the margin.

    Raise DeadlineExceeded when nothing is left: the answer could not be given any more.
    """
    left = remaining()
    if left is None:
        return seconds
    if left <= margin:
        raise DeadlineExceeded("There is no time left for this call.")
    return min(seconds, left - margin)


def within(seconds: float | None) -> AbstractContextManager[None]:
    """Limit the block to so many seconds, never to more than already applies; None limits nothing.

    This cancels nothing by itself: it tells the calls made within the block how long they have.
    """
    end = None if seconds is None else _now() + seconds
    outer = _deadline.get()
    if end is None or (outer is not None and outer < end):
        end = outer
    return Scoped(_deadline, end)


def lifted() -> AbstractContextManager[None]:
    """Free the block of its caller's deadline, for work that outlives the call."""
    return Scoped(_deadline, None)


def _now() -> float:
    return asyncio.get_running_loop().time()
