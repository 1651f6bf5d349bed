"""Outermost layer: refusals become statuses; of anything else only that it happened goes out."""

import asyncio

import grpc
import grpc.aio
import structlog
from grpc_status import rpc_status

from services.chassis.errors import Internal, Refusal
from services.chassis.interceptors.call import Proceed, RpcCall
from services.chassis.status import refusal_in, to_status

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("tollgate.rpc")

_FAILED = "Something went wrong here; it has been noted."


async def sanitise(call: RpcCall, proceed: Proceed) -> object:
    """Answer every failure with a status that was meant for the caller."""
    try:
        return await proceed(call)
    except grpc.aio.AbortError:
        raise
    except asyncio.CancelledError as error:
        answer = _cancelled(call, error)
    except Exception as error:  # noqa: BLE001 - whatever a handler raises must not leak its text
        answer = refusal_in(error) or _unforeseen(call, error)
    await call.context.abort_with_status(rpc_status.to_status(to_status(answer)))
    return None


def _cancelled(call: RpcCall, error: asyncio.CancelledError) -> Refusal:
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        # gRPC itself ends this call: its caller is gone, or the server stops.
        raise error
    # Some inner task was cancelled. Let out of a handler, this leaves the caller without an answer.
    return _unforeseen(call, error)


def _unforeseen(call: RpcCall, error: BaseException) -> Refusal:
    _log.error(
        "rpc failed", method=call.method, trace_id=call.notes.get("trace_id"), exc_info=error
    )
    return Internal(_FAILED)
