"""Others write in between: it is read and written again, ever more slowly, and not for ever."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from services.provisioner import isolation, sessions
from services.provisioner.domain import OrderedPhase, Tenant, TenantPhase
from services.provisioner.errors import LeaseTooShort, ObjectChanged
from services.provisioner.objects import Live, Ref
from tests.fakes.provisioner_views import MemoryLease
from tests.unit.provisioner.world import World, order, until


class Busy:
    """A cluster with a controller that writes the status of an object after each read of it.

    It rests after so many writes.
    """

    def __init__(self, world: World, ref: Ref, writes: int) -> None:
        self._world = world
        self._ref = ref
        self.left = writes
        self.meanwhile: Callable[[], None] = lambda: None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world.cluster, name)

    async def get(self, ref: Ref, *, timeout: float, since: str = "") -> Live | None:
        live = await self._world.cluster.get(ref, timeout=timeout, since=since)
        if ref == self._ref and live is not None and self.left:
            self.left -= 1
            self._world.cluster.edit(ref, lambda one: one.update(status={"replicas": self.left}))
            self.meanwhile()
        return live


@pytest.fixture
def world() -> World:
    return World()


async def changed(world: World) -> Tenant:
    """A tenant that stands, and for which something else is ordered."""
    tenant = await world.make(order())
    await world.take(order(2, plan="sessions/other"))
    return tenant


async def run(world: World, tenant: Tenant, busy: Busy, lease: MemoryLease | None = None) -> float:
    """Run over the tenant while time passes; return how much of it did."""
    work = world.reconciler(busy).reconcile(tenant.id, lease or MemoryLease())
    began = world.clock.monotonic()
    running = asyncio.create_task(work)
    while not running.done():
        for _ in range(100):
            await asyncio.sleep(0)
        if not running.done():
            world.pass_time(0.01)
            if lease is not None:
                lease.left -= 0.01
    running.result()
    return world.clock.monotonic() - began


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
