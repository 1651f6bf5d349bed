"""Callbacks of the virtual loop: asyncio's handles, made with less ado."""

import asyncio
from collections.abc import Callable
from contextvars import Context
from typing import Any, TypeAlias, final


class SimHandle(asyncio.Handle):
    """A callback on its way; made with less ado than asyncio's."""

    __slots__ = ()
    _context: Context

    def __init__(
        self, callback: Callable[..., object], args: tuple[Any, ...], loop: Any, context: Context
    ) -> None:
        self._context = context
        self._loop = loop
        self._callback = callback
        self._args = args
        self._cancelled = False
        self._repr = None

    def cancel(self) -> None:
        """Do not run it."""
        self._cancelled = True


class SentHandle(SimHandle):
    """Stands for every callback that came with its context: those are asyncio's own, which cancel
    none. There are some hundred a payment, so none has a handle of its own."""

    __slots__ = ()

    def cancel(self) -> None:
        """Refuse."""
        raise RuntimeError("a callback that was given its context is not taken back")


class SimTimer(asyncio.TimerHandle):
    """A timer, as cheaply made."""

    __slots__ = ()
    _context: Context
    _loop: Any

    def __init__(
        self,
        when: float,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        loop: Any,
        context: Context,
    ) -> None:
        self._context = context
        self._loop = loop
        self._callback = callback
        self._args = args
        self._cancelled = False
        self._repr = None
        self._when = when
        self._scheduled = True

    def cancel(self) -> None:
        """Do not run it."""
        if not self._cancelled:
            self._cancelled = True
            self._loop.timers_cancelled += 1


@final
class Alarm:
    """A timer of the machine's own: what it does is no step of anybody's, and takes none."""

    __slots__ = ("_args", "_callback", "_cancelled", "_loop")

    def __init__(self, callback: Callable[..., object], args: tuple[Any, ...], loop: Any) -> None:
        self._callback = callback
        self._args = args
        self._loop = loop
        self._cancelled = False

    def cancel(self) -> None:
        """Let it not ring; after it has, this does nothing of use and no harm."""
        if not self._cancelled:
            self._cancelled = True
            self._loop.timers_cancelled += 1


Due: TypeAlias = tuple[Context, Callable[..., object], tuple[Any, ...], asyncio.Handle | None]
"""A callback that is due: in which context, what, with what, and who may have cancelled it."""
