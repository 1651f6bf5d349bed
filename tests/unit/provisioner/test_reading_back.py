"""What is read back is at least as new as what was written, and else the newest there is."""

from collections.abc import Sequence
from typing import Any

from services.provisioner.domain import Json, JsonObject
from services.provisioner.objects import Live, Ref
from tests.fakes.provisioner import MemoryCluster
from tests.unit.provisioner.world import FENCES, World, order


class Reading:
    """A cluster that notes since when something was read."""

    def __init__(self, inner: MemoryCluster) -> None:
        self._inner = inner
        self.since: dict[Ref, str] = {}

    async def get(self, ref: Ref, *, timeout: float, since: str = "") -> Live | None:
        self.since[ref] = since
        return await self._inner.get(ref, timeout=timeout, since=since)

    async def create(self, wanted: JsonObject, *, timeout: float) -> Live:
        return await self._inner.create(wanted, timeout=timeout)

    async def hand_over(self, live: Live, fields: Sequence[Json], *, timeout: float) -> Live:
        return await self._inner.hand_over(live, fields, timeout=timeout)

    async def apply(self, wanted: JsonObject, live: Live, *, timeout: float) -> Live:
        return await self._inner.apply(wanted, live, timeout=timeout)

    async def delete(self, live: Live, *, timeout: float) -> None:
        await self._inner.delete(live, timeout=timeout)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


async def test_a_fence_that_was_just_made_is_read_since_its_making() -> None:
    world = World()
    reading = Reading(world.cluster)
    tenant = await world.take(order())
    await world.run(tenant, reading)
    assert {ref.kind for ref in reading.since} == FENCES
    assert all(
        since == world.cluster.at(ref).resource_version for ref, since in reading.since.items()
    )


async def test_a_fence_that_was_only_heard_of_is_read_as_it_stands_now() -> None:
    world = World()
    tenant = await world.make(order())
    (quota,) = (ref for ref in world.cluster.stored if ref.kind == "ResourceQuota")
    world.cluster.edit(quota, lambda content: content["spec"]["hard"].update(pods="999"))
    reading = Reading(world.cluster)
    await world.run(tenant, reading)
    unwritten = {ref: since for ref, since in reading.since.items() if ref.kind == "NetworkPolicy"}
    assert len(unwritten) == 3
    assert set(unwritten.values()) == {""}
    assert reading.since[quota] == world.cluster.at(quota).resource_version
