"""The span around what is done for somebody elsewhere tells of the error that ended it."""

import asyncio
from contextlib import suppress

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from services.chassis.errors import NotFound
from services.chassis.telemetry import current_trace_id, remote_span

TRACE = "0af7651916cd43dd8448eb211c80319c"
_SECRET = "sk_test_4eC39HqLyjWDarjtT1zdp7dc"
RECORDED, UNRECORDED = (f"00-{TRACE}-b7ad6b7169203331-{flags}" for flags in ("01", "00"))


def only(ended: InMemorySpanExporter) -> ReadableSpan:
    """The one span, which goes on with the trace, and has nothing but a status to say of it."""
    (span,) = ended.get_finished_spans()
    assert span.context is not None
    assert span.parent is not None
    assert (span.context.trace_id, span.parent.span_id) == (int(TRACE, 16), 0xB7AD6B7169203331)
    assert (span.name, span.kind) == ("work", SpanKind.CONSUMER)
    assert dict(span.attributes or {}) == {}
    # An exception as an event has a stack, with whatever stands in it.
    assert span.events == ()
    assert span.end_time is not None
    return span


def test_what_ends_well_has_no_status(ended: InMemorySpanExporter) -> None:
    with remote_span(RECORDED, "work"):
        assert current_trace_id() == TRACE
    assert current_trace_id() == ""
    status = only(ended).status
    assert (status.status_code, status.description) == (StatusCode.UNSET, None)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        pytest.param(NotFound("no such plan"), "NotFound: no such plan", id="refusal"),
        pytest.param(RuntimeError("a defect"), "RuntimeError: a defect", id="unexpected"),
        pytest.param(RuntimeError(f"with {_SECRET}"), "RuntimeError: with [hidden]", id="secret"),
    ],
)
def test_an_error_that_leaves_it_is_its_status_and_goes_on(
    ended: InMemorySpanExporter, error: Exception, told: str
) -> None:
    with pytest.raises(type(error)) as raised, remote_span(RECORDED, "work"):
        raise error
    assert raised.value is error
    assert current_trace_id() == ""
    status = only(ended).status
    assert (status.status_code, status.description) == (StatusCode.ERROR, told)


def test_an_error_that_is_answered_within_it_is_not_its_status(ended: InMemorySpanExporter) -> None:
    with remote_span(RECORDED, "work"), suppress(NotFound):
        raise NotFound("no such plan")
    assert only(ended).status.status_code is StatusCode.UNSET


async def test_what_is_cancelled_ends_its_span_and_is_no_error(ended: InMemorySpanExporter) -> None:
    began = asyncio.Event()

    async def work() -> None:
        with remote_span(RECORDED, "work"):
            began.set()
            await asyncio.Event().wait()

    working = asyncio.create_task(work())
    async with asyncio.timeout(10):
        await began.wait()
        assert ended.get_finished_spans() == ()
        working.cancel()
        await asyncio.wait({working})
    assert working.cancelled()
    status = only(ended).status
    assert (status.status_code, status.description) == (StatusCode.UNSET, None)


def test_an_error_goes_on_where_the_caller_said_that_nothing_is_recorded(
    ended: InMemorySpanExporter,
) -> None:
    with pytest.raises(NotFound, match=TRACE), remote_span(UNRECORDED, "work"):
        raise NotFound(current_trace_id())
    assert current_trace_id() == ""
    assert ended.get_finished_spans() == ()
