"""Counts and durations of RPCs, kept as plain numbers and made metrics of when they are read.

Each call counts here; a counter and a histogram of the library cost it five times as much.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector


class RpcFigures(Collector):
    """How many calls of each method ended how, and how long they took. For one thread to count."""

    def __init__(self, prefix: str, bounds: Sequence[float]) -> None:
        """Count into buckets up to each of the ``bounds``, in seconds, and one above them."""
        self._prefix = prefix
        self._bounds = tuple(bounds)
        self._names = (*map(str, self._bounds), "+Inf")
        self._counts: dict[tuple[str, str, str], int] = {}
        self._durations: dict[tuple[str, str], _Durations] = {}

    def count(self, listener: str, method: str, code: str, seconds: float) -> None:
        """Count one answered RPC. Methods are those registered, so their number is bounded."""
        key = (listener, method, code)
        self._counts[key] = self._counts.get(key, 0) + 1
        durations = self._durations.get((listener, method))
        if durations is None:
            durations = _Durations(len(self._bounds) + 1)
            self._durations[listener, method] = durations
        durations.sum += seconds
        durations.buckets[bisect_left(self._bounds, seconds)] += 1

    def collect(self) -> Iterator[Metric]:
        """Read everything now; part of the library's protocol."""
        handled = CounterMetricFamily(
            f"{self._prefix}rpc_handled", "RPCs answered", labels=("listener", "method", "code")
        )
        for key, number in self._counts.items():
            handled.add_metric(key, float(number))
        yield handled
        seconds = HistogramMetricFamily(
            f"{self._prefix}rpc_seconds", "Duration of RPCs", labels=("listener", "method")
        )
        for of, durations in self._durations.items():
            seconds.add_metric(of, self._up_to(durations.buckets), durations.sum)
        yield seconds

    def _up_to(self, buckets: Sequence[int]) -> list[tuple[str, float]]:
        found: list[tuple[str, float]] = []
        total = 0
        for name, number in zip(self._names, buckets, strict=True):
            total += number
            found.append((name, float(total)))
        return found


class _Durations:
    """So many in each bucket, and the sum in seconds."""

    __slots__ = ("buckets", "sum")

    def __init__(self, buckets: int) -> None:
        self.buckets = [0] * buckets
        self.sum = 0.0
