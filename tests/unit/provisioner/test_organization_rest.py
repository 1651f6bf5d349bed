"""K4: the workloads of a canceled organization rest, and wake exactly as they were once it pays."""

from collections.abc import Callable
from typing import Any

import pytest

from services.provisioner import naming
from services.provisioner.domain import (
    NothingCapacity,
    Order,
    OrderedPhase,
    SubscriptionState,
    Tenant,
)
from services.provisioner.errors import ObjectChanged, OrganizationTaken
from services.provisioner.objects import Live, Ref, section
from services.provisioner.organization import hard
from services.provisioner.organization.annotations import PRE_SUSPEND
from services.provisioner.organization.settings import OrganizationSettings
from services.provisioner.plan import Action
from tests.fakes.faulty_cluster import FaultyCluster
from tests.unit.provisioner.contention import run
from tests.unit.provisioner.organization_support import condition
from tests.unit.provisioner.organizations import (
    ORG,
    PRO,
    annotations,
    org_order,
    organization,
    project,
    put,
    suspended,
    total,
)
from tests.unit.provisioner.test_crashes import die, kill, lose_the_answer
from tests.unit.provisioner.test_organization_desk import preview
from tests.unit.provisioner.world import World

CANCELED = suspended(SubscriptionState.CANCELED)
WEB, SHOP = "acme-web", "acme-shop"
_LONGEST = 40
KINDS = ("Deployment", "StatefulSet", "CronJob")


def workload(world: World, kind: str, name: str, place: str = WEB, **spec: Any) -> Ref:
    """Let a person's workload stand."""
    version = "batch/v1" if kind == "CronJob" else "apps/v1"
    ref = Ref(version, kind, place, name)
    put(world.cluster, ref, {"spec": spec})
    return ref


def found() -> World:
    """An organization whose projects run something."""
    world = World()
    organization(world.cluster, ORG, "web", "shop")
    workload(world, "Deployment", "front", replicas=3)
    workload(world, "Deployment", "idle", replicas=0)
    workload(world, "StatefulSet", "db", SHOP, replicas=1)
    workload(world, "CronJob", "report", SHOP)
    workload(world, "CronJob", "paused", SHOP, suspend=True)
    workload(world, "Deployment", "own", ORG, replicas=2)
    return world


FRONT = Ref("apps/v1", "Deployment", WEB, "front")
IDLE = Ref("apps/v1", "Deployment", WEB, "idle")
DB = Ref("apps/v1", "StatefulSet", SHOP, "db")
REPORT = Ref("batch/v1", "CronJob", SHOP, "report")
PAUSED = Ref("batch/v1", "CronJob", SHOP, "paused")
OWN = Ref("apps/v1", "Deployment", ORG, "own")


def runs(world: World) -> dict[str, Any]:
    """Return how much of each runs."""
    found = {}
    for ref in (FRONT, IDLE, DB, OWN):
        found[ref.name] = world.cluster.at(ref).replicas
    for ref in (REPORT, PAUSED):
        found[ref.name] = not section(world.cluster.at(ref).content, "spec").get("suspend", False)
    return found


AWAKE = {"front": 3, "idle": 0, "db": 1, "own": 2, "report": True, "paused": False}
AT_REST = {"front": 0, "idle": 0, "db": 0, "own": 2, "report": False, "paused": False}


def marks(live: Live) -> tuple[str, str]:
    """Return what a workload says of having been put to rest."""
    return live.annotation(PRE_SUSPEND), live.label(naming.LABEL_RESTING)


async def cancel(world: World, generation: int = 2) -> Tenant:
    """Let the grace be over."""
    return await world.make(org_order(generation, OrderedPhase.SUSPENDED, subscription=CANCELED))


async def test_after_the_grace_what_ran_is_at_rest_and_says_what_it_was() -> None:
    world = found()
    await world.make(org_order())
    tenant = await world.make(org_order(2, OrderedPhase.SUSPENDED, subscription=suspended()))
    assert runs(world) == AWAKE
    tenant = await cancel(world, 3)
    assert runs(world) == AT_REST
    assert annotations(world)["subscription"] == "canceled"
    assert marks(world.cluster.at(FRONT)) == ("3", "true")
    assert marks(world.cluster.at(REPORT)) == ("1", "true")
    assert marks(world.cluster.at(IDLE)) == marks(world.cluster.at(PAUSED)) == ("", "")
    assert condition(tenant, "WorkloadsAllowed") == ("False", "Canceled")


async def test_paid_again_exactly_what_was_put_to_rest_wakes_and_nothing_is_left_on_it() -> None:
    world = found()
    await world.make(org_order())
    await cancel(world)
    tenant = await world.make(org_order(3))
    assert runs(world) == AWAKE
    for ref in (FRONT, DB, REPORT):
        live = world.cluster.at(ref)
        assert PRE_SUSPEND not in section(live.content, "metadata", "annotations")
        assert naming.LABEL_RESTING not in section(live.content, "metadata", "labels")
    assert condition(tenant, "WorkloadsAllowed") == ("True", "AsOrdered")
    world.cluster.calls.clear()
    await world.run(tenant)
    assert world.cluster.calls == []


