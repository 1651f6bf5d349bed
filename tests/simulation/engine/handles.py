"""Callbacks of the virtual loop: asyncio's handles, made with less ado."""

import asyncio
from collections.abc import Callable
from contextvars import Context, copy_context
from typing import Any


class SimHandle(asyncio.Handle):
    """A callback on its way; made some hundred times a payment, so with less ado than asyncio's."""

    __slots__ = ()
    _context: Context

    def __init__(
        self,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        loop: Any,
        context: Context | None,
    ) -> None:
        self._context = copy_context() if context is None else context
        self._loop = loop
        self._callback = callback
        self._args = args
        self._cancelled = False
        self._repr = None

    def cancel(self) -> None:
        """Do not run it."""
        self._cancelled = True


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
        context: Context | None,
    ) -> None:
        self._context = copy_context() if context is None else context
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
            self._loop._timer_handle_cancelled(self)
