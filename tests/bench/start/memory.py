"""Resident memory of the processes: idle, and after payments, as bytes for each."""

import asyncio

import aiohttp

from deploy.sandbox.demo.shop import Shop
from tests.bench.figures import Floor
from tests.bench.processes import resident_of
from tests.bench.ready.paying import Till
from tests.bench.ready.timeline import Watch
from tests.bench.report import Report
from tests.bench.runner import Options
from tests.bench.stack import BenchStack

PARTS = ("gateway", "pricing", "subscription", "payments", "provisioner")
_RATE = 12
_PATIENCE = 120.0
_MEGABYTE = 1 << 20
# Caches and pools fill, code is run for the first time: not what a payment leaves behind.
_WARM = 60
_KEPT = {"provisioner": 96.0}
"""KiB for each tenant: the provisioner holds what it watches, nine objects of each."""
_PASSING = 16.0
_REASONS = {
    True: "It holds what it watches: nine objects of each tenant, and nothing else that grows.",
    False: "What is paid is kept in the database; nothing of it stays in a process.",
}


async def measure(report: Report, options: Options, stack: BenchStack) -> None:
    """Take in payments and see what is left of each."""
    idle = _resident(stack)
    async with aiohttp.ClientSession() as http:
        stripe = stack.endpoints["stripe"]
        till = Till(Shop(http, stripe["api_base"], stripe["secret_key"]))
        watch = Watch(stack)
        await _pay(till, watch, _WARM)
        warm = _resident(stack)
        await _pay(till, watch, options.size)
    after = _resident(stack)
    for name in PARTS:
        grown = (after[name] - warm[name]) / options.size / 1024
        report.add(
            f"memory of {name}",
            "MiB resident",
            idle=idle[name] / _MEGABYTE,
            warm=warm[name] / _MEGABYTE,
            after=after[name] / _MEGABYTE,
        )
        most = _KEPT.get(name, _PASSING)
        reason = _REASONS[name in _KEPT]
        report.check(Floor(f"KiB that {name} keeps of a payment", reason, at_most=most), grown)


def _resident(stack: BenchStack) -> dict[str, int]:
    pids = stack.stack.supervisor.pids()
    return {name: resident_of(pids[name]) for name in PARTS}


async def _pay(till: Till, watch: Watch, count: int) -> None:
    await till.pay(await till.pages(count), _RATE)
    ready = 0
    async with asyncio.timeout(_PATIENCE):
        while ready < count:
            ready += len(watch.ready())
            await asyncio.sleep(0.1)
