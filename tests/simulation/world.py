"""One simulated world: two replicas of every service, a shop, a cluster, people, and trouble.

Everything in it follows from its seed: whoever runs the same seed with the same settings sees the
same steps.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any, cast

from services.chassis.identity import Principal
from tests.simulation.actions import ACTIONS
from tests.simulation.actions.operator import operate
from tests.simulation.cluster import SimCluster
from tests.simulation.edge import Calls, Edge
from tests.simulation.engine.database import SimWakeups
from tests.simulation.engine.lives import Life, SimTask
from tests.simulation.engine.network import SimNet
from tests.simulation.engine.process import SimProcess
from tests.simulation.engine.randomness import SimClock, Streams
from tests.simulation.faults import FAULTS
from tests.simulation.faults.fault import Fault
from tests.simulation.invariants import INVARIANTS
from tests.simulation.quiet import undisturbed
from tests.simulation.services.payments import payments
from tests.simulation.services.pricing import pricing
from tests.simulation.services.provisioner import Kube, provisioner
from tests.simulation.services.replica import Compose, Platform, replica_main
from tests.simulation.services.rows import Rows
from tests.simulation.services.subscription import subscription
from tests.simulation.shop import Shop
from tests.simulation.stores import SERVICES, InMemory, Stores

_NOTES = 4_000
_HOUR = 3600.0
_PAUSES = (60.0, _HOUR, 24 * _HOUR, 10 * 24 * _HOUR, 31 * 24 * _HOUR, 31 * 24 * _HOUR)
"""Seconds in which nobody does anything, and subscriptions renew."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How large a world is, and what happens in it.

    ``payments`` is how many payments of the shop are taken before it becomes quiet, at least;
    ``rests`` is how likely it is that after something was done nobody does anything for a while, a
    month perhaps: the higher, the longer customers stay, and the more of the payments are renewals.
    ``faults`` None lets the seed draw them; ``longest`` bounds its steps.
    """

    payments: int = 100
    rests: float = 0.06
    faults: tuple[str, ...] | None = None
    skew: float = 2.0
    longest: int = 20_000_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a world. ``digest`` is the same for the same seed and settings."""

    seed: int
    digest: str
    counts: Mapping[str, int]
    violations: tuple[str, ...]
    faults: tuple[str, ...]
    notes: tuple[str, ...] = field(repr=False, default=())


