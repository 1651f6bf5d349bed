"""Webhooks a second, beside `@supabase/stripe-sync-engine` on the same PostgreSQL."""

import asyncio
import os
from statistics import median

from tests.bench.figures import Floor, median_ratio
from tests.bench.peers.install import installed
from tests.bench.processes import Meter, spent
from tests.bench.programs import Program, started
from tests.bench.report import Report
from tests.bench.runner import Options
from tests.bench.stack import BenchStack, bench_stack, scratch
from tests.bench.webhook.driver import NotTaken, post_all
from tests.bench.webhook.events import Events
from tests.bench.webhook.sides import Found, Product

CONNECTIONS = 64
_PATH = "/webhooks"
_REASON = "It verifies and upserts each event by itself; what gathers can be stored together."
_KEPT = "SELECT count(*) FROM stripe.invoices WHERE id = ANY($1)"


async def run(options: Options) -> Report:
    """Measure both at 64 connections."""
    node, server = await asyncio.to_thread(installed)
    report = Report("peers", {"events": options.size, "rounds": options.rounds})
    with scratch() as folder:
        async with bench_stack(folder) as stack:
            secret = stack.endpoints["stripe"]["webhook_secret"]
            env = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
            argv = [node, str(server), stack.database_dsn, secret]
            log = stack.home / "peer.log"
            async with started(argv, log=log, env=env, cwd=server.parent) as running:
                await _measure(report, options, stack, running)
    return report


async def _measure(report: Report, options: Options, stack: BenchStack, running: Program) -> None:
    events = Events(stack.endpoints["stripe"]["webhook_secret"])
    product, peer = Product(stack, events), _Peer(stack, running, events)
    await product.send(options.size // 5 + CONNECTIONS, CONNECTIONS, Found())
    await peer.send(options.size // 5 + CONNECTIONS, CONNECTIONS, Found())
    ours, theirs = Found(), Found()
    for number in range(options.rounds):
        await product.send(options.size, CONNECTIONS, ours)
        await peer.send(options.size, CONNECTIONS, theirs)
        options.say(f"peers, round {number + 1}: {ours.rate[-1]:.0f} : {theirs.rate[-1]:.0f}/s")
    ours.tell(report, "product")
    theirs.tell(report, "stripe-sync-engine")
    cores, busy = os.cpu_count() or 1, median(ours.total) * median(ours.rate) / 1e6
    because = (
        f"of {cores} cores its three processes had {busy:.1f}, the rest is the driver's, the "
        "kernel's and waiting for the disk; by processor time an event it is "
        f"{median_ratio(theirs.total, ours.total):.1f} times"
    )
    floor = Floor("events a second to stripe-sync-engine", _REASON, at_least=3.0)
    report.check(floor, median_ratio(ours.rate, theirs.rate), because)


class _Peer:
    """Sends signed events to the peer; every one of them is stored afterwards."""

    def __init__(self, stack: BenchStack, running: Program, events: Events) -> None:
        pids = stack.stack.supervisor.pids()
        self._stack = stack
        self._port = running.port
        self._events = events
        self._meter = Meter({"node": running.pid, "postgres": pids["postgres"]})

    async def send(self, count: int, connections: int, found: Found) -> None:
        """Send so many."""
        made = self._events.bodies(count)
        requests = self._events.signed([body for _, body in made], _PATH)
        before = self._meter.read()
        posted = await post_all(self._port, requests, connections)
        found.add(spent(before, self._meter.read()), posted)
        async with self._stack.database() as database:
            stored = await database.fetchval(_KEPT, [name for name, _ in made])
        if stored != count:
            raise NotTaken(f"The peer took {count} events and has stored {stored}.")
