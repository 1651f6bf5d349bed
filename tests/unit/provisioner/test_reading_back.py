"""The fence is read back: as the watch told of it, else by a GET since the write, else as it is."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from services.provisioner import isolation, naming
from services.provisioner.domain import Json, JsonObject, TenantPhase
from services.provisioner.errors import IsolationNotBound
from services.provisioner.objects import Live, Ref
from tests.fakes.provisioner import MemoryCluster
from tests.unit.provisioner.world import EVERYTHING, FENCES, World, made_of, order


class Reading:
    """A cluster that notes since when something was read, and may change what was created."""

    def __init__(
        self, inner: MemoryCluster, created: Callable[[Live], None] = lambda _live: None
    ) -> None:
        self._inner = inner
        self._created = created
        self.since: dict[Ref, str] = {}

    async def get(self, ref: Ref, *, timeout: float, since: str = "") -> Live | None:
        self.since[ref] = since
        return await self._inner.get(ref, timeout=timeout, since=since)

    async def create(self, wanted: JsonObject, *, timeout: float) -> Live:
        live = await self._inner.create(wanted, timeout=timeout)
        self._created(live)
        return live

    async def hand_over(self, live: Live, fields: Sequence[Json], *, timeout: float) -> Live:
        return await self._inner.hand_over(live, fields, timeout=timeout)

    async def apply(self, wanted: JsonObject, live: Live, *, timeout: float) -> Live:
        return await self._inner.apply(wanted, live, timeout=timeout)

    async def delete(self, live: Live, *, timeout: float) -> None:
        await self._inner.delete(live, timeout=timeout)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


async def test_a_fence_that_the_watch_told_of_is_not_asked_for_again() -> None:
    world = World()
    reading = Reading(world.cluster)
    tenant = await world.take(order())
    await world.run(tenant, reading)
    assert reading.since == {}
    assert made_of(world.cluster) == EVERYTHING


async def test_a_fence_that_the_watch_did_not_tell_of_is_read_since_its_making() -> None:
    world = World()
    world.view.freeze()
    reading = Reading(world.cluster)
    tenant = await world.take(order())
    await world.run(tenant, reading)
    assert {ref.kind for ref in reading.since} == FENCES
    assert all(
        since == world.cluster.at(ref).resource_version for ref, since in reading.since.items()
    )


async def test_only_what_the_watch_did_not_tell_of_is_asked_for() -> None:
    world = World()
    tell = world.view.told

    async def some(tenant_id: str, written: Mapping[Ref, str], seconds: float) -> Any:
        told = await tell(tenant_id, written, seconds)
        return {ref: live for ref, live in told.items() if ref.kind != "NetworkPolicy"}

    world.view.told = some  # type: ignore[method-assign] # a watch of which one is late
    reading = Reading(world.cluster)
    await world.run(await world.take(order()), reading)
    assert [ref.kind for ref in reading.since] == ["NetworkPolicy"] * 3
    assert "" not in reading.since.values()


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


def weaken(world: World, kind: str) -> Callable[[Live], None]:
    """Somebody changes what was just created, behind the answer to its POST."""

    def change(content: dict[str, Any]) -> None:
        content["metadata"]["labels"] = {naming.LABEL_TENANT: _tenant_of(content)}
        content.pop("spec", None)

    def created(live: Live) -> None:
        if live.ref.kind == kind:
            world.cluster.edit(live.ref, change)

    return created


def drop(world: World, kind: str) -> Callable[[Live], None]:
    """What was just created is gone, behind the answer to its POST."""

    def created(live: Live) -> None:
        if live.ref.kind == kind:
            world.cluster.remove(live.ref)

    return created


def _tenant_of(content: dict[str, Any]) -> str:
    return str(content["metadata"]["labels"][naming.LABEL_TENANT])


@pytest.mark.parametrize("happens", [weaken, drop])
@pytest.mark.parametrize("kind", sorted(FENCES - {"Namespace"}))
async def test_a_fence_that_was_changed_or_dropped_in_between_is_not_believed(
    kind: str, happens: Callable[[World, str], Callable[[Live], None]]
) -> None:
    world = World()
    tenant = await world.take(order())
    with pytest.raises(IsolationNotBound, match=kind):
        await world.run(tenant, Reading(world.cluster, happens(world, kind)))
    assert world.owner(tenant) is None
    assert not world.cluster.of_kind("Deployment")
    assert world.tenant(tenant.id).reason == "ISOLATION_NOT_BOUND"
    await world.run(tenant)
    assert made_of(world.cluster) == EVERYTHING
    assert world.tenant(tenant.id).phase is TenantPhase.READY


async def test_another_namespace_that_the_watch_tells_of_under_our_name_is_not_believed() -> None:
    world = World()
    tenant = await world.take(order())
    namespace = isolation.namespace_ref(tenant.namespace)

    def taken_over(live: Live) -> None:
        # All that ours carried, but another object.
        if live.ref.kind == "LimitRange":
            world.cluster.edit(namespace, lambda one: one["metadata"].update(uid="another"))

    with pytest.raises(IsolationNotBound, match="another namespace"):
        await world.run(tenant, Reading(world.cluster, taken_over))
    assert world.owner(tenant) is None


async def test_what_a_newer_order_made_of_the_fence_meanwhile_stops_an_older_run() -> None:
    world = World()
    tenant = await world.take(order())

    def newer(live: Live) -> None:
        if live.ref.kind == "ResourceQuota":
            world.cluster.edit(
                live.ref,
                lambda one: one["metadata"]["annotations"].update(
                    {naming.ANNOTATION_GENERATION: "2"}
                ),
            )

    with pytest.raises(Exception, match="newer order"):
        await world.run(tenant, Reading(world.cluster, newer))
    assert world.owner(tenant) is None
    assert world.tenant(tenant.id).reason == "SUPERSEDED"
