"""An OpenTelemetry collector that keeps what it gets, for the tests of what is pushed."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import grpc.aio
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics_pb
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import (
    MetricsServiceServicer,
    add_MetricsServiceServicer_to_server,
)
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as trace_pb
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span

Labels = dict[str, str]


class Collector(MetricsServiceServicer, TraceServiceServicer):
    """Takes metrics and spans. ``metrics`` are those of the last push, by name."""

    def __init__(self) -> None:
        self.endpoint = ""
        self.pushes = 0
        self.metrics: dict[str, Metric] = {}
        self.spans: list[Span] = []
        self.senders: dict[str, Labels] = {}

    async def Export(self, request: Any, context: Any) -> Any:  # noqa: N802
        if isinstance(request, trace_pb.ExportTraceServiceRequest):
            for sent in request.resource_spans:
                self.senders["spans"] = labels_of(sent.resource.attributes)
                self.spans += [span for scope in sent.scope_spans for span in scope.spans]
            return trace_pb.ExportTraceServiceResponse()
        (sent,) = request.resource_metrics
        (scope,) = sent.scope_metrics
        self.senders["metrics"] = labels_of(sent.resource.attributes)
        self.metrics = {metric.name: metric for metric in scope.metrics}
        self.pushes += 1
        return metrics_pb.ExportMetricsServiceResponse()

    def point(self, name: str, **labels: str) -> Any:
        """Return the one point of the last push that has these labels."""
        metric = self.metrics[name]
        points = getattr(metric, str(metric.WhichOneof("data"))).data_points
        (found,) = [
            point for point in points if labels.items() <= labels_of(point.attributes).items()
        ]
        return found


def labels_of(attributes: Iterable[KeyValue]) -> Labels:
    """Read attributes that are texts."""
    return {attribute.key: attribute.value.string_value for attribute in attributes}


@asynccontextmanager
async def collecting() -> AsyncIterator[Collector]:
    """Run a collector on a free port."""
    collector, server = Collector(), grpc.aio.server()
    add_MetricsServiceServicer_to_server(collector, server)  # type: ignore[no-untyped-call]  # generated
    add_TraceServiceServicer_to_server(collector, server)  # type: ignore[no-untyped-call]  # generated
    collector.endpoint = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    try:
        yield collector
    finally:
        await server.stop(None)
