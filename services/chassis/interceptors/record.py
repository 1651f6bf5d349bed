"""One log line and one count for each call."""

import time

import structlog

from services.chassis.health import HEALTH_SERVICE
from services.chassis.interceptors.call import Layer, Proceed, RpcCall
from services.chassis.interceptors.outcome import OK, SERVER_FAULTS, Outcome, outcome_of
from services.chassis.metrics import Metrics

_QUIET = f"/{HEALTH_SERVICE}/"
_FAULTS = frozenset(code.value for code in SERVER_FAULTS)

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("tollgate.rpc")


def recording(metrics: Metrics) -> Layer:
    """Make the layer that tells how each call ended. Health probes are counted, not logged."""

    async def record_layer(call: RpcCall, proceed: Proceed) -> object:
        started = time.perf_counter()
        outcome = Outcome(OK)
        try:
            return await proceed(call)
        except BaseException as error:
            outcome = outcome_of(error, call.context)
            raise
        finally:
            seconds = time.perf_counter() - started
            metrics.rpc(call.kind.value, call.method, outcome.code, seconds)
            if not call.method.startswith(_QUIET):
                _write(call, outcome, seconds)

    return record_layer


def _write(call: RpcCall, outcome: Outcome, seconds: float) -> None:
    line: dict[str, object] = {
        "method": call.method,
        "code": outcome.code,
        "ms": round(seconds * 1000, 2),
        "listener": call.kind.value,
    }
    if call.principal is not None:
        line["principal"] = call.principal.subject
    if call.caller is not None:
        line["caller"] = call.caller.service
    if outcome.reason:
        line["reason"] = outcome.reason
    write = _log.warning if outcome.code in _FAULTS else _log.info
    write("rpc", **line)
