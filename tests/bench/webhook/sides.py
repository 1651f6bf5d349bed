"""The sides of the webhook bench, each given events that nobody has seen."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from tests.bench.figures import percentile
from tests.bench.processes import Meter, spent
from tests.bench.programs import Program
from tests.bench.report import Report
from tests.bench.stack import BenchStack
from tests.bench.webhook.driver import NotTaken, Posted, post_all
from tests.bench.webhook.events import Events, unsigned

_BARE_PATH = "/webhook"
# The objects are looked at by somebody else for the time: what follows on the answer is folding,
# which is paid for whenever it is done, and is not what is measured here.
_LEASE = """
INSERT INTO payments.reconcile_queue (queue, key, priority, due_at, running)
SELECT 'objects', 'invoice:' || id, 4, now() + interval '1 hour', true FROM unnest($1::text[]) id"""
_STORED = """
SELECT count(*) FROM payments.events
JOIN payments.event_bodies USING (provider, event_id)
JOIN payments.reconcile_queue ON key = root_key AND generation > 1
WHERE object_id = ANY($1) AND state = 'PENDING'"""


@dataclass
class Found:
    """What the rounds of one side have shown: microseconds an event by process, and speed."""

    cpu: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    total: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)
    idle: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    def add(self, used: dict[str, float], posted: Posted) -> None:
        """Take in a round."""
        count = len(posted.each)
        for name, seconds in used.items():
            self.cpu[name].append(seconds / count * 1e6)
        self.total.append(sum(used.values()) / count * 1e6)
        self.rate.append(count / posted.seconds)
        self.idle.append(posted.idle)
        self.waits += posted.each

    def tell(self, report: Report, what: str) -> None:
        """Add the rows of this side."""
        parts = {name: median(figures) for name, figures in self.cpu.items()}
        report.add(what, "us of processor time an event", all=median(self.total), **parts)
        p50, p99 = (percentile(self.waits, share) * 1000 for share in (0.5, 0.99))
        report.add(what, "events/s; ms", rate=median(self.rate), p50=p50, p99=p99)


class Product:
    """Sends signed events to the gateway; every one of them is stored and queued afterwards."""

    def __init__(self, stack: BenchStack, events: Events) -> None:
        self._stack = stack
        self._events = events
        self._gateway = stack.stack.layout.port("gateway")
        self._meter = stack.meter("gateway", "payments", "postgres")

    async def check_refusal(self) -> None:
        """Make sure that it looks: an event that somebody else has signed is refused."""
        forged = Events("whsec_of_somebody_else")
        try:
            await post_all(self._gateway, forged.signed(_split(forged.bodies(1))[1]), 1)
        except NotTaken:
            return
        raise RuntimeError("an event that somebody else has signed was taken")

    async def send(self, count: int, connections: int, found: Found) -> None:
        """Send so many."""
        objects, bodies = _split(self._events.bodies(count))
        async with self._stack.database() as database:
            await database.execute(_LEASE, objects)
            before = self._meter.read()
            posted = await post_all(self._gateway, self._events.signed(bodies), connections)
            found.add(spent(before, self._meter.read()), posted)
            stored = await database.fetchval(_STORED, objects)
        if stored != count:
            raise NotTaken(f"{count} events were acknowledged, and {stored} are stored and queued.")


class Bare:
    """Sends as many to the bare handler."""

    def __init__(self, stack: BenchStack, handler: Program, events: Events) -> None:
        pids = stack.stack.supervisor.pids()
        self._events = events
        self._port = handler.port
        self._meter = Meter({"handler": handler.pid, "postgres": pids["postgres"]})
        self.sent = 0

    async def send(self, count: int, connections: int, found: Found) -> None:
        """Send so many."""
        _, bodies = _split(self._events.bodies(count))
        self.sent += count
        before = self._meter.read()
        posted = await post_all(self._port, unsigned(bodies, _BARE_PATH), connections)
        found.add(spent(before, self._meter.read()), posted)


def _split(events: Sequence[tuple[str, bytes]]) -> tuple[list[str], list[bytes]]:
    return [name for name, _ in events], [body for _, body in events]
