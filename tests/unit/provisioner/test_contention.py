"""Others write in between: it is read and written again, ever more slowly, and not for ever."""

import asyncio

import pytest

from services.provisioner import isolation, sessions
from services.provisioner.domain import OrderedPhase, Tenant, TenantPhase
from services.provisioner.errors import LeaseTooShort, ObjectChanged
from tests.fakes.provisioner_views import MemoryLease
from tests.unit.provisioner.contention import Busy, run
from tests.unit.provisioner.world import World, order, until


@pytest.fixture
def world() -> World:
    return World()


async def changed(world: World) -> Tenant:
    """A tenant that stands, and for which something else is ordered."""
    tenant = await world.make(order())
    await world.take(order(2, plan="sessions/other"))
    return tenant


async def test_one_write_in_between_is_no_reason_to_wait(world: World) -> None:
    tenant = await changed(world)
    busy = Busy(world, sessions.deployment_ref(tenant.namespace), 1)
    assert await run(world, tenant, busy) == 0
    assert world.tenant(tenant.id).observed_generation == 2


async def test_a_controller_that_writes_for_a_while_is_waited_for(world: World) -> None:
    tenant = await changed(world)
    busy = Busy(world, sessions.deployment_ref(tenant.namespace), 7)
    assert 0.5 < await run(world, tenant, busy) < 2
    assert world.tenant(tenant.id).observed_generation == 2
    assert world.deployment(tenant).version.generation == 2


async def test_one_that_never_rests_is_left_for_a_later_run(world: World) -> None:
    tenant = await changed(world)
    busy = Busy(world, sessions.deployment_ref(tenant.namespace), 1000)
    with pytest.raises(ObjectChanged, match="Deployment sessions keeps changing"):
        await run(world, tenant, busy)
    assert world.tenant(tenant.id).phase is TenantPhase.PROGRESSING
    await world.run(tenant)
    assert world.tenant(tenant.id).observed_generation == 2


async def test_waiting_never_outlives_the_lease(world: World) -> None:
    tenant = await changed(world)
    busy = Busy(world, sessions.deployment_ref(tenant.namespace), 1000)
    with pytest.raises(LeaseTooShort):
        await run(world, tenant, busy, MemoryLease(1.2))


async def test_who_waited_to_let_the_owner_in_looks_at_the_order_again(world: World) -> None:
    tenant = await changed(world)
    owner = isolation.owner_ref(tenant.namespace)
    busy = Busy(world, owner, 3)
    suspending: list[asyncio.Task[Tenant]] = []

    def suspend() -> None:
        if busy.left == 1:
            suspending.append(asyncio.create_task(world.take(order(3, OrderedPhase.SUSPENDED))))

    busy.meanwhile = suspend
    before = world.cluster.at(owner).version
    await run(world, tenant, busy)
    await until(lambda: suspending[0].done())
    now = world.cluster.at(owner).version
    assert (before.generation, now.generation) == (1, 1)
