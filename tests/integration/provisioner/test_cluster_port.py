"""What every cluster behind the port does: the one in memory, and a Kubernetes API server."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any, Protocol

import pytest
import pytest_asyncio

from services.provisioner import naming, sessions
from services.provisioner.domain import Tenant
from services.provisioner.errors import (
    NamespaceTerminating,
    ObjectChanged,
    ObjectExists,
    ObjectGone,
)
from services.provisioner.manifests import Blueprint, Part, blueprint
from services.provisioner.objects import Live, Ref, section
from services.provisioner.ownership import handover
from services.provisioner.ports import Cluster
from tests.contract.kubernetes.implementations import implementations
from tests.fakes.provisioner import MemoryCluster
from tests.integration.provisioner.cluster_fixture import Api, Plane, running_plane
from tests.integration.provisioner.own_world import OwnWorld
from tests.unit.provisioner.world import PROFESSIONAL

TIME = 5.0


@dataclass
class Held:
    """A cluster of some kind; ``api`` None for the one in memory."""

    cluster: Cluster
    api: Api | None
    token: str


@pytest_asyncio.fixture(params=["memory", *implementations()])
async def held(request: pytest.FixtureRequest) -> AsyncIterator[Held]:
    """Each kind in turn."""
    if request.param == "memory":
        yield Held(MemoryCluster(slow_deletion=True), None, "m")
        return
    async with running_plane(request.param) as plane:
        yield Held(await plane.connect(), plane.api, plane.token)
        if plane.faults is None:
            await let_go(plane)


@pytest.fixture
def cluster(held: Held) -> Cluster:
    """The port."""
    return held.cluster


class Desired(Protocol):
    """Tells what should stand for an order; always of the same tenant of this test's."""

    async def __call__(self, generation: int = 1, **changes: Any) -> tuple[Tenant, Blueprint]: ...


@pytest.fixture
def desired(held: Held) -> Desired:
    """What should stand."""

    async def wanted(generation: int = 1, **changes: Any) -> tuple[Tenant, Blueprint]:
        capacity, world = replace(PROFESSIONAL, **changes), OwnWorld(held.token)
        tenant = await world.take(world.order(generation, capacity=capacity))
        return tenant, blueprint(tenant, capacity)

    return wanted


async def quota_of(cluster: Cluster, target: Blueprint) -> tuple[Part, Live]:
    """Make the namespace and its quota, and wait for the controller that writes its status."""
    await cluster.create(target.namespace.wanted(None), timeout=TIME)
    quota = target.fences[0]
    made = await cluster.create(quota.wanted(None), timeout=TIME)
    async with asyncio.timeout(TIME):
        while not (isinstance(cluster, MemoryCluster) or section(made.content, "status", "hard")):
            made = await fresh(cluster, quota.ref)
    return quota, made


async def limits_of(cluster: Cluster, target: Blueprint) -> tuple[Part, Live]:
    """Make the namespace and its limits, which the provisioner's role may delete."""
    await cluster.create(target.namespace.wanted(None), timeout=TIME)
    (limits,) = (part for part in target.fences if part.ref.kind == "LimitRange")
    return limits, await cluster.create(limits.wanted(None), timeout=TIME)


async def test_what_was_created_reads_back_as_wanted(cluster: Cluster, desired: Desired) -> None:
    _, target = await desired()
    for part in target.parts:
        made = await cluster.create(part.wanted(None), timeout=TIME)
        assert made.uid
        assert part.holds(made)
        assert part.holds(await cluster.get(part.ref, timeout=TIME))


async def test_what_does_not_stand_reads_as_none(cluster: Cluster, desired: Desired) -> None:
    _, target = await desired()
    assert await cluster.get(target.namespace.ref, timeout=TIME) is None
    assert await cluster.get(target.fences[0].ref, timeout=TIME) is None


async def test_a_name_is_created_once(cluster: Cluster, desired: Desired) -> None:
    _, target = await desired()
    await cluster.create(target.namespace.wanted(None), timeout=TIME)
    with pytest.raises(ObjectExists):
        await cluster.create(target.namespace.wanted(None), timeout=TIME)


async def test_nothing_is_created_where_there_is_no_namespace(
    cluster: Cluster, desired: Desired
) -> None:
    _, target = await desired()
    with pytest.raises(ObjectGone):
        await cluster.create(target.fences[0].wanted(None), timeout=TIME)


async def test_an_apply_needs_the_version_that_was_read(cluster: Cluster, desired: Desired) -> None:
    _, target = await desired()
    quota, first = await quota_of(cluster, target)
    _, newer = await desired(2, quota={"pods": "7", "limits.memory": "1G"})
    second = await cluster.apply(newer.fences[0].wanted(first), first, timeout=TIME)
    assert second.version.generation == 2
    with pytest.raises(ObjectChanged):
        await cluster.apply(quota.wanted(first), first, timeout=TIME)
    now = await cluster.get(quota.ref, timeout=TIME)
    assert now is not None
    assert now.version.generation == 2


async def test_an_apply_to_what_is_gone_brings_nothing_back(
    cluster: Cluster, desired: Desired
) -> None:
    _, target = await desired()
    limits, first = await limits_of(cluster, target)
    await cluster.delete(first, timeout=TIME)
    with pytest.raises((ObjectChanged, ObjectGone)):
        await cluster.apply(limits.wanted(first), first, timeout=TIME)
    assert await cluster.get(limits.ref, timeout=TIME) is None


