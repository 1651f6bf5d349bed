"""Innermost layer: the caller's deadline becomes the limit of every call that the handler makes."""

import asyncio

from services.chassis.deadline import within
from services.chassis.errors import DeadlineExceeded
from services.chassis.interceptors.call import Layer, Proceed, RpcCall


def limiting(seconds_without_deadline: float) -> Layer:
    """Make the layer; a call that brings no deadline gets this one, streams excepted."""

    async def limit(call: RpcCall, proceed: Proceed) -> object:
        left: float | None = call.context.time_remaining()
        if left is not None:
            with within(left):
                return await proceed(call)
        if call.streams:
            return await proceed(call)
        return await _bounded(call, proceed, seconds_without_deadline)

    return limit


async def _bounded(call: RpcCall, proceed: Proceed, seconds: float) -> object:
    try:
        async with asyncio.timeout(seconds) as bound:
            with within(seconds):
                return await proceed(call)
    except TimeoutError as error:
        if not bound.expired():
            raise
        raise DeadlineExceeded(f"This took longer than {seconds:g} seconds.") from error
