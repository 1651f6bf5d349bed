"""Organizations under deaths and late workers: nothing is lost, nothing older comes back."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

import pytest

from services.provisioner.domain import NothingCapacity, OrderedPhase, TenantPhase
from services.provisioner.errors import ClusterTimeout, LeaseTooShort
from services.provisioner.objects import Live, Ref
from services.provisioner.organization import hard as hard_limits
from services.provisioner.organization.manifests import organization_ref
from services.provisioner.organization.settings import OrganizationSettings
from tests.fakes.faulty_cluster import FaultyCluster
from tests.fakes.provisioner import MemoryCluster
from tests.fakes.provisioner_views import MemoryLease
from tests.unit.provisioner.organizations import (
    ORG,
    PRO,
    annotations,
    org_order,
    organization,
    total,
    use,
)
from tests.unit.provisioner.test_crashes import Killed, die, kill, lose_the_answer
from tests.unit.provisioner.world import World

AS_IS = OrganizationSettings()
SMALLER = replace(PRO, quota={**PRO.quota, "cpu": "2", "pods": "50"})
_LONGEST = 30


@pytest.fixture(autouse=True)
def equal_claims(monkeypatch: pytest.MonkeyPatch) -> None:
    """All namespaces have the same claim here, so that the numbers are easy to read."""
    monkeypatch.setattr("services.provisioner.organization.board.PROJECT_WEIGHT", 1)


def deaths() -> list[tuple[int, bool]]:
    """Every request of the longest run, before and after its effect."""
    return [(call, before) for call in range(_LONGEST) for before in (True, False)]


def found() -> World:
    world = World()
    organization(world.cluster, ORG, "web", "api")
    return world


def check_cap(world: World, cap: dict[str, int]) -> None:
    for resource, amount in total(world).items():
        assert amount <= cap[resource], resource


@pytest.mark.parametrize("how", [kill, lose_the_answer])
@pytest.mark.parametrize(("call", "before"), deaths())
async def test_a_death_at_any_request_of_the_making_is_made_good(
    call: int, before: bool, how: Callable[..., object]
) -> None:
    world = found()
    tenant = await world.take(org_order())
    await die(world, tenant.id, call, before=before, how=how)
    check_cap(world, hard_limits.running(PRO, 2, AS_IS))
    await world.run(tenant)
    assert total(world) == hard_limits.running(PRO, 2, AS_IS)
    assert annotations(world)["subscription"] == "active"
    assert world.tenant(tenant.id).phase is TenantPhase.READY
    assert world.phases() == ["PROGRESSING", "READY"]


@pytest.mark.parametrize(("call", "before"), deaths())
async def test_a_death_at_any_request_of_a_downgrade_is_made_good(call: int, before: bool) -> None:
    world = found()
    tenant = await world.make(org_order())
    larger = hard_limits.running(PRO, 2, AS_IS)
    for place in (ORG, "acme-web", "acme-api"):
        use(world, place)
    await world.take(org_order(2, capacity=SMALLER))
    await die(world, tenant.id, call, before=before, how=kill)
    check_cap(world, larger)
    for _ in range(3):
        await world.run(tenant)
        for place in (ORG, "acme-web", "acme-api"):
            use(world, place)
        world.pass_time(2)
    assert total(world) == hard_limits.running(SMALLER, 2, AS_IS)
    assert world.tenant(tenant.id).observed_generation == 2


@pytest.mark.parametrize(("call", "before"), deaths())
async def test_a_death_at_any_request_of_the_end_is_made_good(call: int, before: bool) -> None:
    world = found()
    tenant = await world.make(org_order())
    await world.take(org_order(2, OrderedPhase.DELETED))
    await die(world, tenant.id, call, before=before, how=kill)
    await world.run(tenant)
    assert world.cluster.of_kind("ResourceQuota") == []
    assert world.cluster.of_kind("LimitRange") == []
    assert annotations(world)["subscription"] == "canceled"
    assert world.tenant(tenant.id).phase is TenantPhase.DELETED


async def test_the_deaths_reach_every_request() -> None:
    world = found()
    await world.make(org_order())
    assert 0 < len(world.cluster.calls) <= _LONGEST


def generations(world: World) -> set[int]:
    mine = [*world.cluster.of_kind("ResourceQuota"), *world.cluster.of_kind("LimitRange")]
    mine.append(world.cluster.at(organization_ref(ORG)))
    return {live.version.generation for live in mine}


@pytest.mark.parametrize("call", range(_LONGEST))
async def test_a_worker_that_slept_at_any_request_takes_nothing_of_a_newer_order_back(
    call: int,
) -> None:
    world = found()
    tenant = await world.make(org_order())
    await world.take(org_order(2, capacity=SMALLER))

    async def overtaken() -> None:
        await world.make(org_order(3))

    faulty = FaultyCluster(world.cluster, call, overtaken, before=True)
    # Whatever it then raises or not: what stands is of the newer order.
    try:
        await world.run(world.tenant(tenant.id), faulty)
    except (Killed, ClusterTimeout):
        pytest.fail("nobody was killed")
    if faulty.struck is None:
        return
    check_cap(world, hard_limits.running(PRO, 2, AS_IS))
    assert generations(world) == {3}
    assert total(world) == hard_limits.running(PRO, 2, AS_IS)


async def test_no_request_is_sent_that_could_outlive_the_lease() -> None:
    world = found()
    tenant = await world.take(org_order())
    with pytest.raises(LeaseTooShort):
        await world.reconciler().reconcile(tenant.id, MemoryLease(left=1.0))
    assert world.cluster.calls == []


async def test_the_sum_is_within_the_cap_after_every_single_write() -> None:
    world = found()
    tenant = await world.make(org_order())
    cap = hard_limits.running(PRO, 2, AS_IS)
    kept = world.cluster.apply
    sums: list[dict[str, int]] = []

    async def watched(wanted: object, live: Live, *, timeout: float) -> Live:
        applied = await kept(wanted, live, timeout=timeout)  # type: ignore[arg-type] # passed on
        sums.append(total(world))
        return applied

    world.cluster.apply = watched  # type: ignore[method-assign] # looks on
    use(world, "acme-web", pods="60", requests_cpu="2500m")
    world.pass_time(2)
    await world.run(tenant)
    assert sums
    for found_sum in sums:
        assert all(amount <= cap[resource] for resource, amount in found_sum.items())


@dataclass
class Asleep(MemoryCluster):
    """A cluster at which nothing is read before something else happened."""

    happens: Callable[[], Awaitable[object]] | None = None
    one: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def get(self, ref: Ref, *, timeout: float, since: str = "") -> Live | None:
        async with self.one:
            happens, self.happens = self.happens, None
            if happens is not None:
                await happens()
        return await super().get(ref, timeout=timeout, since=since)


async def test_nothing_is_taken_away_for_an_order_that_is_not_in_force_any_more() -> None:
    cluster = Asleep()
    world = World(cluster=cluster)
    organization(cluster, ORG, "web")
    tenant = await world.make(org_order())
    await world.take(org_order(2, capacity=NothingCapacity(), plan="kube-dc/free"))
    cluster.happens = lambda: world.take(org_order(3))
    await world.run(tenant)
    assert "delete" not in cluster.verbs()
    assert total(world) == hard_limits.running(PRO, 1, AS_IS)
    assert annotations(world)["subscription"] == "active"
