"""How a call ended, as the span, the log and the metrics all tell it."""

import asyncio
from typing import NamedTuple

import grpc
import grpc.aio

from services.chassis.context import Context
from services.chassis.errors import Code
from services.chassis.status import refusal_in

OK = "OK"
SERVER_FAULTS = frozenset(
    {Code.UNKNOWN, Code.INTERNAL, Code.UNAVAILABLE, Code.DATA_LOSS, Code.UNIMPLEMENTED}
)
"""Codes that say something about this server and not about the call."""


class Outcome(NamedTuple):
    """The code of a call and, where it was refused, the stable reason."""

    code: str
    reason: str = ""


def outcome_of(error: BaseException, context: Context) -> Outcome:
    """Tell what a caller will be answered for what a handler raised."""
    refusal = refusal_in(error)
    if refusal is not None:
        return Outcome(refusal.code.value, refusal.reason)
    if isinstance(error, grpc.aio.AbortError):
        return Outcome(_code_set(context))
    if isinstance(error, asyncio.CancelledError):
        left = context.time_remaining()
        expired = left is not None and left <= 0
        return Outcome(Code.DEADLINE_EXCEEDED.value if expired else Code.CANCELLED.value)
    return Outcome(Code.INTERNAL.value)


def _code_set(context: Context) -> str:
    code = context.code()
    return code.name if isinstance(code, grpc.StatusCode) else Code.UNKNOWN.value
