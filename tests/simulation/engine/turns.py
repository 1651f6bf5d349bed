"""What a task waits for when it only lets others go first."""

from collections.abc import Awaitable
from typing import cast


class _Turn(tuple[None, ...]):
    """Yields what is in it, once as a sleep of no time does, without a frame of its own."""

    __slots__ = ()
    __await__ = tuple.__iter__


TURN = cast("Awaitable[None]", _Turn((None,)))
"""Lets others go first: the step of whatever takes one."""

TAKEN = cast("Awaitable[None]", _Turn(()))
"""A step that was taken on the spot, for there was nobody to go first."""
