"""From a payment's webhook to a namespace that is ready, at several rates, hop by hop."""

import asyncio
from collections.abc import Sequence
from statistics import median
from typing import Any

import aiohttp

from deploy.sandbox.demo.shop import Shop
from tests.bench.figures import Floor, percentile
from tests.bench.processes import spent
from tests.bench.ready.paying import Till
from tests.bench.ready.timeline import HOPS, Watch
from tests.bench.report import Report
from tests.bench.runner import Options
from tests.bench.stack import BenchStack, bench_stack, scratch

RATES = (5, 20, 50)
_FLOOR_AT = 20
_FLOOR_MS = 250.0
_PER_ENDPOINT = 25  # what Stripe allows for one endpoint, in requests a second
_PATIENCE = 60.0
_WARM = 10
_PARTS = (
    *("gateway", "payments", "subscription", "pricing", "provisioner"),
    *("postgres", "stripe", "kubernetes"),
)
_REASON = "Who has paid waits for a page to load, and not for us."


async def run(options: Options) -> Report:
    """Pay for ``size`` seconds at each rate, once for each round."""
    report = Report("ready", {"seconds": options.size, "stripe's limit": _PER_ENDPOINT})
    with scratch() as folder:
        async with bench_stack(folder) as stack, aiohttp.ClientSession() as http:
            stripe = stack.endpoints["stripe"]
            till = Till(Shop(http, stripe["api_base"], stripe["secret_key"]))
            bench = _Bench(report, options, stack, http, till)
            (first,) = await bench.pay(1, 1) or [{"since_received_ms": float("nan")}]
            report.add("the first payment of all", "ms to ready", cold=first["since_received_ms"])
            await bench.pay(_WARM, _WARM)
            for rate in RATES:
                await bench.at(rate)
    return report


class _Bench:
    def __init__(
        self,
        report: Report,
        options: Options,
        stack: BenchStack,
        http: aiohttp.ClientSession,
        till: Till,
    ) -> None:
        self._report = report
        self._options = options
        self._stack = stack
        self._http = http
        self._till = till
        self._watch = Watch(stack)
        self._meter = stack.meter(*_PARTS)

    async def at(self, rate: int) -> None:
        """Measure one rate."""
        count = rate * self._options.size * self._options.rounds
        before = self._meter.read()
        ready = await self.pay(count, rate)
        used = spent(before, self._meter.read())
        waits = [line["since_received_ms"] for line in ready]
        # What did not become ready in time waited at least so long.
        waits += [_PATIENCE * 1000] * (count - len(ready))
        what = f"{rate} payments/s"
        p50, p99 = (percentile(waits, share) for share in (0.5, 0.99))
        self._report.add(what, "ms to ready", p50=p50, p99=p99, ready=len(ready), of=count)
        costs = {name: seconds / count * 1e3 for name, seconds in used.items()}
        total = sum(costs.values())
        self._report.add(what, "ms of processor time a payment", all=total, **costs)
        stored = self._watch.stored()
        self._report.add(what, "ms a batch of webhooks", **_shares(stored))
        await self._tell_hops(what, ready)
        if rate == _FLOOR_AT:
            floor = Floor(f"p99 at {rate} payments/s, in ms", _REASON, at_most=_FLOOR_MS)
            self._report.check(floor, p99)
        self._options.say(f"ready, {what}: p50 {p50:.0f} ms, p99 {p99:.0f} ms")

    async def pay(self, count: int, rate: int) -> list[dict[str, Any]]:
        """Pay so many at this rate; what was said of each that became ready in time."""
        await self._stack.limit_stripe(self._http, None)
        pages = await self._till.pages(count)
        await self._stack.limit_stripe(self._http, _PER_ENDPOINT)
        ready = self._watch.ready()
        ready.clear()
        await self._till.pay(pages, rate)
        try:
            async with asyncio.timeout(_PATIENCE):
                while len(ready) < count:
                    ready += self._watch.ready()
                    await asyncio.sleep(0.1)
        except TimeoutError:
            self._options.say(f"ready: {count - len(ready)} of {count} did not get ready in time")
        return ready

    async def _tell_hops(self, what: str, ready: Sequence[dict[str, Any]]) -> None:
        hops = await self._watch.hops(ready)
        if not hops:
            return
        for name, meaning in HOPS:
            figures = _shares([one[name] for one in hops])
            self._report.add(f"{what}: {name}, {meaning}", "ms", **figures)


def _shares(values: Sequence[float]) -> dict[str, float]:
    if not values:
        return {"p50": float("nan"), "p99": float("nan")}
    return {"p50": median(values), "p99": percentile(values, 0.99)}
