"""From a payment's webhook to a namespace that is ready, at several rates, hop by hop."""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import aiohttp

from deploy.sandbox.demo.shop import Shop
from tests.bench.figures import Floor, percentile
from tests.bench.machine import in_line, machine, shares
from tests.bench.processes import spent
from tests.bench.ready.bare import bare
from tests.bench.ready.disk import Disk
from tests.bench.ready.paying import Till
from tests.bench.ready.timeline import HOPS, Watch
from tests.bench.report import Report
from tests.bench.runner import Options
from tests.bench.stack import BenchStack, bench_stack, scratch

RATES = (5, 20, 50)
_FLOOR_AT = 20
_FLOOR_MS = 250.0
_BARE_RATIO = 2.0
_PER_ENDPOINT = 25  # what Stripe allows for one endpoint, in requests a second
_PATIENCE = 60.0
_WARM = 10
_PARTS = (
    *("gateway", "payments", "subscription", "pricing", "provisioner"),
    *("postgres", "stripe", "kubernetes"),
)
_REASON = "Who has paid waits for a page to load, and not for us."
_BARE_REASON = (
    "Nobody makes a payment a namespace without its fetch, round trips, calls and objects; to "
    "decide them, tell them and watch what becomes of them may cost as much again."
)


async def run(options: Options) -> Report:
    """Pay for ``size`` seconds at each rate, once for each round."""
    report = Report("ready", {"seconds": options.size, "stripe's limit": _PER_ENDPOINT})
    with scratch() as folder, Disk(folder) as disk:
        async with bench_stack(folder) as stack, aiohttp.ClientSession() as http:
            stripe = stack.endpoints["stripe"]
            till = Till(Shop(http, stripe["api_base"], stripe["secret_key"]))
            bench = _Bench(report, options, stack, http, till, disk)
            (first,) = await bench.pay(1, 1) or [{"since_received_ms": float("nan")}]
            report.add("the first payment of all", "ms to ready", cold=first["since_received_ms"])
            await bench.pay(_WARM, _WARM)
            for rate in RATES:
                await bench.at(rate)
            await bench.beside_bare()
    return report


@dataclass(frozen=True)
class _Found:
    """What one rate gave, in milliseconds."""

    p99: float
    cpu_ms: float
    others: float
    flush: float


class _Bench:
    def __init__(
        self,
        report: Report,
        options: Options,
        stack: BenchStack,
        http: aiohttp.ClientSession,
        till: Till,
        disk: Disk,
    ) -> None:
        self._report = report
        self._options = options
        self._stack = stack
        self._http = http
        self._till = till
        self._disk = disk
        self._watch = Watch(stack)
        self._meter = stack.meter(*_PARTS)
        self._before = self._meter.read()
        self._began = machine(self._meter.pids.values())
        self._paid: list[str] = []
        self._found: dict[int, _Found] = {}

    async def at(self, rate: int) -> None:
        """Measure one rate."""
        count = rate * self._options.size * self._options.rounds
        ready = await self.pay(count, rate)
        used = spent(self._before, self._meter.read())
        ended = machine(self._meter.pids.values())
        waits = [line["since_received_ms"] for line in ready]
        # What did not become ready in time waited at least so long.
        waits += [_PATIENCE * 1000] * (count - len(ready))
        what = f"{rate} payments/s"
        p50, p99 = (percentile(waits, share) for share in (0.5, 0.99))
        self._report.add(what, "ms to ready", p50=p50, p99=p99, ready=len(ready), of=count)
        costs = {name: seconds / count * 1e3 for name, seconds in used.items()}
        total = sum(costs.values())
        self._report.add(what, "ms of processor time a payment", all=total, **costs)
        meanwhile = shares(self._began, ended, sum(used.values()))
        self._report.add(what, "% of the machine's time", **meanwhile)
        waited = in_line(self._began, ended) / count * 1e3
        self._report.add(what, "ms in line for a core a payment", all=waited)
        stored = self._watch.stored()
        self._report.add(what, "ms a batch of webhooks", **_shares(stored))
        flushes = self._disk.taken()
        slowest = max(flushes, default=float("nan"))
        self._report.add(what, "ms a flush of the disk", **_shares(flushes), slowest=slowest)
        await self._tell_hops(what, ready)
        others = meanwhile["others"] + meanwhile["stolen"]
        self._found[rate] = _Found(p99, total, others, slowest)
        self._options.say(f"ready, {what}: p50 {p50:.0f} ms, p99 {p99:.0f} ms")

    async def beside_bare(self) -> None:
        """Hold a payment's processor time against that of its bare requests, at the same rate."""
        count = _FLOOR_AT * self._options.size
        async with bare(self._stack) as script:
            await script.pay(self._paid[:_WARM], _WARM)
            used = await script.pay(self._paid[:count], _FLOOR_AT)
        costs = {name: seconds / len(self._paid[:count]) * 1e3 for name, seconds in used.items()}
        total = sum(costs.values())
        self._report.add("bare requests", "ms of processor time a payment", all=total, **costs)
        self._judge(self._found[_FLOOR_AT], total)

    def _judge(self, found: _Found, bare_ms: float) -> None:
        cores = os.cpu_count() or 1
        slow = self._found[RATES[0]]
        because = (
            f"{needed(_FLOOR_AT, found.cpu_ms, cores)}; its bare requests alone need "
            f"{_FLOOR_AT * bare_ms / 1000:.1f}; "
            f"the disk's slowest flush took {found.flush:.0f} ms; p99 at {RATES[0]}/s is "
            f"{slow.p99:.0f} ms, while others had {slow.others:.0f} % of the machine and "
            f"the slowest flush took {slow.flush:.0f} ms"
        )
        floor = Floor(f"p99 at {_FLOOR_AT} payments/s, in ms", _REASON, at_most=_FLOOR_MS)
        self._report.check(floor, found.p99, because)
        floor = Floor("a payment's processor time to bare", _BARE_REASON, at_most=_BARE_RATIO)
        self._report.check(floor, found.cpu_ms / bare_ms)

    async def pay(self, count: int, rate: int) -> list[dict[str, Any]]:
        """Pay so many at this rate; what was said of each that became ready in time."""
        await self._stack.limit_stripe(self._http, None)
        pages = await self._till.pages(count)
        await self._stack.limit_stripe(self._http, _PER_ENDPOINT)
        ready = self._watch.ready()
        ready.clear()
        # Their making is the shop's, and not of the payment.
        self._before = self._meter.read()
        self._began = machine(self._meter.pids.values())
        self._disk.taken()
        await self._till.pay(pages, rate)
        self._paid = [page.session for page in pages]
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
        slowest = max(hops, key=lambda one: sum(one.values()))
        self._report.add(f"{what}: the slowest payment, hop by hop", "ms", **slowest)


def needed(rate: int, milliseconds: float, cores: int) -> str:
    """Say what a rate asks of the machine, of the run's own figures."""
    wanted = rate * milliseconds / 1000
    return f"{rate}/s of {milliseconds:.0f} ms each need {wanted:.1f} cores, there are {cores}"


def _shares(values: Sequence[float]) -> dict[str, float]:
    if not values:
        return {"p50": float("nan"), "p99": float("nan")}
    return {"p50": median(values), "p99": percentile(values, 0.99)}