class World:
    """A world before, in and after its run; actions, faults and invariants work on it."""

    def __init__(
        self, seed: int, settings: Settings | None = None, stores: Stores | None = None
    ) -> None:
        self.seed = seed
        self.settings = settings or Settings()
        self.streams = Streams(seed)
        self.stores = stores or InMemory()
        self.loop = self.stores.loop(self.rng("schedule"), self.settings.longest)
        self.clock = SimClock(self.loop)
        self.net = SimNet(self.loop, self.rng("net"))
        self.edge = Edge(self.net)
        self.databases = {
            name: self.stores.database(name, self.loop, self.clock, self.rng(f"db {name}"))
            for name in SERVICES
        }
        self._rows: dict[str, Rows] = {}
        self.shop = Shop(self.clock, self.rng("shop"), self.edge.deliver, self._background)
        self.cluster = SimCluster(self.clock, self.rng("cluster"), self._background)
        self.counts: Counter[str] = Counter()
        self.violations: dict[str, None] = {}
        self.notes: deque[str] = deque(maxlen=_NOTES)
        self.replicas: list[SimProcess] = []
        self.faults: list[Fault] = []
        self.troubled = False
        """Whether faults are on."""
        self._invariants = [make() for make in INVARIANTS]
        self._actions = [make() for make in ACTIONS]
        self._busy: dict[SimTask[None], None] = {}
        self._build()

    def rng(self, name: str) -> Random:
        """Return the stream of chance of a purpose."""
        return self.streams.of(name)

    def call(self, principal: Principal) -> Calls:
        """Return the public RPCs as this person."""
        return self.edge.calls(principal)

    def spawn(self, coro: Coroutine[Any, Any, None]) -> SimTask[None]:
        """Run something in the world's own life, which is never killed."""
        return self.loop.spawn(self.loop.root, coro)

    async def rows(self, service: str) -> Rows:
        """Return what an operator of a service works on."""
        if service not in self._rows:
            db = self.databases[service]
            wakeups = SimWakeups(db)
            self._rows[service] = await self.stores.rows(service, db, self.clock, wakeups)
        return self._rows[service]

    def note(self, text: str) -> None:
        """Add a line to what is shown of a seed that failed."""
        self.notes.append(f"{self.loop.time():14.3f} {self.loop.steps:9d} {text}")

    def run(self) -> Outcome:
        """Let it happen, from the start to quiet; returns what became of it."""
        with undisturbed(self.seed):
            try:
                self.loop.run_world(self._live())
            except Exception as error:  # noqa: BLE001 - a world that cannot go on has failed
                self._violated("the world", [f"{type(error).__name__}: {error}"])
            finally:
                self.stores.end()
                self.loop.bury()
        self._count()
        return Outcome(
            self.seed,
            f"{self.loop.fingerprint & (1 << 64) - 1:016x}",
            dict(sorted(self.counts.items())),
            tuple(self.violations),
            tuple(fault.name for fault in self.faults),
            tuple(self.notes),
        )

    def check(self) -> None:
        """Hold every invariant against what stands now."""
        for invariant in self._invariants:
            self._violated(invariant.name, invariant.check(self))

    def _build(self) -> None:
        platform = Platform(self.loop, self.net, self.streams, self.stores.rows)
        chance = self.rng("build")
        compositions: dict[str, Compose] = {
            "pricing": pricing,
            "subscription": subscription,
            "payments": payments(self.shop.provider, self.shop.sell),
            "provisioner": provisioner(cast("Kube", self.cluster)),
        }
        for service, compose in compositions.items():
            db = self.databases[service]
            for name, newer in (("a", False), ("b", True)):
                skew = chance.uniform(-1.0, 1.0) * self.settings.skew
                main = replica_main(platform, db, compose, newer=newer, skew=skew)
                process = SimProcess(
                    self.loop, f"{service}-{name}", main, service=service, died=self._died
                )
                # Rows are free before whoever waits for an answer hears that it has none.
                process.on_end(db.life_ended)
                self.net.join(process)
                process.on_end(partial(self._ended, process))
                self.replicas.append(process)

    def _background(self, coro: Coroutine[Any, Any, None]) -> None:
        self.spawn(coro)

    async def _live(self) -> None:
        self.spawn(self.edge.run())
        for process in self.replicas:
            process.start()
        await asyncio.sleep(5.0)
        self._start_faults()
        await self._play()
        self._stop_faults()
        await self._calm_down()
        self.check()
        for invariant in self._invariants:
            self._violated(invariant.name, invariant.final(self))
        self._look_for_bugs()

    def _start_faults(self) -> None:
        self.troubled = True
        chance = self.rng("faults")
        wanted = self.settings.faults
        for make in FAULTS:
            # Drawn for each kind, also where the settings decide: a seed keeps its other draws.
            drawn = chance.random() < 0.5
            fault = make()
            if drawn if wanted is None else fault.name in wanted:
                fault.start(self, self.rng(f"fault {fault.name}"))
                self.faults.append(fault)
                self.note(f"fault: {fault.name}")

    def _stop_faults(self) -> None:
        self.troubled = False
        for fault in self.faults:
            fault.stop(self)
        self.shop.quiet()
        self.shop.stop_renewing()
        for process in self.replicas:
            process.start()
        self.note("no more faults")

    async def _play(self) -> None:
        chance = self.rng("play")
        weights = [action.weight for action in self._actions]
        pace = chance.choice([0.02, 0.5, 30.0])
        while self.counts["payments"] < self.settings.payments:
            action = chance.choices(self._actions, weights)[0]
            self.counts[f"action {action.name}"] += 1
            self._busy[self.spawn(self._act(action))] = None
            await asyncio.sleep(chance.expovariate(1 / pace))
            if chance.random() < self.settings.rests:
                await asyncio.sleep(chance.choice(_PAUSES))
            self.counts["payments"] = self.shop.payments
            self.check()

    async def _act(self, action: Any) -> None:
        await action.run(self, self.rng(f"action {action.name}"))

    async def _calm_down(self) -> None:
        """Wait until everybody has done what there is to do, and every timer has come by."""
        if self._busy:
            await asyncio.wait(self._busy)
        for task in self._busy:
            error = task.exception()
            if error is not None:
                self._violated("actions", [f"{type(error).__name__}: {error}"])
        for _ in range(8):
            await operate(self)
            # What that began has to have come to its end when the last of these is over.
            await asyncio.sleep(12 * _HOUR)
            self.check()

    def _count(self) -> None:
        books, counts = self.shop.books, self.counts
        billed = (books.invoices[one.invoice] for one in books.payments.values() if one.invoice)
        reasons = Counter(invoice.reason for invoice in billed)
        counts["payments"] = self.shop.payments
        counts["renewals"] = reasons["subscription_cycle"]
        counts["changes"] = reasons["subscription_update"]
        counts["steps"] = self.loop.steps
        counts["calls"] = self.net.calls
        counts["crashes"] = sum(process.kills for process in self.replicas)

    def _look_for_bugs(self) -> None:
        for method, error in self.net.unforeseen:
            self._violated("unforeseen", [f"{method}: {type(error).__name__}: {error}"])
        for problem in self.loop.problems:
            self._violated("asyncio", [f"{problem['message']} {problem.get('exception')!r}"])

    def _ended(self, process: SimProcess, _life: Life) -> None:
        """A supervisor starts what ended again, after a while."""
        self.note(f"{process.name} ended")
        after = self.rng("supervisor").choice([0.05, 0.5, 3.0, 40.0])
        self.loop.call_later(after, process.start, context=self.loop.root.context.copy())

    def _died(self, process: SimProcess, error: BaseException) -> None:
        self._violated("processes", [f"{process.name} ended with {error!r}"])

    def _violated(self, name: str, told: list[str]) -> None:
        for text in told:
            violation = f"{name}: {text}"
            if violation not in self.violations:
                self.violations[violation] = None
                self.note(f"VIOLATED {violation}")
