"""Metrics of one process: its own registry, labels of bounded cardinality.

They are read at /metrics, in Prometheus' format, and pushed by OTLP (`otlp.py`).
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeAlias

from prometheus_client import (
    CollectorRegistry,
    Gauge,
    Metric,
    ProcessCollector,
    generate_latest,
)
from prometheus_client import Counter as Counter
from prometheus_client import Histogram as Histogram

from services.chassis.rpcfigures import RpcFigures

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
METER_NAME: Final = "tollgate"
PREFIX: Final = "tollgate_"

Family: TypeAlias = Metric
"""All series of one name, as they are now."""

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """Counters, gauges and histograms by name; asking for a name again returns the same one.

    Names are given without the prefix ``tollgate_``. Labels must have few values: never an id.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry(auto_describe=True)
        ProcessCollector(registry=self._registry)
        self._counters: dict[str, Counter] = {}
        self._gauges: dict[str, Gauge] = {}
        self._histograms: dict[str, Histogram] = {}
        self._rpcs = RpcFigures(PREFIX, _SECONDS)
        self._registry.register(self._rpcs)

    def counter(self, name: str, doc: str, labels: Sequence[str] = ()) -> Counter:
        """Return the counter of this name; its series ends in ``_total``."""
        if name not in self._counters:
            self._counters[name] = Counter(PREFIX + name, doc, labels, registry=self._registry)
        return self._counters[name]

    def gauge(self, name: str, doc: str, labels: Sequence[str] = ()) -> Gauge:
        """Return the gauge of this name."""
        if name not in self._gauges:
            self._gauges[name] = Gauge(PREFIX + name, doc, labels, registry=self._registry)
        return self._gauges[name]

    def watch(self, name: str, doc: str, read: Callable[[], float]) -> None:
        """Register a gauge that is read when somebody asks for the metrics."""
        self.gauge(name, doc).set_function(read)

    def histogram(self, name: str, doc: str, labels: Sequence[str] = ()) -> Histogram:
        """Return the histogram of this name, with buckets for seconds."""
        if name not in self._histograms:
            self._histograms[name] = Histogram(
                PREFIX + name, doc, labels, buckets=_SECONDS, registry=self._registry
            )
        return self._histograms[name]

    def rpc(self, listener: str, method: str, code: str, seconds: float) -> None:
        """Count one answered RPC. Methods are those registered, so their number is bounded."""
        self._rpcs.count(listener, method, code, seconds)

    def families(self) -> Iterable[Family]:
        """Read everything now, gauges too: counters, gauges and histograms, each a family."""
        return self._registry.collect()

    def text(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self._registry)
