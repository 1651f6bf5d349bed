"""A span around each call, on the OpenTelemetry API, with the status that really was answered."""

from opentelemetry import trace
from opentelemetry.context import Context as TraceContext
from opentelemetry.context import attach, detach

from services.chassis.errors import Code
from services.chassis.interceptors.call import Layer, Proceed, RpcCall
from services.chassis.interceptors.outcome import OK, SERVER_FAULTS, Outcome, outcome_of
from services.chassis.metadata import TRACEPARENT
from services.chassis.telemetry import remote_parent

_STATUS_NUMBERS = {
    Code.CANCELLED: 1,
    Code.UNKNOWN: 2,
    Code.INVALID_ARGUMENT: 3,
    Code.DEADLINE_EXCEEDED: 4,
    Code.NOT_FOUND: 5,
    Code.ALREADY_EXISTS: 6,
    Code.PERMISSION_DENIED: 7,
    Code.RESOURCE_EXHAUSTED: 8,
    Code.FAILED_PRECONDITION: 9,
    Code.ABORTED: 10,
    Code.OUT_OF_RANGE: 11,
    Code.UNIMPLEMENTED: 12,
    Code.INTERNAL: 13,
    Code.UNAVAILABLE: 14,
    Code.DATA_LOSS: 15,
    Code.UNAUTHENTICATED: 16,
}


def spanning(tracer: trace.Tracer) -> Layer:
    """Make the layer that continues the caller's trace, or begins one."""

    async def span_layer(call: RpcCall, proceed: Proceed) -> object:
        carried = call.metadata.get(TRACEPARENT, "")
        parent = remote_parent(carried) if carried and isinstance(carried, str) else None
        above = parent or TraceContext()
        span = tracer.start_span(call.method[1:], context=above, kind=trace.SpanKind.SERVER)
        known = span.get_span_context()
        if known.is_valid:
            call.notes["trace_id"] = f"{known.trace_id:032x}"
        # What `trace.use_span` does, without what it costs each call to be a context manager.
        token = attach(trace.set_span_in_context(span, above))
        try:
            answer = await proceed(call)
        except BaseException as error:
            _finish(span, call, outcome_of(error, call.context))
            raise
        else:
            _finish(span, call, Outcome(OK))
            return answer
        finally:
            detach(token)
            span.end()

    return span_layer


def _finish(span: trace.Span, call: RpcCall, outcome: Outcome) -> None:
    if not span.is_recording():
        return
    service, _, method = call.method[1:].partition("/")
    code = Code.__members__.get(outcome.code)
    span.set_attributes(
        {
            "rpc.system": "grpc",
            "rpc.service": service,
            "rpc.method": method,
            "rpc.grpc.status_code": 0 if code is None else _STATUS_NUMBERS[code],
            "tollgate.listener": call.kind.value,
        }
    )
    if outcome.reason:
        span.set_attribute("tollgate.reason", outcome.reason)
    if code in SERVER_FAULTS or code is Code.DEADLINE_EXCEEDED:
        span.set_status(trace.StatusCode.ERROR, outcome.reason or outcome.code)
