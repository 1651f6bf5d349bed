"""Random histories of queue, outbox and inbox, compared with a few lines of model.

Claims are held, given back, forgotten (their process was killed) or finished late, in any order,
and time passes in between.
"""

import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.chassis.facts import FactRecord
from services.chassis.relaying import ClaimedFact, Postponed, Rejected
from services.chassis.working import ClaimedKey
from tests.contract.chassis.backends import Backend, Tx, fact

LEASE = 30.0
_names = itertools.count()

_KEYS = st.sampled_from(["a", "b", "c"])
_SECONDS = st.sampled_from([1.0, 10.0, LEASE + 1])
_PICK = st.integers(0, 5)

_fixture_once = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
_histories = settings(
    max_examples=40, deadline=None, suppress_health_check=_fixture_once, database=None
)

QueueStep = tuple[str, str | int | float]
_QUEUE_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("enqueue"), _KEYS),
        st.tuples(st.just("enqueue later"), _KEYS),
        st.tuples(st.just("claim"), st.integers(1, 3)),
        st.tuples(st.just("claim the oldest"), st.just(1)),
        st.tuples(st.sampled_from(["finish", "fail", "again", "forget", "renew"]), _PICK),
        st.tuples(st.just("advance"), _SECONDS),
    ),
    min_size=15,
    max_size=60,
)


@dataclass
class Run:
    """A claim that somebody holds, or thinks so."""

    claimed: ClaimedKey
    saw: int
    ends: float


@dataclass
class QueueModel:
    """What was asked for, what was handled, and who holds what."""

    backend: Backend
    name: str
    now: float = 0.0
    asked: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    handled: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    live: dict[str, Run] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)
    epochs: set[int] = field(default_factory=set)

    async def step(self, what: str, with_: str | float) -> None:
        if what.startswith("enqueue"):
            await self.enqueue(str(with_), 20.0 if what == "enqueue later" else 0.0)
        elif what == "claim":
            await self.claim(int(with_))
        elif what == "claim the oldest":
            self.claimed(await self.backend.queue.claim_oldest(self.name, LEASE))
        elif what == "advance":
            self.now += float(with_)
            await self.backend.advance(float(with_))
        elif self.runs:
            await self.end(what, self.runs[int(with_) % len(self.runs)])

    async def enqueue(self, key: str, due_in: float) -> None:
        async def enqueue(tx: Tx) -> None:
            await self.backend.enqueue(tx, self.name, [key], due_in=due_in)

        await self.backend.run(enqueue)
        self.asked[key] += 1

    async def claim(self, limit: int) -> int:
        claims = await self.backend.queue.claim(self.name, limit, LEASE)
        self.claimed(claims)
        return len(claims)

    def claimed(self, claims: Sequence[ClaimedKey]) -> None:
        for claimed in claims:
            holder = self.live.get(claimed.key)
            assert holder is None or holder.ends <= self.now, "two hold one key"
            assert claimed.epoch not in self.epochs, "an epoch came back"
            self.epochs.add(claimed.epoch)
            run = Run(claimed, self.asked[claimed.key], self.now + LEASE)
            self.live[claimed.key] = run
            self.runs.append(run)

    async def end(self, what: str, run: Run) -> None:
        rows, key = self.backend.queue, run.claimed.key
        if what == "renew":
            held = (key, run.claimed.epoch)
            kept = await rows.renew(self.name, [held], LEASE)
            assert (held in kept) == (self.live.get(key) is run)
            run.ends = self.now + LEASE if kept else run.ends
            return
        self.runs.remove(run)
        if what == "forget":
            return
        if what == "finish":
            await rows.finish(self.name, run.claimed)
        else:
            error = "failed" if what == "fail" else None
            await rows.again(self.name, run.claimed, 5.0, error)
        if self.live.get(key) is run:
            del self.live[key]
            if what == "finish":
                self.handled[key] = run.saw

    async def drain(self) -> None:
        for _ in range(20):
            await self.step("advance", LEASE + 1)
            if not await self.claim(10):
                return
            for run in list(self.live.values()):
                await self.end("finish", run)
        raise AssertionError("the queue does not come to an end")


@_histories
@given(steps=_QUEUE_STEPS)
async def test_every_enqueue_is_handled_by_a_run_that_began_after_it(
    backend: Backend, steps: list[QueueStep]
) -> None:
    model = QueueModel(backend, f"queue_{next(_names)}")
    for what, with_ in steps:
        await model.step(what, with_)
    await model.drain()
    assert model.handled == model.asked
    assert await backend.keys(model.name) == []


OutboxStep = tuple[str, str | int | float]
_OUTBOX_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), _KEYS),
        st.tuples(st.just("claim"), st.integers(1, 3)),
        st.tuples(st.sampled_from(["accept", "retry", "reject", "forget"]), _PICK),
        st.tuples(st.just("advance"), _SECONDS),
    ),
    min_size=15,
    max_size=60,
)


