"""What stands after an order, in which order it came to stand, and what is told of it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.provisioner import isolation, naming, sessions
from services.provisioner.domain import (
    NamespaceCapacity,
    NothingCapacity,
    OrderedPhase,
    OtherCapacity,
    TenantPhase,
)
from services.provisioner.errors import IsolationNotBound, LeaseTooShort, NamespaceTerminating
from services.provisioner.objects import Ref, section
from tests.fakes.provisioner_views import MemoryLease
from tests.unit.provisioner.world import EVERYTHING, FENCES, PROFESSIONAL, World, made_of, order


@pytest.fixture
def world() -> World:
    return World()


async def test_an_order_makes_everything_and_is_ready(world: World) -> None:
    tenant = await world.make(order())
    assert made_of(world.cluster) == EVERYTHING
    assert tenant.phase is TenantPhase.READY
    assert tenant.observed_generation == 1
    assert tenant.ready_time is not None
    assert world.phases() == ["PROGRESSING", "READY"]
    assert {one.type: one.status for one in tenant.conditions} == {
        "Isolated": "True",
        "NamespaceReady": "True",
        "OwnerBound": "True",
        "QuotaBound": "True",
        "Reconciled": "True",
        "WorkloadReady": "Unknown",
    }


async def test_the_owner_enters_last_and_after_the_fence_was_read_back(world: World) -> None:
    # Nothing is told of by the watch, so all of it is asked for.
    world.view.freeze()
    await world.make(order())
    calls = [(verb, ref.kind) for verb, ref in world.cluster.calls]
    assert calls[-1] == ("create", "RoleBinding")
    last_fence = max(
        at for at, (verb, kind) in enumerate(calls) if verb == "create" and kind in FENCES
    )
    read_back = [kind for verb, kind in calls[last_fence + 1 :] if verb == "get"]
    assert sorted(read_back) == sorted(kind for kind, _ in EVERYTHING if kind in FENCES)
    first_work = calls.index(("create", "Deployment"))
    assert all(at < first_work for at, (verb, _) in enumerate(calls) if verb == "get")


async def test_a_fence_that_does_not_read_back_keeps_the_owner_out(world: World) -> None:
    tenant = await world.take(order())

    class Forgetful:
        """A cluster that says yes to policies and stores none."""

        def __getattr__(self, name: str) -> Any:
            return getattr(world.cluster, name)

        async def create(self, wanted: Any, *, timeout: float) -> Any:
            live = await world.cluster.create(wanted, timeout=timeout)
            if live.ref.kind == "NetworkPolicy":
                world.cluster.remove(live.ref)
            return live

    with pytest.raises(IsolationNotBound):
        await world.run(tenant, Forgetful())
    assert world.owner(tenant) is None
    assert not world.cluster.of_kind("Deployment")
    assert world.tenant(tenant.id).phase is TenantPhase.FAILED
    assert world.tenant(tenant.id).reason == "ISOLATION_NOT_BOUND"

    await world.run(tenant)
    assert made_of(world.cluster) == EVERYTHING
    assert world.tenant(tenant.id).phase is TenantPhase.READY


async def test_a_run_that_finds_everything_asks_nothing_and_writes_nothing(world: World) -> None:
    tenant = await world.make(order())
    world.cluster.calls.clear()
    told = len(world.facts())
    await world.run(tenant)
    assert world.cluster.calls == []
    assert world.tenant(tenant.id) == tenant
    assert len(world.facts()) == told


async def test_every_object_says_whose_it_is_and_by_which_order(world: World) -> None:
    tenant = await world.make(order(3, epoch=2))
    for ref in world.cluster.stored:
        live = world.cluster.at(ref)
        assert live.label("app.kubernetes.io/managed-by") == "tollgate"
        assert live.label("app.kubernetes.io/part-of") == "tollgate"
        assert live.label("app.kubernetes.io/instance") == tenant.namespace
        assert live.label("app.kubernetes.io/name")
        assert live.label("app.kubernetes.io/component")
        assert live.label("tollgate.dev/account") == tenant.order.account
        assert live.label("tollgate.dev/tenant") == tenant.id
        assert live.label("tollgate.dev/plan") == "sessions.professional"
        assert live.annotation("tollgate.dev/plan") == "sessions/professional"
        assert (live.version.epoch, live.version.generation) == (2, 3)
        assert live.annotation("tollgate.dev/applied-hash")


@pytest.mark.parametrize(
    ("subject", "kind", "name"),
    [("alice", "User", "alice"), ("", "Group", "tollgate:account:acc_0001")],
)
async def test_the_owner_is_a_person_or_whoever_claims_the_account(
    world: World, subject: str, kind: str, name: str
) -> None:
    tenant = await world.make(order(owner_subject=subject))
    binding = world.owner(tenant)
    assert binding is not None
    group = "rbac.authorization.k8s.io"
    assert binding.content["subjects"] == [{"apiGroup": group, "kind": kind, "name": name}]
    assert section(binding.content, "roleRef")["name"] == "tollgate-tenant-owner"


async def test_a_namespace_is_closed_to_pods_that_are_not_restricted(world: World) -> None:
    tenant = await world.make(order())
    namespace = world.cluster.at(isolation.namespace_ref(tenant.namespace))
    for mode in ("enforce", "audit", "warn"):
        assert namespace.label(f"pod-security.kubernetes.io/{mode}") == "restricted"


async def test_a_newer_order_prunes_what_it_no_longer_says(world: World) -> None:
    tenant = await world.make(order())
    smaller = replace(PROFESSIONAL, quota={"pods": "10"})
    await world.make(order(2, capacity=smaller))
    quota = world.cluster.at(Ref("v1", "ResourceQuota", tenant.namespace, naming.QUOTA))
    assert section(quota.content, "spec", "hard") == {"pods": "10"}
    assert quota.version.generation == 2


async def test_what_a_newer_order_leaves_out_is_taken_away(world: World) -> None:
    tenant = await world.make(order())
    bare = NamespaceCapacity(quota={"pods": "1"})
    await world.make(order(2, capacity=bare))
    gone = {
        ("LimitRange", naming.LIMITS),
        ("Deployment", naming.SESSIONS),
        ("HorizontalPodAutoscaler", naming.SESSIONS),
    }
    assert made_of(world.cluster) == EVERYTHING - gone
    assert world.tenant(tenant.id).phase is TenantPhase.READY


async def test_the_autoscaler_keeps_its_replicas_through_newer_orders(world: World) -> None:
    tenant = await world.make(order())
    assert world.deployment(tenant).replicas == 5
    world.cluster.scale(sessions.deployment_ref(tenant.namespace), 17)
    for generation in (2, 3, 4):
        await world.make(order(generation, plan=f"sessions/p{generation}"))
        assert world.deployment(tenant).replicas == 17


async def test_replicas_stay_when_an_autoscaler_comes_to_a_fixed_pool(world: World) -> None:
    tenant = await world.make(order(capacity=replace(PROFESSIONAL, autoscale=None, warm_pool=8)))
    assert world.deployment(tenant).replicas == 8
    await world.make(order(2))
    assert world.deployment(tenant).replicas == 8


async def test_suspension_takes_the_owner_out_first_and_resuming_restores_exactly(
    world: World,
) -> None:
    tenant = await world.make(order())
    world.cluster.scale(sessions.deployment_ref(tenant.namespace), 23)
    world.cluster.calls.clear()
    suspended = await world.make(order(2, OrderedPhase.SUSPENDED))
    writes = [(verb, ref.kind) for verb, ref in world.cluster.calls if verb != "get"]
    assert writes[0] == ("delete", "RoleBinding")
    assert suspended.phase is TenantPhase.SUSPENDED
    assert world.owner(tenant) is None
    assert world.deployment(tenant).replicas == 0

    world.cluster.calls.clear()
    await world.run(tenant)
    assert world.cluster.calls == []

    resumed = await world.make(order(3))
    assert resumed.phase is TenantPhase.READY
    assert world.deployment(tenant).replicas == 23
    assert not world.deployment(tenant).annotation(naming.ANNOTATION_REPLICAS)
    assert world.owner(tenant) is not None
    world.cluster.scale(sessions.deployment_ref(tenant.namespace), 30)
    await world.make(order(4))
    assert world.deployment(tenant).replicas == 30


async def test_a_second_suspension_does_not_forget_what_the_first_kept(world: World) -> None:
    tenant = await world.make(order())
    world.cluster.scale(sessions.deployment_ref(tenant.namespace), 23)
    for generation in (2, 3, 4):
        await world.make(order(generation, OrderedPhase.SUSPENDED))
    await world.make(order(5))
    assert world.deployment(tenant).replicas == 23


async def test_scaling_up_what_is_suspended_is_undone(world: World) -> None:
    tenant = await world.make(order())
    await world.make(order(2, OrderedPhase.SUSPENDED))
    world.cluster.scale(sessions.deployment_ref(tenant.namespace), 9)
    await world.run(tenant)
    assert world.deployment(tenant).replicas == 0
    await world.make(order(3))
    assert world.deployment(tenant).replicas == 5


async def test_nothing_needs_no_objects(world: World) -> None:
    tenant = await world.make(order(capacity=NothingCapacity({"storage": "5GB"})))
    assert tenant.phase is TenantPhase.READY
    assert tenant.namespace == ""
    assert world.cluster.calls == []
    assert world.phases() == ["READY"]


async def test_an_order_without_objects_deletes_nothing_and_takes_it_out_of_use(
    world: World,
) -> None:
    tenant = await world.make(order())
    free = await world.make(order(2, capacity=NothingCapacity()))
    assert made_of(world.cluster) == EVERYTHING - {("RoleBinding", naming.OWNER_BINDING)}
    assert world.deployment(tenant).replicas == 0
    assert (free.phase, free.reason) == (TenantPhase.READY, "NAMESPACE_KEPT")
    again = await world.make(order(3))
    assert again.namespace == tenant.namespace
    assert made_of(world.cluster) == EVERYTHING


async def test_a_kind_that_cannot_be_made_is_kept_and_said(world: World) -> None:
    tenant = await world.make(order(capacity=OtherCapacity("tenant", b"wire")))
    assert (tenant.phase, tenant.reason) == (TenantPhase.FAILED, "CAPACITY_KIND_UNSUPPORTED")
    assert world.cluster.calls == []
    assert tenant.order.capacity == OtherCapacity("tenant", b"wire")
    healed = await world.make(order(2))
    assert healed.phase is TenantPhase.READY


async def test_conditions_follow_the_pods_without_a_fact_each(world: World) -> None:
    tenant = await world.make(order())
    told = len(world.facts())
    ref = sessions.deployment_ref(tenant.namespace)
    for available in (2, 5, 6):
        world.pass_time(1)

        def report(one: dict[str, Any], count: int = available) -> None:
            one["status"] = {"availableReplicas": count}

        world.cluster.edit(ref, report)
        await world.run(tenant)
    found = {one.type: one for one in world.tenant(tenant.id).conditions}["WorkloadReady"]
    assert found.status == "True"
    assert found.since == tenant.create_time + timedelta(seconds=2)
    assert len(world.facts()) == told


async def test_too_little_lease_sends_no_request(world: World) -> None:
    tenant = await world.take(order())
    with pytest.raises(LeaseTooShort):
        await world.reconciler().reconcile(tenant.id, MemoryLease(left=0.9))
    assert world.cluster.calls == []


async def test_a_call_never_outlives_the_lease(world: World) -> None:
    tenant = await world.take(order())
    times: list[float] = []

    class Timed:
        def __getattr__(self, name: str) -> Any:
            async def call(*args: Any, timeout: float, **others: Any) -> Any:
                times.append(timeout)
                return await getattr(world.cluster, name)(*args, timeout=timeout, **others)

            return call

    await world.reconciler(Timed()).reconcile(tenant.id, MemoryLease(left=4.0))
    assert times
    assert max(times) <= 3.0


async def test_a_namespace_that_is_going_is_waited_for(world: World) -> None:
    world.cluster.slow_deletion = True
    tenant = await world.make(order())
    ref = isolation.namespace_ref(tenant.namespace)
    await world.cluster.delete(world.cluster.at(ref), timeout=1)
    with pytest.raises(NamespaceTerminating):
        await world.run(tenant)
    world.cluster.remove(ref)
    await world.run(tenant)
    assert made_of(world.cluster) == EVERYTHING
    assert world.tenant(tenant.id).namespace == tenant.namespace
