"""Workers that slept too long, names that are taken, edits by others."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from services.provisioner import isolation, naming, sessions
from services.provisioner.domain import OrderedPhase, TenantPhase
from services.provisioner.errors import DriftNotRepaired, Superseded
from services.provisioner.objects import Ref, section
from tests.fakes.faulty_cluster import FaultyCluster
from tests.unit.provisioner.world import EVERYTHING, PROFESSIONAL, World, made_of, order


@pytest.fixture
def world() -> World:
    return World()


def sleeping(
    world: World, later: Callable[[], Any], call: int, *, before: bool = True
) -> FaultyCluster:
    """Return a cluster at which the worker sleeps at a request, while ``later`` happens."""

    async def sleep() -> None:
        await later()

    return FaultyCluster(world.cluster, call, sleep, before)


def generations(world: World) -> dict[Ref, int]:
    return {ref: world.cluster.at(ref).version.generation for ref in world.cluster.stored}


@pytest.mark.parametrize("call", range(30))
async def test_a_worker_that_slept_lowers_nothing_that_a_newer_order_made(
    world: World, call: int
) -> None:
    tenant = await world.make(order(10))
    await world.take(order(11, plan="sessions/eleven"))
    larger = replace(PROFESSIONAL, quota={"pods": "60"})

    async def twelve() -> None:
        await world.make(order(12, capacity=larger))

    await world.run(tenant, sleeping(world, twelve, call))
    if world.tenant(tenant.id).version.generation == 11:
        await twelve()  # The run was shorter than that.
    assert set(generations(world).values()) == {12}
    quota = world.cluster.at(Ref("v1", "ResourceQuota", tenant.namespace, naming.QUOTA))
    assert section(quota.content, "spec", "hard") == {"pods": "60"}
    done = world.tenant(tenant.id)
    assert (done.phase, done.observed_generation) == (TenantPhase.READY, 12)


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("call", range(24))
async def test_a_worker_that_slept_through_a_suspension_lets_nobody_in(
    world: World, call: int, before: bool
) -> None:
    tenant = await world.take(order(1))

    async def suspend() -> None:
        await world.make(order(2, OrderedPhase.SUSPENDED))

    faulty = sleeping(world, suspend, call, before=before)
    await world.run(tenant, faulty)
    if faulty.struck is None:
        return
    if faulty.struck != ("create", "RoleBinding") or not before:
        assert world.owner(tenant) is None
    # What slept between the last look and the request itself is heard of, and undone.
    await world.run(tenant)
    assert world.owner(tenant) is None
    assert world.deployment(tenant).replicas == 0


@pytest.mark.parametrize("call", range(24))
async def test_a_worker_that_is_late_says_nothing_about_the_order_that_came_meanwhile(
    world: World, call: int
) -> None:
    tenant = await world.take(order(1))

    async def order_more() -> None:
        await world.take(order(2))

    faulty = sleeping(world, order_more, call)
    await world.run(tenant, faulty)
    if faulty.struck is None:
        return
    late = world.tenant(tenant.id)
    assert (late.phase, late.version.generation) == (TenantPhase.PENDING, 2)
    assert "READY" not in world.phases()
    await world.run(tenant)
    assert world.tenant(tenant.id).observed_generation == 2


@pytest.mark.parametrize("call", range(24))
async def test_a_namespace_made_by_a_worker_that_slept_through_the_deletion_goes_too(
    world: World, call: int
) -> None:
    tenant = await world.take(order(1))

    async def delete() -> None:
        await world.make(order(2, OrderedPhase.DELETED))

    try:
        await world.run(tenant, sleeping(world, delete, call))
    except Superseded:
        pytest.fail("a newer order is not an error")
    except Exception:  # noqa: BLE001, S110 - its namespace was taken away under its hands
        pass
    if world.tenant(tenant.id).version.generation == 1:
        return
    await world.run(tenant)
    await world.run(tenant)
    assert world.cluster.stored == {}
    assert world.tenant(tenant.id).phase is TenantPhase.DELETED


async def test_a_cluster_that_is_newer_than_every_order_is_left_alone_and_reported(
    world: World,
) -> None:
    tenant = await world.make(order(7))
    before = dict(world.cluster.stored)
    restored = World(cluster=world.cluster)
    older = await restored.take(order(3))
    # A restore from backup without a new epoch: the uid is known, the generation went back.
    await restored.reconciler()._record.step(
        older, lambda now: replace(now, uid=tenant.uid, claim=tenant.claim)
    )
    with pytest.raises(Superseded):
        await restored.run(older)
    assert restored.tenant(older.id).reason == "SUPERSEDED"
    assert world.cluster.stored == before

    raised = await restored.make(order(1, epoch=2))
    assert raised.phase is TenantPhase.READY
    assert {live.version.epoch for live in map(world.cluster.at, world.cluster.stored)} == {2}


async def test_a_deletion_that_is_older_than_the_cluster_deletes_nothing(world: World) -> None:
    tenant = await world.make(order(7))
    restored = World(cluster=world.cluster)
    older = await restored.take(order(3, OrderedPhase.DELETED))
    await restored.reconciler()._record.step(
        older,
        lambda now: replace(now, uid=tenant.uid, claim=tenant.claim, namespace=tenant.namespace),
    )
    with pytest.raises(Superseded):
        await restored.run(older)
    assert made_of(world.cluster) == EVERYTHING


async def test_a_name_that_is_somebody_elses_is_left_to_them(world: World) -> None:
    tenant = await world.take(order())
    taken = isolation.namespace_ref(tenant.namespace)
    foreign = world.cluster.foreign(taken)
    await world.run(tenant)
    done = world.tenant(tenant.id)
    assert done.phase is TenantPhase.READY
    assert done.namespace != taken.name
    assert done.attempt == 1
    assert world.cluster.at(taken).resource_version == foreign.resource_version
    assert not [ref for ref in world.cluster.stored if ref.namespace == taken.name]


async def test_a_name_that_was_taken_over_after_ours_was_deleted_is_not_adopted(
    world: World,
) -> None:
    tenant = await world.make(order())
    ref = isolation.namespace_ref(tenant.namespace)
    world.cluster.remove(ref)
    foreign = world.cluster.foreign(ref)
    # Whoever took it copied every label and annotation of ours.
    world.cluster.edit(
        ref,
        lambda one: one["metadata"].update(annotations={naming.ANNOTATION_CLAIM: tenant.claim}),
    )
    await world.run(tenant)
    done = world.tenant(tenant.id)
    assert done.namespace != ref.name
    assert world.cluster.at(ref).uid == foreign.uid
    assert not [one for one in world.cluster.stored if one.namespace == ref.name]


async def test_somebody_elses_namespace_survives_our_deletion(world: World) -> None:
    tenant = await world.make(order())
    ref = isolation.namespace_ref(tenant.namespace)
    world.cluster.remove(ref)
    world.cluster.foreign(ref)
    done = await world.make(order(2, OrderedPhase.DELETED))
    assert done.phase is TenantPhase.DELETED
    assert set(world.cluster.stored) == {ref}


async def test_suspension_touches_nothing_in_somebody_elses_namespace(world: World) -> None:
    tenant = await world.make(order())
    ref = isolation.namespace_ref(tenant.namespace)
    world.cluster.remove(ref)
    world.cluster.foreign(ref)
    theirs = isolation.owner_ref(tenant.namespace)
    world.cluster.foreign(theirs)
    await world.make(order(2, OrderedPhase.SUSPENDED))
    assert theirs in world.cluster.stored


@pytest.mark.parametrize("kind", sorted({kind for kind, _ in EVERYTHING}))
async def test_a_deleted_object_is_made_again(world: World, kind: str) -> None:
    tenant = await world.make(order())
    lost = world.cluster.of_kind(kind)[0].ref
    world.cluster.remove(lost)
    await world.run(tenant)
    assert made_of(world.cluster) == EVERYTHING
    done = world.tenant(tenant.id)
    assert (done.phase, done.namespace) == (TenantPhase.READY, tenant.namespace)
    assert done.uid == world.cluster.at(isolation.namespace_ref(tenant.namespace)).uid


EDITS: dict[str, Callable[[dict[str, Any]], None]] = {
    "ResourceQuota": lambda one: one["spec"]["hard"].update(pods="500"),
    "LimitRange": lambda one: one["spec"].update(limits=[]),
    "NetworkPolicy": lambda one: one["spec"].update(policyTypes=[]),
    "Namespace": lambda one: one["metadata"]["labels"].update(
        {"pod-security.kubernetes.io/enforce": "privileged"}
    ),
    "HorizontalPodAutoscaler": lambda one: one["spec"].update(maxReplicas=900),
    "Deployment": lambda one: one["spec"]["template"]["spec"].update(
        automountServiceAccountToken=True
    ),
    "RoleBinding": lambda one: one["subjects"].append({"kind": "User", "name": "mallory"}),
}


@pytest.mark.parametrize("kind", sorted(EDITS))
async def test_an_edited_object_is_put_right(world: World, kind: str) -> None:
    tenant = await world.make(order())
    ref = world.cluster.of_kind(kind)[0].ref
    right = world.cluster.at(ref).content
    world.cluster.edit(ref, EDITS[kind])
    await world.run(tenant)
    now = world.cluster.at(ref).content
    for part in ("spec", "subjects"):
        assert now.get(part) == right.get(part)
    assert section(now, "metadata", "labels") == section(right, "metadata", "labels")
    assert world.phases() == ["PROGRESSING", "READY"]


async def test_a_change_that_comes_back_at_once_is_reported_not_fought_for_ever(
    world: World,
) -> None:
    tenant = await world.make(order())
    ref = Ref("v1", "ResourceQuota", tenant.namespace, naming.QUOTA)
    world.cluster.edit(ref, EDITS["ResourceQuota"])

    class Stubborn:
        """A cluster with a webhook that puts its own value back."""

        def __getattr__(self, name: str) -> Any:
            return getattr(world.cluster, name)

        async def apply(self, wanted: Any, live: Any, *, timeout: float) -> Any:
            await world.cluster.apply(wanted, live, timeout=timeout)
            world.cluster.edit(live.ref, EDITS["ResourceQuota"])
            return world.cluster.at(live.ref)

    with pytest.raises(DriftNotRepaired, match="pods"):
        await world.run(tenant, Stubborn())
    assert world.tenant(tenant.id).reason == "DRIFT_NOT_REPAIRED"


async def test_what_was_heard_late_is_read_again_before_it_is_written(world: World) -> None:
    tenant = await world.make(order())
    world.view.freeze()
    ref = Ref("v1", "ResourceQuota", tenant.namespace, naming.QUOTA)
    world.cluster.edit(ref, lambda one: one["metadata"]["labels"].update(note="theirs"))
    await world.make(order(2))
    assert world.cluster.at(ref).label("note") == "theirs"
    assert set(generations(world).values()) == {2}


async def test_a_view_that_is_not_ready_is_not_believed(world: World) -> None:
    tenant = await world.make(order())
    world.view.ready = False
    world.cluster.remove(sessions.autoscaler_ref(tenant.namespace))
    await world.run(tenant)
    assert made_of(world.cluster) == EVERYTHING


async def test_deletion_waits_until_the_namespace_is_gone(world: World) -> None:
    tenant = await world.make(order())
    world.cluster.slow_deletion = True
    await world.take(order(2, OrderedPhase.DELETED))
    first = await world.run(tenant)
    assert first is not None
    assert first.again is not None
    assert world.tenant(tenant.id).phase is TenantPhase.DELETING
    second = await world.run(tenant)
    assert second is not None
    assert second.again is not None
    assert world.cluster.verbs().count("delete") == 1
    world.cluster.remove(isolation.namespace_ref(tenant.namespace))
    third = await world.run(tenant)
    assert third is not None
    assert third.again is None
    gone = world.tenant(tenant.id)
    assert (gone.phase, gone.observed_generation) == (TenantPhase.DELETED, 2)
    assert world.facts()[-1].namespace == ""
    assert not world.facts()[-1].HasField("capacity")
