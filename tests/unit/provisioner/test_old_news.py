"""Watches that are behind: news of what became as ordered calls for no run, and real drift does."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from services.chassis.clock import SystemClock
from services.provisioner import isolation, naming, sessions
from services.provisioner.domain import OrderedPhase, Tenant, TenantPhase
from services.provisioner.kube.cache import Heard
from services.provisioner.kube.writes import OwnWrites
from services.provisioner.objects import Live, Ref
from services.provisioner.worker import DriftFeed
from tests.fakes.memory_db import CommitFate
from tests.fakes.memory_queue import QUEUE
from tests.unit.provisioner.world import World, order, until

UNKNOWN = "ten_nobodys"
"""Is queued whatever is heard of it."""


@dataclass
class Behind:
    """A replica whose watches have told it of nothing since another one began its last run."""

    world: World
    heard: dict[Ref, Live]

    def told(self, ref: Ref) -> None:
        """Let the watch tell of an object as it stands now."""
        live = self.world.cluster.read(ref)
        if live is None:
            self.heard.pop(ref, None)
        else:
            self.heard[ref] = live

    async def queued(self, tenant: Tenant, *refs: Ref) -> bool:
        """Tell whether the tenant is queued when the watch tells of these objects as they stand."""
        feed = DriftFeed(self.world.tx, OwnWrites(), SystemClock(), settle=0.001)
        self.world.db.tables["reconcile_queue"].clear()
        async with asyncio.TaskGroup() as tasks:
            run = tasks.create_task(feed.run(self.world.reconciler().stands))
            for ref in refs:
                self.told(ref)
                feed.hear(Heard(tenant.id, ref, "7", deleted=ref not in self.heard))
            # Whatever was heard before it is looked at no later.
            feed.hear(Heard(UNKNOWN, refs[0], "8", deleted=False))
            await until(lambda: UNKNOWN in self._keys())
            run.cancel()
        return tenant.id in self._keys()

    def _keys(self) -> set[str]:
        return {key for _, key in self.world.db.committed(QUEUE)}


@pytest.fixture
def world() -> World:
    world = World()
    world.db.clock = SystemClock()
    return world


def behind(world: World) -> Behind:
    world.view.freeze()
    assert world.view.frozen is not None
    return Behind(world, world.view.frozen)


async def made(world: World) -> tuple[Tenant, Behind]:
    """A tenant that another replica has made, and of which nothing was heard yet."""
    replica = behind(world)
    return await world.make(order()), replica


def policy(tenant: Tenant, name: str = naming.DENY_ALL) -> Ref:
    return Ref("networking.k8s.io/v1", "NetworkPolicy", tenant.namespace, name)


def quota(tenant: Tenant) -> Ref:
    return Ref("v1", "ResourceQuota", tenant.namespace, naming.QUOTA)


def spoil(world: World, ref: Ref) -> None:
    world.cluster.edit(ref, lambda content: content["spec"].update(policyTypes=["Ingress"]))


async def test_what_another_replica_made_is_heard_of_object_by_object_and_makes_no_run(
    world: World,
) -> None:
    tenant, replica = await made(world)
    told = [ref for ref in world.cluster.stored if ref.kind != "Deployment"]
    assert len(told) == 8
    for ref in told:
        assert not await replica.queued(tenant, ref)


async def test_what_another_replica_changed_for_a_newer_order_makes_no_run_either(
    world: World,
) -> None:
    await world.make(order())
    replica = behind(world)
    tenant = await world.make(order(2, OrderedPhase.SUSPENDED))
    for ref in (isolation.owner_ref(tenant.namespace), quota(tenant), policy(tenant)):
        assert not await replica.queued(tenant, ref)


async def test_an_edit_after_old_news_is_queued(world: World) -> None:
    tenant, replica = await made(world)
    assert not await replica.queued(tenant, policy(tenant))
    spoil(world, policy(tenant))
    assert await replica.queued(tenant, policy(tenant))


async def test_a_deletion_after_old_news_is_queued(world: World) -> None:
    tenant, replica = await made(world)
    assert not await replica.queued(tenant, policy(tenant))
    del world.cluster.stored[policy(tenant)]
    assert await replica.queued(tenant, policy(tenant))


async def test_drift_among_old_news_is_queued(world: World) -> None:
    tenant, replica = await made(world)
    spoil(world, policy(tenant))
    assert await replica.queued(tenant, quota(tenant), policy(tenant), quota(tenant))


async def test_an_edit_that_was_mended_before_it_was_heard_of_makes_no_run(world: World) -> None:
    tenant, replica = await made(world)
    spoil(world, policy(tenant))
    replica.told(policy(tenant))
    await world.run(tenant)
    assert not await replica.queued(tenant, policy(tenant))


async def test_an_object_of_an_older_order_is_queued(world: World) -> None:
    tenant = await world.make(order())
    replica = behind(world)
    old = world.cluster.stored[quota(tenant)]
    await world.make(order(2))
    world.cluster.stored[quota(tenant)] = old
    assert await replica.queued(tenant, quota(tenant))


async def test_what_should_not_stand_any_more_is_queued(world: World) -> None:
    tenant = await world.make(order())
    replica = behind(world)
    binding = isolation.owner_ref(tenant.namespace)
    late = world.cluster.stored[binding]
    await world.make(order(2, OrderedPhase.SUSPENDED))
    world.cluster.stored[binding] = late
    assert await replica.queued(tenant, binding)


async def test_another_namespace_of_that_name_is_queued(world: World) -> None:
    tenant, replica = await made(world)
    namespace = isolation.namespace_ref(tenant.namespace)
    world.cluster.stored[namespace]["metadata"]["uid"] = "of-another"
    assert await replica.queued(tenant, namespace)


@pytest.mark.parametrize("about", [sessions.deployment_ref, isolation.limits_ref])
async def test_what_only_a_run_can_tell_is_queued(
    world: World, about: Callable[[str], Ref]
) -> None:
    tenant, replica = await made(world)
    # A Deployment has pods to tell of; of an object by another name nothing is ordered.
    ref = about(tenant.namespace)._replace(name="sessions")
    assert await replica.queued(tenant, ref)


@pytest.mark.parametrize("said", [{"phase": TenantPhase.FAILED}, {"observed_generation": 0}])
async def test_nothing_is_old_news_of_an_order_that_is_not_made_true(
    world: World, said: dict[str, Any]
) -> None:
    tenant, replica = await made(world)
    replica.told(quota(tenant))
    stands = world.reconciler().stands
    assert stands(tenant, [quota(tenant)])
    assert not stands(tenant)
    assert not stands(replace(tenant, **said), [quota(tenant)])


async def test_drift_that_was_heard_while_the_database_was_away_is_not_lost_in_old_news(
    world: World,
) -> None:
    tenant, replica = await made(world)
    spoil(world, policy(tenant))
    losses = iter([CommitFate.LOST_BEFORE] * 3)
    world.db.fate = lambda: next(losses, CommitFate.COMMITTED)
    assert await replica.queued(tenant, policy(tenant), quota(tenant))


async def test_the_objects_of_a_tenant_that_is_gone_make_no_run_as_they_go(world: World) -> None:
    tenant = await world.make(order())
    replica = behind(world)
    gone = list(world.cluster.stored)
    tenant = await world.take(order(2, OrderedPhase.DELETED))
    await world.run(tenant)
    await world.run(tenant)
    assert world.tenant(tenant.id).phase is TenantPhase.DELETED
    assert not world.cluster.stored
    for ref in gone:
        assert not await replica.queued(tenant, ref)


async def test_what_comes_back_of_a_tenant_that_is_gone_is_queued(world: World) -> None:
    tenant = await world.make(order())
    namespace = isolation.namespace_ref(tenant.namespace)
    late = world.cluster.stored[namespace]
    replica = behind(world)
    tenant = await world.take(order(2, OrderedPhase.DELETED))
    await world.run(tenant)
    await world.run(tenant)
    assert not await replica.queued(tenant, namespace)
    world.cluster.stored[namespace] = late
    assert await replica.queued(tenant, namespace)


async def test_what_goes_of_a_tenant_that_is_being_deleted_is_queued(world: World) -> None:
    tenant = await world.make(order())
    replica = behind(world)
    tenant = await world.take(order(2, OrderedPhase.DELETED))
    await world.run(tenant)
    assert world.tenant(tenant.id).phase is TenantPhase.DELETING
    assert await replica.queued(tenant, isolation.namespace_ref(tenant.namespace))
