"""Pushes a process's metrics by OTLP, and bounds how long what is pushed may hold up its end.

Recording through OpenTelemetry's own instruments costs about 25 µs for each RPC and each reader,
for they have no bound series; the registry costs 3. So the registry stays what is recorded into,
and what it collects is handed to OpenTelemetry's exporter as OpenTelemetry's data.
"""

import asyncio
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import structlog
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricExporter,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from services.chassis.clock import Clock
from services.chassis.metrics import METER_NAME, Family, Metrics

CLOSE_SECONDS: Final = 2.0
"""How long the last metrics, and then the last spans, may take before they are given up."""

_UNITS: Final = {"_seconds": "s", "_bytes": "By"}
_CUMULATIVE = AggregationTemporality.CUMULATIVE

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("tollgate.otlp")


class MetricsPush:
    """Sends all metrics of a process now and then, and once more at its end.

    Gauges are read on the loop; the exporter, which blocks, has one thread of its own.
    """

    def __init__(
        self, metrics: Metrics, exporter: MetricExporter, resource: Resource, clock: Clock
    ) -> None:
        self._metrics = metrics
        self._exporter = exporter
        self._resource = resource
        self._clock = clock
        self._began = _nanoseconds(clock)
        self._thread = ThreadPoolExecutor(1, "metrics-push")

    async def run(self, every: float) -> None:
        """Push every so many seconds until cancelled; a push that fails is not the process's end.

        What is sent is cumulative, so the next one makes up for it.
        """
        while True:
            await self._clock.sleep(every)
            await self._push()

    async def close(self) -> None:
        """Push the last state, for at most ``CLOSE_SECONDS``, and let go of the collector."""
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._push()
        except TimeoutError:
            _log.warning("last metrics given up", seconds=CLOSE_SECONDS)
        # Ends an export that still runs, so that the thread ends too.
        self._exporter.shutdown()
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _push(self) -> None:
        try:
            data = self._read()
            await asyncio.get_running_loop().run_in_executor(
                self._thread, self._exporter.export, data
            )
        except Exception as error:  # noqa: BLE001 - a gauge that cannot be read ends no process
            _log.error("metrics not pushed", problem=type(error).__name__, exc_info=error)

    def _read(self) -> MetricsData:
        now = _nanoseconds(self._clock)
        found = [to_metric(family, self._began, now) for family in self._metrics.families()]
        metrics = [metric for metric in found if metric.data.data_points]
        scope = ScopeMetrics(InstrumentationScope(METER_NAME), metrics, "")
        return MetricsData([ResourceMetrics(self._resource, [scope], "")])


def metrics_push(metrics: Metrics, resource: Resource, endpoint: str, clock: Clock) -> MetricsPush:
    """Make what pushes to the collector at this URL; connects only when it pushes."""
    return MetricsPush(metrics, OTLPMetricExporter(endpoint=endpoint), resource, clock)


class SpanPush(BatchSpanProcessor):
    """Sends spans in batches to the collector at this URL; its end takes ``CLOSE_SECONDS`` at most.

    OpenTelemetry's own waits up to half a minute for a collector that is away.
    """

    def __init__(self, endpoint: str) -> None:
        super().__init__(OTLPSpanExporter(endpoint=endpoint))

    def shutdown(self) -> None:
        """Send what is left, or give it up."""
        limit = threading.Timer(CLOSE_SECONDS, self.span_exporter.shutdown)
        limit.daemon = True
        limit.start()
        try:
            super().shutdown()  # type: ignore[no-untyped-call]  # has no annotations
        finally:
            limit.cancel()


def to_metric(family: Family, began: int, now: int) -> Metric:
    """Turn what the registry collected of one name into OpenTelemetry's data.

    ``began`` and ``now`` are nanoseconds since 1970; a series that knows its own beginning has it.
    Names are the registry's, counters without their ``_total``.
    """
    unit = next((unit for end, unit in _UNITS.items() if family.name.endswith(end)), "")
    data = _DATA[family.type](_points(family), began, now)
    return Metric(family.name, family.documentation, unit, data)


class _Point:
    """The samples of one series, by what follows the family's name in theirs."""

    def __init__(self) -> None:
        self.attributes: dict[str, str] = {}
        self.values: dict[str, float] = {}
        self.buckets: list[tuple[float, float]] = []

    def began(self, otherwise: int) -> int:
        created = self.values.get("_created")
        return otherwise if created is None else int(created * 1e9)


def _points(family: Family) -> list[_Point]:
    points: defaultdict[tuple[tuple[str, str], ...], _Point] = defaultdict(_Point)
    for sample in family.samples:
        labels = dict(sample.labels)
        bound = labels.pop("le", None)
        point = points[tuple(sorted(labels.items()))]
        point.attributes = labels
        if bound is None:
            point.values[sample.name.removeprefix(family.name)] = sample.value
        else:
            point.buckets.append((float(bound), sample.value))
    return list(points.values())


def _sum(points: Iterable[_Point], began: int, now: int) -> Sum:
    numbers = [
        NumberDataPoint(point.attributes, point.began(began), now, point.values["_total"])
        for point in points
    ]
    return Sum(numbers, _CUMULATIVE, is_monotonic=True)


def _gauge(points: Iterable[_Point], _began: int, now: int) -> Gauge:
    return Gauge([NumberDataPoint(point.attributes, 0, now, point.values[""]) for point in points])


def _histogram(points: Iterable[_Point], began: int, now: int) -> Histogram:
    return Histogram([_distribution(point, began, now) for point in points], _CUMULATIVE)


def _distribution(point: _Point, began: int, now: int) -> HistogramDataPoint:
    upto = [int(count) for _, count in point.buckets]
    return HistogramDataPoint(
        attributes=point.attributes,
        start_time_unix_nano=point.began(began),
        time_unix_nano=now,
        count=upto[-1],
        sum=point.values["_sum"],
        # The registry counts what is up to a bound, OpenTelemetry what lies between two.
        bucket_counts=[count - below for below, count in zip([0, *upto], upto, strict=False)],
        explicit_bounds=[bound for bound, _ in point.buckets[:-1]],
        # Not kept by the registry; None is left out of the message.
        min=None,  # type: ignore[arg-type]  # optional in the protocol, not in the annotation
        max=None,  # type: ignore[arg-type]  # as above
    )


_DATA: Final[dict[str, Callable[[list[_Point], int, int], Sum | Gauge | Histogram]]] = {
    "counter": _sum,
    "gauge": _gauge,
    "histogram": _histogram,
}


def _nanoseconds(clock: Clock) -> int:
    return int(clock.now().timestamp() * 1e9)
