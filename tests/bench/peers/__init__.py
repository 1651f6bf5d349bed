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

FEW, MANY = 64, 256
_PATH = "/webhooks"
_REASON = "It verifies and upserts each event by itself; what gathers can be stored together."
_KEPT = "SELECT count(*) FROM stripe.invoices WHERE id = ANY($1)"


async def run(options: Options) -> Report:
    """Measure both, at few connections and at many."""
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
    await product.send(options.size // 5 + MANY, MANY, Found())
    await peer.send(options.size // 5 + MANY, MANY, Found())
    for connections in (FEW, MANY):
        ours, theirs = Found(), Found()
        for number in range(options.rounds):
            await product.send(options.size, connections, ours)
            await peer.send(options.size, connections, theirs)
            found = f"{ours.rate[-1]:.0f} : {theirs.rate[-1]:.0f}/s"
            options.say(f"peers, {connections} connections, round {number + 1}: {found}")
        _tell(report, connections, ours, theirs)


def _tell(report: Report, connections: int, ours: Found, theirs: Found) -> None:
    ours.tell(report, f"product, {connections} connections")
    theirs.tell(report, f"stripe-sync-engine, {connections} connections")
    ratio = median_ratio(ours.rate, theirs.rate)
    if connections == FEW:
        report.add(f"product to stripe-sync-engine, {FEW} connections", "ratio", median=ratio)
        return
    busy = median(ours.total) * median(ours.rate) / 1e6
    because = (
        f"of {os.cpu_count() or 1} cores its three processes had {busy:.1f} and "
        f"{median(ours.idle):.1f} were idle, the rest is the driver's and the kernel's; by "
        f"processor time an event it is {median_ratio(theirs.total, ours.total):.1f} times"
    )
    floor = Floor("events a second to stripe-sync-engine", _REASON, at_least=3.0)
    report.check(floor, ratio, because)


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
