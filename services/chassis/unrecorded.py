"""Traces of a process that exports none: they have ids, are passed on, and keep nothing.

OpenTelemetry's own provider asks its sampler, resource and processors about each span first, which
costs a call five times as much.
"""

import random
from collections.abc import Sequence

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.util import types

_TRACE_BITS = 128
_SPAN_BITS = 64


class UnrecordedTracing(trace.NoOpTracerProvider):
    """Gives tracers whose spans nobody records; a caller's trace and its decision go on."""

    def get_tracer(
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: types.Attributes | None = None,
    ) -> trace.Tracer:
        """Return a tracer; all are the same."""
        return _Tracer()

    def shutdown(self) -> None:
        """Do nothing: nothing was kept."""


class _Tracer(trace.NoOpTracer):
    def start_span(
        self,
        name: str,
        context: Context | None = None,
        kind: trace.SpanKind = trace.SpanKind.INTERNAL,
        attributes: types.Attributes = None,
        links: Sequence[trace.Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
    ) -> trace.Span:
        """Begin a span of the trace around, or of a new one, that is not recorded."""
        above = trace.get_current_span(context).get_span_context()
        if above.is_valid:
            trace_id, flags, state = above.trace_id, above.trace_flags, above.trace_state
        else:
            trace_id, flags, state = _id(_TRACE_BITS), None, None
        known = trace.SpanContext(trace_id, _id(_SPAN_BITS), False, flags, state)
        return trace.NonRecordingSpan(known)


def _id(bits: int) -> int:
    """Return a random id that is not 0, which would be none."""
    return random.getrandbits(bits) or 1