async def test_the_quota_is_back_before_the_workloads_and_they_before_active_is_said() -> None:
    world = found()
    tenant = await world.make(org_order())
    await cancel(world)
    await world.take(org_order(3))
    kept = world.cluster.change

    async def watched(live: Live, patch: Any, *, timeout: float) -> Live:
        if "spec" in patch:
            assert total(world) == hard.running(PRO, 2, OrganizationSettings())
            assert annotations(world)["subscription"] == "canceled"
        return await kept(live, patch, timeout=timeout)

    world.cluster.change = watched  # type: ignore[method-assign] # looks on
    await world.run(tenant)
    assert (runs(world), annotations(world)["subscription"]) == (AWAKE, "active")


async def test_a_deployment_made_while_canceled_is_put_to_rest_too() -> None:
    world = found()
    tenant = await world.make(org_order())
    await cancel(world)
    late = workload(world, "Deployment", "late", replicas=2)
    await world.run(tenant)
    assert world.cluster.at(late).replicas == 0
    await world.make(org_order(3))
    assert world.cluster.at(late).replicas == 2


async def test_a_person_who_scales_up_at_rest_changes_what_it_wakes_to() -> None:
    world = found()
    tenant = await world.make(org_order())
    await cancel(world)
    world.cluster.edit(FRONT, lambda stored: stored["spec"].update(replicas=7))
    await world.run(tenant)
    assert world.cluster.at(FRONT).replicas == 0
    assert marks(world.cluster.at(FRONT)) == ("7", "true")
    await world.make(org_order(3))
    assert world.cluster.at(FRONT).replicas == 7


async def test_what_a_person_made_run_before_it_was_woken_stays_as_they_made_it() -> None:
    world = found()
    tenant = await world.make(org_order())
    await cancel(world)
    await world.take(org_order(3))
    world.cluster.edit(FRONT, lambda stored: stored["spec"].update(replicas=5))
    world.cluster.edit(REPORT, lambda stored: stored["spec"].update(suspend=False))
    await world.run(tenant)
    assert (world.cluster.at(FRONT).replicas, marks(world.cluster.at(FRONT))) == (5, ("", ""))
    assert marks(world.cluster.at(REPORT)) == ("", "")


@pytest.mark.parametrize("kept", [None, "many", "-1", "99999999999999", "0"])
async def test_a_workload_whose_number_a_person_took_away_or_spoilt_stays_at_rest(
    kept: str | None,
) -> None:
    world = found()
    await world.make(org_order())
    await cancel(world)

    def spoil(stored: dict[str, Any]) -> None:
        stored["metadata"]["annotations"].pop(PRE_SUSPEND)
        if kept is not None:
            stored["metadata"]["annotations"][PRE_SUSPEND] = kept

    world.cluster.edit(FRONT, spoil)
    await world.make(org_order(3))
    assert (world.cluster.at(FRONT).replicas, marks(world.cluster.at(FRONT))) == (0, ("", ""))


async def test_what_another_had_put_to_rest_in_our_words_wakes_as_well() -> None:
    world = found()
    await world.make(org_order())

    def by_another(stored: dict[str, Any]) -> None:
        stored["spec"]["replicas"] = 0
        stored["metadata"]["annotations"] = {PRE_SUSPEND: "4"}

    world.cluster.edit(FRONT, by_another)
    await cancel(world)
    assert marks(world.cluster.at(FRONT)) == ("4", "true")
    await world.make(org_order(3))
    assert world.cluster.at(FRONT).replicas == 4


async def test_a_late_worker_that_puts_something_to_rest_after_the_payment_is_undone() -> None:
    world = found()
    tenant = await world.make(org_order())
    await cancel(world)
    tenant = await world.make(org_order(3))

    def late(stored: dict[str, Any]) -> None:
        stored["spec"]["replicas"] = 0
        stored["metadata"]["annotations"] = {PRE_SUSPEND: "3"}
        stored["metadata"]["labels"] = {naming.LABEL_RESTING: "true"}

    world.cluster.edit(FRONT, late)
    await world.run(tenant)
    assert runs(world) == AWAKE


def deaths() -> list[tuple[int, bool]]:
    """Every request of the longest run, before and after its effect."""
    return [(call, before) for call in range(_LONGEST) for before in (True, False)]


@pytest.mark.parametrize("how", [kill, lose_the_answer])
@pytest.mark.parametrize(("call", "before"), deaths())
async def test_a_death_at_any_request_forgets_no_replicas(
    call: int, before: bool, how: Callable[..., object]
) -> None:
    world = found()
    tenant = await world.make(org_order())
    await world.take(org_order(2, OrderedPhase.SUSPENDED, subscription=CANCELED))
    await die(world, tenant.id, call, before=before, how=how)
    await world.run(tenant)
    assert runs(world) == AT_REST
    await world.take(org_order(3))
    await die(world, tenant.id, call, before=before, how=how)
    world.pass_time(2)
    await world.run(tenant)
    assert runs(world) == AWAKE
    assert marks(world.cluster.at(FRONT)) == ("", "")


