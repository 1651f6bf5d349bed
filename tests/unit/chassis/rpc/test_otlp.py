"""What is pushed by OTLP: all metrics and the spans, to a collector that may be away."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
import structlog

from services.chassis.channel import connect
from services.chassis.facts import FactRecord
from services.chassis.metrics import Metrics
from services.chassis.otlp import CLOSE_SECONDS, MetricsPush, metrics_push
from services.chassis.sink import DELIVER, FactSinkClient
from services.chassis.telemetry import service_resource
from tests.unit.chassis.rpc.collector import Collector, collecting, labels_of
from tests.unit.chassis.rpc.starting import Started, program
from tests.unit.chassis.rpc.support import START, Authority, Issuer, ManualClock, running, until

EXAMPLE = "tests.unit.chassis.rpc.example"
CUMULATIVE = 2


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    async with collecting() as found:
        yield found


@asynccontextmanager
async def pushing(
    metrics: Metrics, collector: Collector, *, every: float = 60.0
) -> AsyncIterator[MetricsPush]:
    """Push again and again, for the clock is one whose time passes at once."""
    resource = service_resource("pricing")
    push = metrics_push(metrics, resource, collector.endpoint, ManualClock())
    task = asyncio.create_task(push.run(every))
    try:
        yield push
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await push.close()


async def serve_one_call_and_stop(started: Started, authority: Authority) -> None:
    """Have a service answer a call, while which it is told to stop."""
    port = (await started.line("listening"))["internal_port"]
    own = authority.issue("payments")
    async with connect(f"127.0.0.1:{port}", server_name="pricing", tls=own) as channel:
        fact = FactRecord("f1", "k1", 1, "tollgate.test.v1.Thing", b"")
        call = asyncio.create_task(FactSinkClient(channel).deliver([fact]))
        await started.line("taking")
        started.process.terminate()
        await call


async def another_push(collector: Collector) -> None:
    """Wait for a push that began after now."""
    seen = collector.pushes
    await until(lambda: collector.pushes > seen + 1)


async def test_calls_of_a_service_arrive_as_a_counter_a_histogram_and_a_span(
    authority: Authority, settings: dict[str, str], collector: Collector
) -> None:
    where = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint, "TOLLGATE_TRACE_RATIO": "1"}
    async with program(EXAMPLE, **settings, **where) as started:
        await serve_one_call_and_stop(started, authority)
        assert await started.end() == (0, "")
    labels = {"listener": "internal", "method": DELIVER}
    assert collector.point("tollgate_rpc_handled", **labels, code="OK").as_double == 1
    assert collector.point("tollgate_rpc_seconds", **labels).count == 1
    assert collector.point("process_resident_memory_bytes").as_double > 0
    assert DELIVER.removeprefix("/") in {span.name.removeprefix("/") for span in collector.spans}
    (rpc,) = [line for line in started.lines if line["event"] == "rpc"]
    assert rpc["trace_id"] in {span.trace_id.hex() for span in collector.spans}
    assert collector.senders["metrics"]["service.name"] == "pricing"
    assert collector.senders["metrics"]["service.instance.id"]
    assert collector.senders["metrics"] == collector.senders["spans"]


@pytest.fixture(params=["refuses", "is silent"])
def away(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where a collector should be: the port is closed, or nobody answers behind it."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        if request.param == "is silent":
            held.listen()
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


async def test_a_collector_that_is_away_neither_stops_a_service_nor_holds_its_end_up(
    authority: Authority, settings: dict[str, str], away: str
) -> None:
    where = {"OTEL_EXPORTER_OTLP_ENDPOINT": away, "TOLLGATE_TRACE_RATIO": "1"}
    often = {"TOLLGATE_METRICS_PUSH_SECONDS": "0.05"}
    async with program(EXAMPLE, **settings, **where, **often) as started:
        await serve_one_call_and_stop(started, authority)
        told = time.monotonic()
        code, complaint = await started.end()
        took = time.monotonic() - told
    assert (code, complaint) == (0, "")
    assert started.events[-1] == "process ended"
    # Metrics, then spans; the rest is the end of a process on a busy machine.
    assert took < 2 * CLOSE_SECONDS + 3.0


async def test_every_push_tells_the_whole_sum(
    authority: Authority, issuer: Issuer, collector: Collector
) -> None:
    async with running(authority, issuer) as small, pushing(small.metrics, collector):
        for calls in (1, 2):
            await small.call_public(issuer.token())
            await another_push(collector)
            assert collector.point("tollgate_rpc_handled", code="OK").as_double == calls
            seconds = collector.point("tollgate_rpc_seconds", method=DELIVER)
            assert (seconds.count, sum(seconds.bucket_counts)) == (calls, calls)
            assert len(seconds.bucket_counts) == len(seconds.explicit_bounds) + 1
    metric = collector.metrics["tollgate_rpc_handled"]
    assert (metric.sum.is_monotonic, metric.sum.aggregation_temporality) == (True, CUMULATIVE)


async def test_what_stands_at_the_endpoint_is_what_is_pushed(collector: Collector) -> None:
    metrics = Metrics()
    level = 3.0
    metrics.watch("level_count", "Read when asked", lambda: level)
    metrics.gauge("backlog_seconds", "Set", ("destination",)).labels("x").set(7)
    metrics.counter("alerts", "Counted", ("reason",)).labels("late").inc(2)
    waits = metrics.histogram("wait_seconds", "Observed")
    for seconds in (0.0005, 0.002, 0.002, 99.0):
        waits.observe(seconds)
    level = 4.0
    push = metrics_push(metrics, service_resource("pricing"), collector.endpoint, ManualClock())
    await push.close()

    shown = {family.name for family in metrics.families() if family.samples}
    assert set(collector.metrics) == shown
    for name in shown:
        assert f"# HELP {name}" in metrics.text().decode()
    assert collector.point("tollgate_level_count").as_double == 4
    assert collector.point("tollgate_backlog_seconds", destination="x").as_double == 7
    assert collector.point("tollgate_alerts", reason="late").as_double == 2
    point = collector.point("tollgate_wait_seconds")
    assert list(point.bucket_counts) == [1, 2, *[0] * 12, 1]
    assert list(point.explicit_bounds)[:2] == [0.001, 0.0025]
    assert point.sum == pytest.approx(99.0045)
    assert not point.HasField("min")
    assert point.time_unix_nano == int(START.timestamp() * 1e9)
    (created,) = [
        sample.value
        for family in metrics.families()
        for sample in family.samples
        if sample.name == "tollgate_wait_seconds_created"
    ]
    assert point.start_time_unix_nano == int(created * 1e9)
    units = {
        name: collector.metrics[f"tollgate_{name}"].unit for name in ("wait_seconds", "alerts")
    }
    assert units == {"wait_seconds": "s", "alerts": ""}
    assert collector.metrics["process_resident_memory_bytes"].unit == "By"
    assert labels_of(point.attributes) == {}


async def test_a_gauge_that_cannot_be_read_costs_that_push_only(
    collector: Collector, logs: list[structlog.typing.EventDict]
) -> None:
    metrics = Metrics()
    readings = iter([KeyError("gone")])

    def read() -> float:
        for problem in readings:
            raise problem
        return 5.0

    metrics.watch("level", "Fails once", read)
    async with pushing(metrics, collector):
        await until(lambda: collector.pushes > 0)
    assert collector.point("tollgate_level").as_double == 5
    assert [line["problem"] for line in logs if line["event"] == "metrics not pushed"] == [
        "KeyError"
    ]


async def test_two_processes_share_no_series(collector: Collector) -> None:
    one, two = Metrics(), Metrics()
    one.rpc("public", "/x.Y/Z", "OK", 0.001)
    push = metrics_push(two, service_resource("pricing"), collector.endpoint, ManualClock())
    await push.close()
    assert "tollgate_rpc_handled" not in collector.metrics
    assert "/x.Y/Z" in one.text().decode()
