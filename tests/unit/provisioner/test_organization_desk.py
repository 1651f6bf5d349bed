"""Asking about organizations: who may, what is told, and what an order would change."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from services.chassis.clock import SystemClock
from services.chassis.errors import InvalidArgument
from services.provisioner import orders, usecases
from services.provisioner.convert import from_proto_order
from services.provisioner.convert.organization import to_proto_quota
from services.provisioner.domain import (
    NothingCapacity,
    Order,
    OrderedPhase,
    OrganizationCapacity,
    Scope,
)
from services.provisioner.errors import (
    ClusterUnavailable,
    OrganizationNotFound,
    OrganizationsNotServed,
)
from services.provisioner.objects import Ref
from services.provisioner.organization import annotations
from services.provisioner.organization.feed import OrganizationFeed
from services.provisioner.organization.manifests import limits_ref, organization_ref, quota_ref
from services.provisioner.organization.quota import Backend, OrganizationQuota
from services.provisioner.organization.quota import get_organization_quota as quota_of
from services.provisioner.plan import Action
from services.provisioner.usecases import Organizations
from tests.fakes.memory_db import CommitFate
from tests.fakes.memory_queue import QUEUE
from tests.unit.provisioner.organizations import (
    ORG,
    PRO,
    SUBSCRIBED,
    org_order,
    organization,
    put,
    suspended,
    use,
)
from tests.unit.provisioner.world import World, until
from tollgate.common.v1 import capacity_pb2
from tollgate.subscription.v1 import events_pb2, subscription_pb2

EVERYBODY = Scope(everybody=True)


@pytest.fixture(autouse=True)
def equal_claims(monkeypatch: pytest.MonkeyPatch) -> None:
    """All namespaces have the same claim here, so that the numbers are easy to read."""
    monkeypatch.setattr("services.provisioner.organization.board.PROJECT_WEIGHT", 1)


@pytest.fixture
def world() -> World:
    found = World()
    organization(found.cluster, ORG, "web")
    return found


async def ask(world: World, scope: Scope = EVERYBODY, name: str = ORG) -> OrganizationQuota:
    return await quota_of(world.tx, world.view, world.ways, scope, name)


async def test_it_tells_limits_without_overhead_and_what_all_namespaces_use(world: World) -> None:
    await world.make(org_order())
    use(world, "acme-web", pods="7", requests_cpu="1500m", requests_storage="10Gi")
    use(world, ORG, pods="2")
    put(
        world.cluster,
        Ref("kube-dc.com/v1", "EIp", ORG, "one"),
        {"spec": {"externalNetworkType": "public"}},
    )
    found = await ask(world)
    assert (found.backend, found.plan) == (Backend.NATIVE, "kube-dc/pro-pool")
    assert found.limits == PRO.quota
    assert found.hard["requests.cpu"] == "8100m"
    assert (found.used["pods"], found.used["cpu"], found.used["storage"]) == ("9", "1500m", "10Gi")
    assert (found.public_ips_used, found.public_ips_limit) == (1, 1)
    assert (found.enforced, found.limit_range, found.limit_range_managed) == (True, True, True)
    (project,) = found.projects
    assert (project.namespace, project.name, project.used["pods"]) == ("acme-web", "web", "7")
    message = to_proto_quota(found)
    assert message.Backend.Name(message.backend) == "BACKEND_NATIVE"
    assert (message.public_ips_limit, message.projects[0].hard["pods"]) == (1, "100")


async def test_while_suspended_the_limits_are_the_suspended_plans(world: World) -> None:
    tenant = await world.make(org_order())
    await world.take(org_order(2, OrderedPhase.SUSPENDED, subscription=suspended()))
    await world.run(tenant)
    found = await ask(world)
    assert found.limits == {
        "cpu": "500m",
        "memory": "1Gi",
        "storage": "0",
        "pods": "10",
        "services.loadbalancers": "0",
    }


async def test_a_quota_that_is_not_made_yet_is_not_enforced(world: World) -> None:
    await world.take(org_order())
    found = await ask(world)
    assert (found.enforced, found.used, found.hard) == (False, {}, {})


async def test_an_organization_without_a_plan_is_told_of_as_such(world: World) -> None:
    own = limits_ref(ORG)
    put(world.cluster, own, {"spec": {"limits": []}})
    found = await ask(world)
    assert (found.backend, found.plan, found.enforced) == (Backend.UNSPECIFIED, "", False)
    assert (found.limit_range, found.limit_range_managed) == (True, False)
    assert [project.name for project in found.projects] == ["web"]
    assert not to_proto_quota(found).HasField("public_ips_limit")


async def test_a_hierarchical_quota_says_itself_what_is_used(world: World) -> None:
    world.organizations.hierarchical_served = True
    await world.make(org_order())

    def fill(stored: dict[str, Any]) -> None:
        stored["status"] = {"used": {"pods": "12", "requests.memory": "3Gi"}}

    (whole,) = world.cluster.of_kind("HierarchicalResourceQuota")
    world.cluster.edit(whole.ref, fill)
    found = await ask(world)
    assert (found.backend, found.used) == (Backend.HIERARCHICAL, {"pods": "12", "memory": "3Gi"})


async def test_members_see_their_own_organization_and_nobody_sees_anothers(world: World) -> None:
    await world.make(org_order())
    assert (await ask(world, Scope(organization=ORG))).plan
    for scope in (Scope(), Scope(subject="alice"), Scope(organization="other")):
        with pytest.raises(OrganizationNotFound):
            await ask(world, scope)
    with pytest.raises(OrganizationNotFound):
        await ask(world, name="nobody")
    with pytest.raises(OrganizationNotFound):
        await ask(world, Scope(), name="")


async def test_what_was_not_heard_of_is_not_made_up(world: World) -> None:
    world.organizations.ready = False
    with pytest.raises(ClusterUnavailable):
        await ask(world)
    world.organizations.ready, world.organizations.served = True, False
    with pytest.raises(OrganizationsNotServed):
        await ask(world)


async def preview(world: World, one: Order) -> list[tuple[Action, Ref]]:
    found = await usecases.preview_capacity(
        world.tx,
        world.names,
        world.cluster,
        world.clock,
        one,
        Organizations(world.view, world.ways),
    )
    return [(change.action, change.ref) for change in found.changes]


async def test_an_order_tells_what_it_would_make_and_makes_nothing(world: World) -> None:
    before = dict(world.cluster.stored)
    told = await preview(world, org_order())
    assert told == [
        (Action.CREATE, quota_ref(ORG)),
        (Action.CREATE, quota_ref("acme-web")),
        (Action.CREATE, limits_ref(ORG)),
        (Action.CREATE, limits_ref("acme-web")),
        (Action.UPDATE, organization_ref(ORG)),
    ]
    assert world.cluster.stored == before
    assert set(world.cluster.verbs()) == {"get"}


async def test_the_order_in_force_would_change_nothing_and_an_end_takes_ours_only(
    world: World,
) -> None:
    put(world.cluster, limits_ref("acme-web"), {"spec": {"limits": []}})
    await world.make(org_order())
    assert await preview(world, org_order()) == []
    told = await preview(world, org_order(2, OrderedPhase.DELETED))
    assert set(told) == {
        (Action.DELETE, quota_ref(ORG)),
        (Action.DELETE, quota_ref("acme-web")),
        (Action.DELETE, limits_ref(ORG)),
        (Action.UPDATE, organization_ref(ORG)),
    }
    told = await preview(world, org_order(2, capacity=NothingCapacity()))
    assert (Action.DELETE, quota_ref(ORG)) in told


async def test_an_order_for_an_organization_that_is_not_there_changes_nothing_yet() -> None:
    assert await preview(World(), org_order()) == []


async def test_events_queue_the_tenants_of_their_organization_but_not_our_own_echoes(
    world: World,
) -> None:
    await world.take(org_order())
    other = await world.take(org_order(account="acc_0009", organization="other"))
    world.db.tables["reconcile_queue"].clear()
    world.db.clock = SystemClock()
    feed = OrganizationFeed(world.tx, lambda version: version == "ours", SystemClock())
    async with asyncio.TaskGroup() as tasks:
        run = tasks.create_task(feed.run())
        feed.hear(ORG, "ours")
        feed.hear("nobody", "5")
        feed.hear("other", "6")
        await until(lambda: bool(world.db.committed(QUEUE)))
        run.cancel()
    assert [key for _, key in world.db.committed(QUEUE)] == [other.id]


async def test_events_of_organizations_gather_while_the_database_is_away(world: World) -> None:
    mine = await world.take(org_order())
    world.db.tables["reconcile_queue"].clear()
    losses = iter([CommitFate.LOST_BEFORE] * 3)
    world.db.fate = lambda: next(losses, CommitFate.COMMITTED)
    world.db.clock = SystemClock()
    feed = OrganizationFeed(world.tx, lambda _version: False, SystemClock())
    async with asyncio.TaskGroup() as tasks:
        run = tasks.create_task(feed.run())
        feed.hear(ORG, "6")
        await until(lambda: [key for _, key in world.db.committed(QUEUE)] == [mine.id])
        run.cancel()


BAD: list[tuple[Callable[[OrganizationCapacity], OrganizationCapacity], str]] = [
    (lambda one: replace(one, quota={"cpu": "lots"}), "capacity.organization.quota['cpu']"),
    (lambda one: replace(one, burst_ratio="1,5"), "capacity.organization.burst_ratio"),
    (lambda one: replace(one, burst_ratio="0"), "capacity.organization.burst_ratio"),
    (lambda one: replace(one, public_ips=-1), "capacity.organization.public_ips"),
    (
        lambda one: replace(one, suspended_quota={"pods": "-1"}),
        "capacity.organization.suspended_quota['pods']",
    ),
    (lambda one: replace(one, object_storage_gb=-1), "capacity.organization.object_storage_gb"),
]


@pytest.mark.parametrize(("change", "field"), BAD, ids=[field for _, field in BAD])
def test_a_capacity_that_cannot_be_is_refused_by_its_path(
    change: Callable[[OrganizationCapacity], OrganizationCapacity], field: str
) -> None:
    with pytest.raises(InvalidArgument) as refused:
        orders.check(org_order(capacity=change(PRO)))
    assert [one.field for one in refused.value.fields] == [field]


@pytest.mark.parametrize(
    "name", ["", "Acme", "kube-system", "default", "tollgate", "a.b", "-a", "a" * 64]
)
def test_an_organization_is_called_as_a_namespace_of_others_may_be(name: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        orders.check(org_order(organization=name))
    assert [one.field for one in refused.value.fields] == ["organization"]


def test_an_order_of_a_version_that_tells_no_subscription_still_says_what_is_so() -> None:
    assert annotations.wanted(org_order(subscription=None)) == {
        annotations.PLAN_ID: "pro-pool",
        annotations.PLAN_NAME: "pro-pool",
        annotations.SUBSCRIPTION: "active",
    }
    off = org_order(2, OrderedPhase.SUSPENDED, subscription=SUBSCRIBED)
    assert annotations.wanted(off)[annotations.SUBSCRIPTION] == "suspended"


def test_other_providers_have_their_own_keys_and_lose_them_at_the_end() -> None:
    told = replace(
        SUBSCRIBED,
        provider="whmcs",
        provider_subscription_id="whmcs-svc-42",
        provider_customer_id="whmcs-client-7",
    )
    said = annotations.wanted(org_order(subscription=told))
    assert said[annotations.PROVIDER_SUBSCRIPTION] == "whmcs-svc-42"
    assert said[annotations.PROVIDER_CUSTOMER] == "whmcs-client-7"
    assert annotations.STRIPE_CUSTOMER not in said
    over = annotations.wanted(org_order(2, OrderedPhase.DELETED, subscription=told))
    assert set(over) == {annotations.SUBSCRIPTION, annotations.SUBSCRIBED_AT}


def test_a_state_that_is_not_known_here_is_left_out_of_the_order() -> None:
    message = events_pb2.CapacityOrdered(
        account="acc_1",
        incarnation=1,
        epoch=1,
        generation=1,
        phase=subscription_pb2.PHASE_RUNNING,
        plan="kube-dc/pro-pool",
        capacity=capacity_pb2.Capacity(organization=capacity_pb2.OrganizationCapacity()),
        subscription=events_pb2.OrderedSubscription(subscription="tsub_1"),
    )
    found = from_proto_order(message)
    assert found.subscription is None
    assert found.capacity == OrganizationCapacity()
