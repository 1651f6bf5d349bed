"""Somebody who writes in between, and a run over a tenant while time passes."""

import asyncio
from collections.abc import Callable
from typing import Any

from services.provisioner.domain import Tenant
from services.provisioner.objects import Live, Ref
from services.provisioner.ports import Cluster
from tests.fakes.provisioner_views import MemoryLease
from tests.unit.provisioner.world import World


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


async def run(
    world: World, tenant: Tenant, cluster: Cluster | None = None, lease: MemoryLease | None = None
) -> float:
    """Run over the tenant while time passes; return how much of it did, in seconds."""
    work = world.reconciler(cluster).reconcile(tenant.id, lease or MemoryLease())
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
