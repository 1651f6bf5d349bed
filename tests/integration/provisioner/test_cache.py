"""What is heard of the cluster: lists, watches, histories that are over, echoes of our writes."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from services.chassis.clock import SystemClock
from services.provisioner import isolation, naming
from services.provisioner.domain import JsonObject, Tenant
from services.provisioner.kube.cache import Heard, ObjectCache
from services.provisioner.kube.client import KubeCluster
from services.provisioner.objects import Ref, section
from services.provisioner.reconcile import Reconciler
from services.provisioner.worker import DriftFeed
from tests.contract.kubernetes.implementations import SANDBOX
from tests.fakes.memory_queue import QUEUE
from tests.fakes.provisioner_views import MemoryLease
from tests.integration.provisioner.cluster_fixture import PATIENCE, Plane, running_plane, until
from tests.integration.provisioner.own_world import OwnWorld

QUOTA = "/api/v1/namespaces/{}/resourcequotas/tollgate-quota"


@dataclass
class Listening:
    """A cache that listens, and what it told."""

    cluster: KubeCluster
    world: OwnWorld
    heard: list[Heard] = field(default_factory=list)
    some: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.cache = ObjectCache(self.cluster, self.hear, SystemClock())

    def hear(self, heard: Heard) -> None:
        self.heard.append(heard)
        self.some.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something heard makes it true."""
        async with asyncio.timeout(PATIENCE):
            while not condition():
                self.some.clear()
                await self.some.wait()

    async def make(self) -> Tenant:
        """Make a tenant and wait until all of it was heard of."""
        tenant = await self.world.take(self.world.order())
        await self.reconcile(tenant)
        await self.until(lambda: len(self.cache.objects(tenant.id)) == 9)
        return self.world.tenant(tenant.id)

    async def reconcile(self, tenant: Tenant) -> None:
        """Run over a tenant."""
        world = self.world
        reconciler = Reconciler(
            world.tx, self.cluster, self.cache, world.names, world.ids, SystemClock()
        )
        await reconciler.reconcile(tenant.id, MemoryLease())


@asynccontextmanager
async def listening(plane: Plane) -> AsyncIterator[Listening]:
    """Listen until the block ends, from the first list of every kind on.

    Whoever begins earlier meets a list that is no news: what stands in it is never told.
    """
    found = Listening(await plane.connect(), plane.world())
    async with asyncio.TaskGroup() as tasks:
        loops = [tasks.create_task(loop) for loop in found.cache.loops()]
        await until(lambda: found.cache.ready)
        yield found
        for loop in loops:
            loop.cancel()


def quota(tenant: Tenant) -> Ref:
    return Ref("v1", "ResourceQuota", tenant.namespace, naming.QUOTA)


def pods(found: Listening, tenant: Tenant) -> object:
    live = found.cache.objects(tenant.id).get(quota(tenant))
    return live.content["spec"]["hard"]["pods"] if live else None  # type: ignore[index, call-overload] # JSON


async def test_an_edit_is_heard_of_and_put_right_and_then_nothing_is_asked(
    plane: Plane,
) -> None:
    async with listening(plane) as found:
        tenant = await found.make()
        path = QUOTA.format(tenant.namespace)
        await plane.api.merge(path, {"spec": {"hard": {"pods": "999"}}})
        await found.until(lambda: pods(found, tenant) == "999")
        await found.reconcile(tenant)
        assert (await plane.api.get(path))["spec"]["hard"]["pods"] == "50"
        await found.until(lambda: pods(found, tenant) == "50")


async def test_what_was_written_is_told_of_as_the_api_server_stored_it(plane: Plane) -> None:
    async with listening(plane) as found:
        tenant = await found.make()
        labels = section(found.cache.objects(tenant.id)[quota(tenant)].content, "metadata")
        # Of a kind that no controller writes to.
        wanted: JsonObject = {
            "apiVersion": "v1",
            "kind": "LimitRange",
            "metadata": {
                "name": "told",
                "namespace": tenant.namespace,
                "labels": labels["labels"],
            },
            "spec": {"limits": [{"type": "Container", "default": {"memory": "128M"}}]},
        }
        written = await found.cluster.create(wanted, timeout=10)
        told = await found.cache.told(tenant.id, {written.ref: written.resource_version}, 15)
        stored = await found.cluster.get(written.ref, timeout=10)
        assert stored is not None
        live = told[written.ref]
        assert (live.uid, live.resource_version) == (stored.uid, stored.resource_version)
        assert live.content["spec"] == stored.content["spec"]


