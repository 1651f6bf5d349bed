"""A process that exports no traces still has them: ids for its logs, and for whom it calls."""

from opentelemetry import trace
from opentelemetry.context import Context

from services.chassis.telemetry import current_trace_id, current_traceparent, remote_parent
from services.chassis.unrecorded import UnrecordedTracing

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_trace_that_begins_here_is_not_recorded_and_has_ids_of_its_own() -> None:
    tracer = UnrecordedTracing().get_tracer("test")
    spans = [tracer.start_span("one", Context()) for _ in range(2)]
    found = [span.get_span_context() for span in spans]
    assert all(one.is_valid and not one.trace_flags.sampled for one in found)
    assert found[0].trace_id != found[1].trace_id
    assert not any(span.is_recording() for span in spans)


def test_the_callers_trace_goes_on_with_what_it_decided() -> None:
    tracer = UnrecordedTracing().get_tracer("test")
    span = tracer.start_span("one", remote_parent(CALLER)).get_span_context()
    assert f"{span.trace_id:032x}" == CALLER.split("-")[1]
    assert f"{span.span_id:016x}" != CALLER.split("-")[2]
    assert span.trace_flags.sampled


def test_what_runs_in_a_span_has_its_trace() -> None:
    tracer = UnrecordedTracing().get_tracer("test")
    with tracer.start_as_current_span("outer", Context()) as outer:
        with tracer.start_as_current_span("inner") as inner:
            above, below = outer.get_span_context(), inner.get_span_context()
            assert (below.trace_id, current_trace_id()) == (
                above.trace_id,
                f"{above.trace_id:032x}",
            )
            assert f"{below.span_id:016x}" in current_traceparent()
        assert trace.get_current_span() is outer