@pytest.mark.parametrize(("call", "before"), deaths())
async def test_paid_in_the_middle_of_a_rest_that_died_everything_runs_as_before(
    call: int, before: bool
) -> None:
    world = found()
    tenant = await world.make(org_order())
    await world.take(org_order(2, OrderedPhase.SUSPENDED, subscription=CANCELED))
    await die(world, tenant.id, call, before=before, how=kill)
    await world.make(org_order(3))
    assert runs(world) == AWAKE
    assert world.tenant(tenant.id).observed_generation == 3


@pytest.mark.parametrize("call", range(_LONGEST))
async def test_a_worker_that_slept_at_any_request_puts_nothing_to_rest_for_long(call: int) -> None:
    world = found()
    tenant = await world.make(org_order())
    await world.take(org_order(2, OrderedPhase.SUSPENDED, subscription=CANCELED))

    async def paid() -> None:
        await world.make(org_order(3))

    late = FaultyCluster(world.cluster, call, paid, before=True)
    await world.run(world.tenant(tenant.id), late)
    if late.struck is not None and late.struck[0] == "list":
        # It looks at the order once more before it stops anything.
        assert runs(world) == AWAKE
    # What it still did is heard of, by the mark that it left.
    await world.make(org_order(3))
    assert runs(world) == AWAKE


async def test_the_deaths_reach_every_request() -> None:
    world = found()
    await world.make(org_order())
    world.cluster.calls.clear()
    await cancel(world)
    assert "change" in world.cluster.verbs()
    assert len(world.cluster.calls) <= _LONGEST
    world.cluster.calls.clear()
    await world.make(org_order(3))
    assert "change" in world.cluster.verbs()
    assert len(world.cluster.calls) <= _LONGEST


async def test_another_account_neither_puts_to_rest_nor_wakes() -> None:
    world = found()
    await world.make(org_order())
    stranger = org_order(9, OrderedPhase.SUSPENDED, subscription=CANCELED, account="acc_0002")
    other = await world.take(stranger)
    with pytest.raises(OrganizationTaken):
        await world.run(other)
    assert runs(world) == AWAKE
    await cancel(world)
    none = org_order(10, capacity=NothingCapacity(), plan="kube-dc/none", account="acc_0002")
    await world.make(none)
    assert runs(world) == AT_REST


async def test_without_a_plan_nothing_is_kept_at_rest_and_an_end_for_good_wakes_nothing() -> None:
    world = found()
    await world.make(org_order())
    await cancel(world)
    await world.make(org_order(3, capacity=NothingCapacity(), plan="kube-dc/none"))
    assert runs(world) == AWAKE
    world = found()
    await world.make(org_order())
    await cancel(world)
    await world.make(org_order(3, OrderedPhase.DELETED, subscription=CANCELED))
    assert runs(world) == AT_REST


async def test_a_workload_that_keeps_changing_is_left_to_the_next_try() -> None:
    world = found()
    tenant = await world.make(org_order())
    await world.take(org_order(2, OrderedPhase.SUSPENDED, subscription=CANCELED))

    kept = world.cluster.change

    async def never(live: Live, patch: Any, *, timeout: float) -> Live:
        if live.ref.kind == "Namespace":
            return await kept(live, patch, timeout=timeout)
        raise ObjectChanged("again")

    world.cluster.change = never  # type: ignore[method-assign] # fails
    with pytest.raises(ObjectChanged, match=r"A workload in acme-(web|shop) keeps changing"):
        await run(world, tenant)
    world.cluster.change = kept  # type: ignore[method-assign] # as before
    await world.run(tenant)
    assert runs(world) == AT_REST


async def test_a_project_that_is_going_is_left_alone() -> None:
    world = found()
    await world.make(org_order())
    place = project(world.cluster, "gone")
    left = workload(world, "Deployment", "left", place, replicas=2)
    world.cluster.edit(
        Ref("v1", "Namespace", "", place),
        lambda stored: stored["metadata"].update(deletionTimestamp="2026-01-01T00:00:00Z"),
    )
    await cancel(world)
    assert world.cluster.at(left).replicas == 2


async def test_a_check_of_an_order_tells_which_workloads_would_rest_and_which_would_wake() -> None:
    world = found()
    await world.make(org_order())

    async def told(one: Order) -> set[str]:
        named = {ref.name for action, ref in await preview(world, one) if ref.kind in KINDS}
        assert all(
            action is Action.UPDATE
            for action, ref in await preview(world, one)
            if ref.kind in KINDS
        )
        return named

    rest = org_order(2, OrderedPhase.SUSPENDED, subscription=CANCELED)
    assert await told(rest) == {"front", "db", "report"}
    assert await told(org_order(2)) == set()
    await world.make(rest)
    assert await told(rest) == set()
    assert await told(org_order(3)) == {"front", "db", "report"}
    assert await told(org_order(3, capacity=NothingCapacity())) == {"front", "db", "report"}
