"""A worker dies, or loses an answer, at any request: the next one finishes what it began."""

from collections.abc import Callable

import pytest

from services.chassis.clock import SystemClock
from services.provisioner import isolation, sessions
from services.provisioner.domain import OrderedPhase, TenantPhase
from services.provisioner.errors import ClusterTimeout
from services.provisioner.objects import Ref
from tests.fakes.faulty_cluster import FaultyCluster
from tests.fakes.memory_db import CommitFate
from tests.unit.provisioner.world import EVERYTHING, FENCES, World, made_of, order


class Killed(BaseException):
    """What a process feels of kill -9: nothing of it runs any more."""


async def kill() -> None:
    raise Killed


async def lose_the_answer() -> None:
    raise ClusterTimeout("no answer")


def deaths() -> list[tuple[int, bool]]:
    """Every request of the longest run, before and after its effect."""
    return [(call, before) for call in range(24) for before in (True, False)]


def check_entrance(world: World) -> None:
    """Nobody may be inside unless the whole fence stands."""
    if world.cluster.of_kind("RoleBinding"):
        fences = {pair for pair in EVERYTHING if pair[0] in FENCES}
        assert fences <= made_of(world.cluster)


async def die(
    world: World, tenant_id: str, call: int, *, before: bool, how: Callable[..., object]
) -> bool:
    """Run once, dying at this request; tell whether it came to that."""
    faulty = FaultyCluster(world.cluster, call, how, before)  # type: ignore[arg-type] # kill and lose_the_answer are
    try:
        await world.run(world.tenant(tenant_id), faulty)
    except (Killed, ClusterTimeout):
        return True
    return faulty.made > call


@pytest.mark.parametrize("how", [kill, lose_the_answer])
@pytest.mark.parametrize(("call", "before"), deaths())
async def test_a_death_at_any_request_of_the_making_is_made_good(
    call: int, before: bool, how: Callable[..., object]
) -> None:
    world = World()
    tenant = await world.take(order())
    await die(world, tenant.id, call, before=before, how=how)
    check_entrance(world)
    await world.run(tenant)
    assert made_of(world.cluster) == EVERYTHING
    assert len(world.cluster.of_kind("Namespace")) == 1
    done = world.tenant(tenant.id)
    assert done.phase is TenantPhase.READY
    assert done.uid == world.cluster.at(isolation.namespace_ref(done.namespace)).uid
    assert done.attempt == 0
    assert world.phases() == ["PROGRESSING", "READY"]


async def test_dying_again_and_again_still_ends_with_one_namespace() -> None:
    world = World()
    tenant = await world.take(order())
    for call in range(24):
        await die(world, tenant.id, call, before=False, how=kill)
        check_entrance(world)
    assert made_of(world.cluster) == EVERYTHING
    assert len(world.cluster.of_kind("Namespace")) == 1


@pytest.mark.parametrize(("call", "before"), deaths())
async def test_a_death_at_any_request_of_a_change_keeps_the_autoscalers_replicas(
    call: int, before: bool
) -> None:
    world = World()
    tenant = await world.make(order())
    world.cluster.scale(sessions.deployment_ref(tenant.namespace), 31)
    await world.take(order(2, plan="sessions/other"))
    await die(world, tenant.id, call, before=before, how=kill)
    check_entrance(world)
    await world.run(tenant)
    assert world.deployment(tenant).replicas == 31
    assert {live.version.generation for live in map(world.cluster.at, world.cluster.stored)} == {2}


@pytest.mark.parametrize(("call", "before"), deaths())
async def test_a_death_at_any_request_of_a_suspension_forgets_no_replicas(
    call: int, before: bool
) -> None:
    world = World()
    tenant = await world.make(order())
    world.cluster.scale(sessions.deployment_ref(tenant.namespace), 31)
    await world.take(order(2, OrderedPhase.SUSPENDED))
    await die(world, tenant.id, call, before=before, how=kill)
    await world.run(tenant)
    assert world.owner(tenant) is None
    assert world.deployment(tenant).replicas == 0

    await world.take(order(3))
    await die(world, tenant.id, call, before=before, how=kill)
    check_entrance(world)
    await world.run(tenant)
    assert world.deployment(tenant).replicas == 31
    assert world.owner(tenant) is not None


@pytest.mark.parametrize(
    ("call", "before"), [(n, before) for n in range(4) for before in (True, False)]
)
async def test_a_death_at_any_request_of_a_deletion_is_made_good(call: int, before: bool) -> None:
    world = World()
    tenant = await world.make(order())
    await world.take(order(2, OrderedPhase.DELETED))
    await die(world, tenant.id, call, before=before, how=kill)
    for _ in range(3):
        await world.run(tenant)
    assert world.cluster.stored == {}
    assert world.tenant(tenant.id).phase is TenantPhase.DELETED
    assert world.phases() == ["PROGRESSING", "READY", "DELETED"]


async def test_the_deaths_reach_every_request_of_a_making() -> None:
    world = World()
    await world.make(order())
    assert len(world.cluster.calls) <= 24
    assert {ref for verb, ref in world.cluster.calls if verb == "create"} == set(
        world.cluster.stored
    )
    assert all(isinstance(ref, Ref) for _, ref in world.cluster.calls)


@pytest.mark.parametrize("fate", [CommitFate.LOST_BEFORE, CommitFate.LOST_AFTER])
@pytest.mark.parametrize("commit", range(5))
async def test_a_commit_whose_answer_is_lost_is_told_of_once(fate: CommitFate, commit: int) -> None:
    world = World()
    tenant = await world.take(order())
    world.db.clock = SystemClock()
    commits = iter(range(100))
    world.db.fate = lambda: fate if next(commits) == commit else CommitFate.COMMITTED
    await world.run(tenant)
    assert next(commits) > commit
    assert world.phases() == ["PROGRESSING", "READY"]
    done = world.tenant(tenant.id)
    assert (done.phase, done.revision) == (TenantPhase.READY, 2)
    assert done.uid == world.cluster.at(isolation.namespace_ref(done.namespace)).uid