async def test_what_an_order_drops_is_pruned_once_the_fields_were_handed_over(
    cluster: Cluster, desired: Desired
) -> None:
    _, target = await desired()
    _, first = await quota_of(cluster, target)
    _, newer = await desired(2, quota={"pods": "7"})
    wanted = newer.fences[0].wanted(first)
    fields = handover(first, wanted)
    assert fields is not None
    handed = await cluster.hand_over(first, fields, timeout=TIME)
    assert handover(handed, wanted) is None
    applied = await cluster.apply(wanted, handed, timeout=TIME)
    assert section(applied.content, "spec", "hard") == {"pods": "7"}


async def test_fields_are_handed_over_of_the_version_that_was_read_only(
    cluster: Cluster, desired: Desired
) -> None:
    _, target = await desired()
    quota, first = await quota_of(cluster, target)
    fields = handover(first, quota.wanted(first))
    assert fields is not None
    await cluster.hand_over(first, fields, timeout=TIME)
    with pytest.raises(ObjectChanged):
        await cluster.hand_over(first, fields, timeout=TIME)


async def test_replicas_that_are_given_up_stay_as_they_are(
    cluster: Cluster, desired: Desired
) -> None:
    tenant, target = await desired()
    await cluster.create(target.namespace.wanted(None), timeout=TIME)
    deployment = next(part for part in target.workloads if part.ref.kind == "Deployment")
    await cluster.create(deployment.wanted(None), timeout=TIME)
    ref = sessions.deployment_ref(tenant.namespace)
    for _ in range(5):  # A controller may write its status in between.
        live = await cluster.get(ref, timeout=TIME)
        assert live is not None
        fields = handover(live, deployment.wanted(live))
        try:
            handed = await cluster.hand_over(live, fields, timeout=TIME) if fields else live
            applied = await cluster.apply(deployment.wanted(handed), handed, timeout=TIME)
        except ObjectChanged:
            continue
        assert "replicas" not in section(deployment.wanted(handed), "spec")
        assert applied.replicas == 5
        return
    pytest.fail("the object never stood still")


async def test_a_deletion_needs_the_object_that_was_read(
    cluster: Cluster, desired: Desired
) -> None:
    _, target = await desired()
    limits, first = await limits_of(cluster, target)
    fields = handover(first, limits.wanted(first))
    second = await cluster.hand_over(first, fields or [], timeout=TIME)
    with pytest.raises(ObjectChanged):
        await cluster.delete(first, timeout=TIME)
    assert await cluster.get(limits.ref, timeout=TIME) is not None
    await cluster.delete(second, timeout=TIME)
    await cluster.delete(second, timeout=TIME)
    assert await cluster.get(limits.ref, timeout=TIME) is None


async def test_a_namespace_that_goes_takes_nothing_new(held: Held, desired: Desired) -> None:
    cluster = held.cluster
    _, target = await desired()
    live = await cluster.create(target.namespace.wanted(None), timeout=TIME)
    if held.api is not None:
        await hold_back(held.api, live.ref)
    await delete(cluster, live.ref)
    assert (await fresh(cluster, live.ref)).deleting
    with pytest.raises(NamespaceTerminating):
        await cluster.create(target.fences[0].wanted(None), timeout=TIME)


async def let_go(plane: Plane) -> None:
    """Let go what a test held back: a real cluster stays."""
    for item in await plane.namespaces():
        path = f"/api/v1/namespaces/{item['metadata']['name']}/configmaps/held"
        if (await plane.api.call("GET", path))[0] == 200:
            await plane.api.merge(path, {"metadata": {"finalizers": None}})


async def hold_back(api: Api, ref: Ref) -> None:
    """Keep the namespace from being gone at once, by something in it."""
    metadata = {"name": "held", "finalizers": ["example.com/held"]}
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
    code, _ = await api.call("POST", f"/api/v1/namespaces/{ref.name}/configmaps", body)
    assert code == 201


async def delete(cluster: Cluster, ref: Ref) -> None:
    """Delete an object as it is now: on a real cluster others write to it, too."""
    while True:
        try:
            return await cluster.delete(await fresh(cluster, ref), timeout=TIME)
        except ObjectChanged:
            continue


async def fresh(cluster: Cluster, ref: Ref) -> Live:
    """Return an object as it stands."""
    live = await cluster.get(ref, timeout=TIME)
    assert live is not None
    return live


async def test_a_list_by_label_is_of_all_namespaces_and_of_nothing_else(
    cluster: Cluster, desired: Desired
) -> None:
    tenant, target = await desired()
    quota, made = await quota_of(cluster, target)
    bounds = next(part for part in target.fences if part.ref.kind == "LimitRange")
    await cluster.create(bounds.wanted(None), timeout=TIME)
    found = await listed(cluster, quota.ref, tenant.id)
    assert [(live.ref, live.uid) for live in found] == [(quota.ref, made.uid)]
    assert section(found[0].content, "spec") == section(made.content, "spec")
    assert await listed(cluster, quota.ref, "tnt-nobody") == []
    await delete(cluster, quota.ref)
    assert await listed(cluster, quota.ref, tenant.id) == []


async def listed(cluster: Cluster, ref: Ref, tenant_id: str) -> list[Live]:
    """Return the objects of a kind that are a tenant's, wherever they stand."""
    found = await cluster.list_labelled(
        ref.api_version, ref.kind, naming.LABEL_TENANT, tenant_id, timeout=TIME
    )
    return list(found)


async def test_two_who_create_at_once_make_one(cluster: Cluster, desired: Desired) -> None:
    _, target = await desired()
    wanted = target.namespace.wanted(None)
    made = await asyncio.gather(
        *(cluster.create(wanted, timeout=TIME) for _ in range(5)), return_exceptions=True
    )
    assert sum(isinstance(one, Live) for one in made) == 1
    assert sum(isinstance(one, ObjectExists) for one in made) == 4
    assert naming.ANNOTATION_CLAIM in section(wanted, "metadata", "annotations")