@dataclass
class OutboxModel:
    """What every key still has to deliver, and what each end of a fact was."""

    backend: Backend
    name: str
    now: float = 0.0
    pending: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    appended: set[str] = field(default_factory=set)
    delivered: set[str] = field(default_factory=set)
    dead: list[str] = field(default_factory=list)
    leases: dict[str, float] = field(default_factory=dict)
    claims: list[list[ClaimedFact]] = field(default_factory=list)
    epochs: dict[str, int] = field(default_factory=dict)

    async def step(self, what: str, with_: str | float) -> None:
        if what == "append":
            await self.append(str(with_))
        elif what == "claim":
            await self.claim(int(with_))
        elif what == "advance":
            self.now += float(with_)
            await self.backend.advance(float(with_))
        elif self.claims:
            await self.end(what, self.claims.pop(int(with_) % len(self.claims)))

    async def append(self, key: str) -> None:
        new: FactRecord = fact(next(_names), key=key, to=self.name)

        async def append(tx: Tx) -> None:
            await self.backend.append(tx, [new])

        await self.backend.run(append)
        self.pending[key].append(new.id)
        self.appended.add(new.id)

    async def claim(self, limit: int) -> int:
        claims = await self.backend.outbox.claim(self.name, "", limit, LEASE)
        for key, group in itertools.groupby(claims, key=lambda one: one.fact.key):
            chain = list(group)
            ids = [one.fact.id for one in chain]
            assert self.pending[key][: len(ids)] == ids, "a fact overtook an older one of its key"
            for claimed in chain:
                assert self.leases.get(claimed.fact.id, 0.0) <= self.now, "two deliver one fact"
                self.leases[claimed.fact.id] = self.now + LEASE
                self.epochs[claimed.fact.id] = claimed.epoch
            self.claims.append(chain)
        return len(claims)

    async def end(self, what: str, chain: list[ClaimedFact]) -> None:
        """End what was delivered together, as a relay does: what waits holds up what follows."""
        rows = self.backend.outbox
        if what == "accept":
            await rows.accepted(chain)
            for claimed in chain:
                self.delivered.add(claimed.fact.id)
                self.leave(claimed)
        elif what == "retry":
            behind = [Postponed(claimed, 0.0, "") for claimed in chain[1:]]
            await rows.postpone([Postponed(chain[0], 5.0, "away"), *behind])
            for claimed in chain:
                if self.current(claimed):
                    self.leases[claimed.fact.id] = 0.0
        elif what == "reject":
            current = self.current(chain[0])
            await rows.reject([Rejected(chain[0], "no")])
            if current:
                self.dead.append(chain[0].fact.id)
                self.leave(chain[0])
            if chain[1:]:
                await self.end("accept", chain[1:])

    def current(self, claimed: ClaimedFact) -> bool:
        id_ = claimed.fact.id
        return id_ in self.pending[claimed.fact.key] and self.epochs[id_] == claimed.epoch

    def leave(self, claimed: ClaimedFact) -> None:
        if claimed.fact.id in self.pending[claimed.fact.key]:
            self.pending[claimed.fact.key].remove(claimed.fact.id)

    async def drain(self) -> None:
        for _ in range(60):
            await self.step("advance", LEASE + 1)
            if not await self.claim(10):
                return
            while self.claims:
                await self.end("accept", self.claims.pop())
        raise AssertionError("the outbox does not come to an end")


@_histories
@given(steps=_OUTBOX_STEPS)
async def test_facts_leave_in_the_order_of_their_key_and_none_is_lost(
    backend: Backend, steps: list[OutboxStep]
) -> None:
    model = OutboxModel(backend, f"service_{next(_names)}")
    for what, with_ in steps:
        await model.step(what, with_)
    await model.drain()
    assert await backend.waiting(model.name) == []
    assert model.delivered | set(model.dead) == model.appended
    assert sorted(await backend.dead(model.name)) == sorted(model.dead)


@_histories
@given(
    revisions=st.lists(st.integers(1, 8), min_size=1, max_size=20),
    money=st.lists(st.integers(1, 8), max_size=20),
)
async def test_the_latest_state_wins_and_money_counts_once_in_any_order(
    backend: Backend, revisions: list[int], money: list[int]
) -> None:
    source = f"source_{next(_names)}"
    state, counted = 0, 0

    async def take_state(revision: int) -> bool:
        return await backend.run(lambda tx: backend.inbox.latest(tx, source, "Thing", revision))

    async def take_money(number: int) -> bool:
        payment = replace(fact(number), revision=0)
        return await backend.run(lambda tx: backend.inbox.remember(tx, payment, source))

    for revision in revisions:
        if await take_state(revision):
            assert revision > state
            state = revision
    for number in money:
        if await take_money(number):
            counted += number
    assert state == max(revisions)
    assert counted == sum(set(money))
