"""Logs and traces: structlog as JSON lines, OpenTelemetry spans, W3C trace context."""

import logging
import re
import sys
from collections.abc import MutableMapping
from datetime import UTC, datetime
from functools import cache
from types import TracebackType
from typing import BinaryIO, Final, TypeAlias

import orjson
import structlog
from opentelemetry import trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import StatusCode, TraceFlags

from services.chassis.redact import redact, redact_text
from services.chassis.unrecorded import UnrecordedTracing

TRACER_NAME: Final = "tollgate"
# W3C: version, trace, span, flags, and what a later version may add.
_PARENT = re.compile(
    r"[ \t]*((?!ff)[0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?[ \t]*"
)
# Levels that structlog's methods of other names have.
_METHODS: Final = {"warn": "warning", "exception": "error"}
_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}

EventDict = MutableMapping[str, object]
Tracing: TypeAlias = TracerProvider | UnrecordedTracing


def configure_logging(service: str, level: str = "info", out: BinaryIO | None = None) -> None:
    """Write every log of this process, also those of libraries, as JSON lines to ``out``.

    The default is standard output. Called once, by the process.
    """
    threshold = _LEVELS[level]
    structlog.configure(
        processors=[
            structlog.processors.format_exc_info,
            redact,
            _writing(service),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.BytesLoggerFactory(out or sys.stdout.buffer),
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers[:] = [_Forward()]
    root.setLevel(max(threshold, logging.WARNING))


def service_resource(service: str) -> Resource:
    """Say who tells: the service, and which of its replicas this process is."""
    return Resource.create({SERVICE_NAME: service})


def configure_tracing(service: str, endpoint: str, ratio: float) -> Tracing:
    """Make this process's tracer provider; spans are recorded only if there is an endpoint.

    ``ratio`` is the share of traces begun here that is recorded; a caller's decision is kept.
    """
    provider = _exporting(service, endpoint, ratio) if endpoint else UnrecordedTracing()
    trace.set_tracer_provider(provider)
    return provider


def _exporting(service: str, endpoint: str, ratio: float) -> TracerProvider:
    # Imported here because it costs a second gRPC stack that most processes do not use.
    from services.chassis.otlp import SpanPush

    sampler = ParentBased(TraceIdRatioBased(ratio))
    provider = TracerProvider(sampler=sampler, resource=service_resource(service))
    provider.add_span_processor(SpanPush(endpoint))
    return provider


@cache
def tracer() -> trace.Tracer:
    """Return the tracer of this process; without ``configure_tracing`` it records nothing."""
    return trace.get_tracer(TRACER_NAME)


def current_traceparent() -> str:
    """Return the W3C trace context of what runs now, empty if it has none."""
    span = trace.get_current_span().get_span_context()
    if not span.is_valid:
        return ""
    return f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags:02x}"


def current_trace_id() -> str:
    """Return the trace id of what runs now as 32 hexadecimal digits, empty if it has none."""
    span = trace.get_current_span().get_span_context()
    return f"{span.trace_id:032x}" if span.is_valid else ""


def remote_parent(traceparent: str) -> Context | None:
    """Read a trace context that came from elsewhere; None, if it is none, starts a new trace."""
    # The propagator that comes with OpenTelemetry takes ten times as long for the same.
    found = _PARENT.fullmatch(traceparent)
    if found is None:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    if version == "00" and more:
        return None
    known = trace.SpanContext(
        int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16))
    )
    if not known.is_valid:
        return None
    return trace.set_span_in_context(trace.NonRecordingSpan(known), Context())


def note_error(span: trace.Span, error: Exception) -> None:
    """Make an error the status of a span, without the secrets that its text may hold."""
    if span.is_recording():
        span.set_status(StatusCode.ERROR, redact_text(f"{type(error).__name__}: {error}"))


class remote_span:  # noqa: N801 - it is called as the function that it could be
    """Run the block in a span that continues a trace begun elsewhere, such as a fact's.

    An error that leaves the block is the span's status. Written out, for OpenTelemetry's own is
    three generators, which cost more than the span.
    """

    __slots__ = ("_span", "_token")

    def __init__(self, traceparent: str, name: str) -> None:
        self._span = tracer().start_span(
            name,
            context=remote_parent(traceparent) or Context(),
            kind=trace.SpanKind.CONSUMER,
            record_exception=False,
        )

    def __enter__(self) -> trace.Span:
        self._token = attach(trace.set_span_in_context(self._span))
        return self._span

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _where: TracebackType | None,
    ) -> None:
        detach(self._token)
        if isinstance(error, Exception):
            note_error(self._span, error)
        self._span.end()


def add_trace_id(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Add the trace id of what runs now, unless the event has one; a structlog processor."""
    if "trace_id" not in event:
        found = current_trace_id()
        if found:
            event["trace_id"] = found
    return event


def _writing(service: str) -> structlog.typing.Processor:
    """Make what adds our own to an event, which holds no secret, and writes it as JSON."""

    def write(_logger: object, method: str, event: EventDict) -> bytes:
        event["level"] = _METHODS.get(method, method)
        event["timestamp"] = datetime.now(UTC).isoformat()[: -len("+00:00")] + "Z"
        event["service"] = service
        return orjson.dumps(
            add_trace_id(None, method, event), default=repr, option=orjson.OPT_NON_STR_KEYS
        )

    return write


class _Forward(logging.Handler):
    """Gives what libraries log through the standard library to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger(record.name)
        log.log(record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info)
