"""The ConfigMap with plans: what is told of it, when, and by how many replicas."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from services.chassis.clock import Clock
from services.chassis.config import ConfigError, Env
from services.provisioner.config import read_config
from services.provisioner.convert.plans import PLANS_OBSERVED, to_plans_fact
from services.provisioner.errors import ClusterUnavailable
from services.provisioner.plans.ports import PlansStore
from services.provisioner.plans.seen import LONGEST, Place, PlansSeen, gone, seen
from services.provisioner.plans.telling import PlansTeller, let_go
from services.provisioner.ports import Transactions
from tests.fakes.chassis import ManualClock, MemoryDatabase, MemoryTransactions
from tests.fakes.memory_outbox import OUTBOX
from tests.fakes.provisioner_plans import MemoryPlansStore
from tollgate.provisioner.v1.events_pb2 import PlansObserved

PLACE = Place("kube-dc", "billing-plans")


def says(text: str) -> PlansSeen:
    return seen(PLACE, {"plans.yaml": text}, "1")


class World:
    """A ConfigMap, and the database of the replicas that tell of it."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.db = MemoryDatabase(self.clock)
        self.now = gone(PLACE.source)
        self.away = False
        self.before_answer: Callable[[], Awaitable[None]] | None = None

    async def read(self) -> PlansSeen:
        if self.away:
            raise ClusterUnavailable("The cluster is away.")
        found = self.now
        # What comes between the read and the telling, once.
        happens, self.before_answer = self.before_answer, None
        if happens is not None:
            await happens()
        return found

    @property
    def tx(self) -> Transactions[PlansStore]:
        return MemoryTransactions(self.db, lambda one: MemoryPlansStore(one, to_plans_fact))

    def replica(self, clock: Clock | None = None) -> PlansTeller:
        return PlansTeller(PLACE.source, self.read, self.tx, clock or self.clock)

    def told(self) -> list[tuple[bool, str]]:
        """Return what was told, in the order of revisions, which is that of telling."""
        rows = [row.fact for _, row in sorted(self.db.committed(OUTBOX).items())]
        revisions = [fact.revision for fact in rows]
        assert revisions == sorted(set(revisions))
        assert {(fact.type, fact.key) for fact in rows} <= {
            (PLANS_OBSERVED, "plans:kube-dc/billing-plans")
        }
        messages = [PlansObserved.FromString(fact.payload) for fact in rows]
        return [(message.stands, message.text) for message in messages]


@pytest.fixture
def world() -> World:
    return World()


async def test_an_edit_and_a_deletion_are_told_each_once(world: World) -> None:
    replica = world.replica()
    for now in (says("a"), says("a"), says("b"), gone(PLACE.source), gone(PLACE.source), says("b")):
        world.now = now
        await replica.look()
    assert world.told() == [(True, "a"), (True, "b"), (False, ""), (True, "b")]


async def test_a_write_that_leaves_the_plans_alone_is_not_told(world: World) -> None:
    replica = world.replica()
    world.now = says("a")
    await replica.look()
    world.now = replace(says("a"), resource_version="2")
    await replica.look()
    assert world.told() == [(True, "a")]


async def test_a_configmap_that_never_stood_is_not_told(world: World) -> None:
    await world.replica().look()
    assert world.told() == []


async def test_a_process_that_starts_tells_once_what_was_told_already(world: World) -> None:
    world.now = says("a")
    await world.replica().look()
    restarted = world.replica()
    await restarted.look()
    await restarted.look()
    assert world.told() == [(True, "a"), (True, "a")]


async def test_two_replicas_tell_an_edit_once(world: World) -> None:
    replicas = [world.replica(), world.replica()]
    world.now = says("a")
    for one in replicas:
        await one.look()
    before = len(world.told())
    world.now = says("b")
    await asyncio.gather(*(one.look() for one in replicas))
    assert world.told()[before:] == [(True, "b")]


async def test_a_replica_that_is_behind_does_not_tell_an_older_content_last(world: World) -> None:
    slow, fast = world.replica(), world.replica()
    world.now = says("a")
    await slow.look()
    await fast.look()
    world.now = says("b")

    async def edit() -> None:
        # The slow one has read "b" when the next edit comes, which the other one tells.
        world.now = says("c")
        await fast.look()

    world.before_answer = edit
    await slow.look()
    assert [text for _, text in world.told()] == ["a", "a", "c"]


async def test_what_is_watched_no_more_is_let_go_once(world: World) -> None:
    world.now = says("a")
    await world.replica().look()
    await let_go(world.tx, world.clock, PLACE.source)
    assert world.told() == [(True, "a")]
    for _ in range(2):
        await let_go(world.tx, world.clock, "")
    assert world.told() == [(True, "a"), (False, "")]
    # Watched again, it is told anew.
    await world.replica().look()
    assert world.told()[-1] == (True, "a")


async def test_a_clock_that_was_set_back_still_gives_a_later_revision(world: World) -> None:
    world.now = says("a")
    await world.replica().look()
    world.now = says("b")
    await world.replica(ManualClock(world.clock.now().replace(year=2020))).look()
    assert [text for _, text in world.told()] == ["a", "b"]


async def test_what_happens_while_the_cluster_is_away_is_told_afterwards(world: World) -> None:
    teller = world.replica()
    world.now, world.away = says("a"), True
    async with asyncio.TaskGroup() as group, asyncio.timeout(10):
        task = group.create_task(teller.run())
        teller.listed([])
        for _ in range(5):
            await asyncio.sleep(0)
        assert world.told() == []
        world.away = False
        while not world.told():
            world.clock.advance(1.0)
            await asyncio.sleep(0)
        task.cancel()
    assert world.told() == [(True, "a")]


def test_a_configmap_without_the_key_stands_and_says_nothing() -> None:
    assert seen(PLACE, {"other": "x"}, "1") == PlansSeen(PLACE.source, True, None, 0, "1")
    assert seen(PLACE, None, "1").text is None


def test_a_text_that_is_too_long_is_told_by_its_length_only() -> None:
    found = says("ä" * (LONGEST // 2 + 1))
    assert (found.text, found.left_out_bytes) == (None, LONGEST + 2)
    assert says("x" * LONGEST).left_out_bytes == 0


def _config(**settings: str) -> Place | None:
    env = Env(
        {"DATABASE_URL": "postgresql://u:p@h/d", "TOLLGATE_OIDC_BASE": "http://h", **settings}
    )
    config = read_config(env)
    env.finish()
    return config.plans


@pytest.mark.parametrize("text", ["billing-plans", "kube-dc/", "/x", "kube-dc/Billing", "a/b/c"])
def test_a_setting_that_names_no_configmap_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="TOLLGATE_PLANS_CONFIGMAP"):
        _config(TOLLGATE_PLANS_CONFIGMAP=text, TOLLGATE_PRICING_TARGET="127.0.0.1:9002")


def test_without_anybody_to_tell_the_setting_is_refused() -> None:
    with pytest.raises(ConfigError, match="needs TOLLGATE_PRICING_TARGET"):
        _config(TOLLGATE_PLANS_CONFIGMAP="kube-dc/billing-plans")