async def test_what_was_changed_or_went_after_the_write_is_told_as_it_then_is(
    plane: Plane,
) -> None:
    async with listening(plane) as found:
        tenant = await found.make()
        ref = quota(tenant)
        written = found.cache.objects(tenant.id)[ref].resource_version
        path = QUOTA.format(tenant.namespace)
        await plane.api.merge(path, {"spec": {"hard": {"pods": "999"}}})
        await found.until(lambda: pods(found, tenant) == "999")
        told = await found.cache.told(tenant.id, {ref: written}, 0)
        assert told[ref].resource_version != written
        await plane.api.call("DELETE", path)
        await found.until(lambda: ref not in found.cache.objects(tenant.id))
        assert await found.cache.told(tenant.id, {ref: written}, 0) == {}


async def test_a_deletion_is_heard_of(plane: Plane) -> None:
    async with listening(plane) as found:
        tenant = await found.make()
        ref = isolation.owner_ref(tenant.namespace)
        group = "/apis/rbac.authorization.k8s.io/v1"
        await plane.api.call(
            "DELETE", f"{group}/namespaces/{tenant.namespace}/rolebindings/{ref.name}"
        )
        await found.until(lambda: ref not in found.cache.objects(tenant.id))
        assert Heard(tenant.id, ref, "", deleted=True) in found.heard
        await found.reconcile(tenant)
        await found.until(lambda: ref in found.cache.objects(tenant.id))


async def test_watches_that_are_cut_off_go_on(plane: Plane) -> None:
    faults = plane.faults
    if faults is None:
        pytest.skip("nothing can tell a real API server to cut watches off")
    async with listening(plane) as found:
        tenant = await found.make()
        assert faults.drop_watches() > 0
        await plane.api.merge(QUOTA.format(tenant.namespace), {"spec": {"hard": {"pods": "7"}}})
        await found.until(lambda: pods(found, tenant) == "7")


async def test_what_was_missed_is_found_by_a_new_list_when_the_history_is_over() -> None:
    # Not on a real API server: one that has just started remembers everything.
    async with running_plane(SANDBOX, history=1) as plane:
        cluster, world = await plane.connect(), plane.world()
        first, second = Listening(cluster, world), Listening(cluster, world)
        orders = [world.order(account=plane.account(number)) for number in range(3)]
        tenants = [await world.take(one) for one in orders]
        for tenant in tenants:
            await first.reconcile(tenant)
        too_old = TooOld(cluster)
        second.cache = ObjectCache(too_old, second.hear, SystemClock())  # type: ignore[arg-type] # it delegates
        async with asyncio.TaskGroup() as tasks:
            loops = [tasks.create_task(loop) for loop in second.cache.loops()]
            await until(lambda: len(too_old.lists) == 7 and min(too_old.lists.values()) > 1)
            assert all(len(second.cache.objects(tenant.id)) == 9 for tenant in tenants)
            for loop in loops:
                loop.cancel()


class TooOld:
    """A cluster whose watches always begin too far back."""

    def __init__(self, cluster: KubeCluster) -> None:
        self._cluster = cluster
        self.lists: Counter[object] = Counter()

    def __getattr__(self, name: str) -> object:
        return getattr(self._cluster, name)

    async def list_kind(self, kind: object, *selected: object) -> object:
        self.lists[kind] += 1
        return await self._cluster.list_kind(kind, *selected)  # type: ignore[arg-type] # handed on

    def watch_kind(self, kind: object, version: str, seconds: int, *selected: object) -> object:
        return self._cluster.watch_kind(kind, "1", seconds, *selected)  # type: ignore[arg-type] # handed on


async def test_what_stood_before_the_first_list_is_no_news(plane: Plane) -> None:
    async with listening(plane) as first:
        tenant = await first.make()
    async with listening(plane) as second:
        await until(lambda: second.cache.ready)
        assert len(second.cache.objects(tenant.id)) == 9
        assert not [one for one in second.heard if one.deleted and one.tenant_id == tenant.id]


async def test_the_echo_of_our_own_write_queues_nothing_and_others_edits_do(
    plane: Plane,
) -> None:
    world = plane.world()
    feed = DriftFeed(world.tx, plane.writes, SystemClock(), settle=0.01)
    async with asyncio.TaskGroup() as tasks:
        run = tasks.create_task(feed.run(lambda _tenant, _heard: False))
        plane.writes.note("41")
        ref = isolation.owner_ref("customer-a")
        feed.hear(Heard("ten_ours", ref, "41", deleted=False))
        feed.hear(Heard("ten_theirs", ref, "42", deleted=False))
        feed.hear(Heard("ten_gone", ref, "", deleted=True))
        await until(lambda: bool(world.db.committed(QUEUE)))
        run.cancel()
    assert sorted(key for _, key in world.db.committed(QUEUE)) == ["ten_gone", "ten_theirs"]
