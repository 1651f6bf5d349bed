"""Organizations: quota, bounds and annotations follow the order, whatever is in between."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.provisioner import naming
from services.provisioner.domain import (
    NothingCapacity,
    OrderedPhase,
    OrganizationCapacity,
    SubscriptionState,
    TenantPhase,
)
from services.provisioner.errors import (
    CapacityKindChanged,
    ClusterUnavailable,
    DriftNotRepaired,
    OrganizationTaken,
)
from services.provisioner.objects import Ref
from services.provisioner.organization import hard as hard_limits
from services.provisioner.organization.manifests import (
    limits_ref,
    organization_ref,
    quota_ref,
)
from services.provisioner.organization.settings import OrganizationSettings
from tests.unit.provisioner.organization_support import again, condition, equal_claims, world
from tests.unit.provisioner.organizations import (
    BEGAN,
    ORG,
    PRO,
    SUBSCRIBED,
    annotations,
    hard,
    namespace,
    org_order,
    organization,
    project,
    put,
    suspended,
    total,
    use,
)
from tests.unit.provisioner.world import World, order

AS_IS = OrganizationSettings()

__all__ = ["equal_claims", "world"]


async def test_an_active_plan_bounds_every_namespace_and_says_so(world: World) -> None:
    tenant = await world.make(org_order())
    assert (tenant.phase, tenant.reason, tenant.uid != "") == (TenantPhase.READY, "", True)
    assert total(world) == hard_limits.running(PRO, 2, AS_IS)
    for place in (ORG, "acme-web", "acme-api"):
        live = world.cluster.at(quota_ref(place))
        assert live.label("billing.kube-dc.com/auto-managed") == "true"
        assert live.label("billing.kube-dc.com/plan-id") == "pro-pool"
        assert live.label(naming.LABEL_TENANT) == tenant.id
        bounds = world.cluster.at(limits_ref(place))
        assert bounds.label("billing.kube-dc.com/auto-managed") == "true"
    assert annotations(world) == {
        "plan-id": "pro-pool",
        "plan-name": "Pro Pool",
        "subscription": "active",
        "addons": '[{"addonId":"turbo-x1","quantity":1}]',
        "stripe-subscription-id": "sub_1Q",
        "stripe-customer-id": "cus_9F",
        "subscribed-at": "2026-02-11T09:00:00Z",
    }
    kinds = ("OrganizationFound", "QuotaBound", "LimitsBound", "Annotated", "PublicIPsWithinLimit")
    assert [condition(tenant, kind)[0] for kind in kinds] == ["True"] * 5
    assert world.phases() == ["PROGRESSING", "READY"]
    assert world.facts()[-1].namespace == ORG


async def test_it_makes_no_namespace_and_no_organization(world: World) -> None:
    before = {ref for ref in world.cluster.stored if ref.kind in ("Namespace", "Organization")}
    await world.make(org_order())
    after = {ref for ref in world.cluster.stored if ref.kind in ("Namespace", "Organization")}
    assert after == before


async def test_what_stands_as_it_should_is_neither_read_nor_written(world: World) -> None:
    tenant = await world.make(org_order())
    world.cluster.calls.clear()
    assert (await again(world, tenant)).change == tenant.change
    assert world.cluster.calls == []


async def test_an_organization_that_is_not_there_is_waited_for() -> None:
    world = World()
    tenant = await world.make(org_order())
    assert (tenant.phase, tenant.reason) == (TenantPhase.PROGRESSING, "ORGANIZATION_NOT_FOUND")
    assert condition(tenant, "OrganizationFound") == ("False", "NotFound")
    assert world.cluster.verbs() == []
    organization(world.cluster)
    tenant = await again(world, tenant)
    assert (tenant.phase, tenant.reason) == (TenantPhase.READY, "")
    assert isinstance(tenant.standing, OrganizationCapacity)


async def test_a_cluster_without_organizations_says_so(world: World) -> None:
    world.organizations.served = False
    tenant = await world.make(org_order())
    assert condition(tenant, "OrganizationFound") == ("False", "KindNotServed")


async def test_nothing_is_divided_before_the_projects_are_known(world: World) -> None:
    world.organizations.ready = False
    tenant = await world.take(org_order())
    with pytest.raises(ClusterUnavailable):
        await world.run(tenant)
    assert world.cluster.verbs() == []


async def test_a_larger_plan_and_addons_are_a_larger_quota(world: World) -> None:
    tenant = await world.make(org_order())
    larger = replace(PRO, quota={**PRO.quota, "cpu": "20", "storage": "360Gi"})
    await world.take(org_order(2, capacity=larger, plan="kube-dc/scale-pool"))
    tenant = await again(world, tenant)
    assert tenant.observed_generation == 2
    assert total(world) == hard_limits.running(larger, 2, AS_IS)
    assert annotations(world)["plan-id"] == "scale-pool"


async def test_a_suspended_organization_keeps_its_plan_in_name_only(world: World) -> None:
    tenant = await world.make(org_order())
    use(world, "acme-web", pods="30", requests_cpu="6")
    told = suspended()
    await world.take(org_order(2, OrderedPhase.SUSPENDED, subscription=told))
    tenant = await again(world, tenant)
    assert tenant.phase is TenantPhase.SUSPENDED
    left = hard_limits.suspended(PRO, AS_IS)
    assert total(world) == left
    # All that is in use is beyond the cap already: nobody else may start anything.
    assert (hard(world, "acme-web")["pods"], hard(world, "acme-api")["pods"]) == (10, 0)
    said = annotations(world)
    assert (said["subscription"], said["plan-id"]) == ("suspended", "pro-pool")
    assert said["suspended-at"] == "2026-02-11T09:00:00Z"

    await world.take(org_order(3))
    await again(world, tenant)
    assert "suspended-at" not in annotations(world)
    assert hard(world, "acme-web")["pods"] > 30


async def test_a_canceled_subscription_leaves_neither_plan_nor_addons(world: World) -> None:
    tenant = await world.make(org_order())
    told = suspended(SubscriptionState.CANCELED)
    await world.take(org_order(2, OrderedPhase.SUSPENDED, subscription=told))
    await again(world, tenant)
    said = annotations(world)
    assert said["subscription"] == "canceled"
    assert not {"plan-id", "plan-name", "addons"} & set(said)
    assert total(world) == hard_limits.suspended(PRO, AS_IS)


async def test_a_deletion_takes_what_is_ours_and_nothing_else(world: World) -> None:
    own = limits_ref("acme-api")
    put(world.cluster, own, {"spec": {"limits": []}})
    tenant = await world.make(org_order())
    await world.take(org_order(2, OrderedPhase.DELETED))
    tenant = await again(world, tenant)
    assert tenant.phase is TenantPhase.DELETED
    assert world.cluster.of_kind("ResourceQuota") == []
    assert [live.ref for live in world.cluster.of_kind("LimitRange")] == [own]
    assert annotations(world)["subscription"] == "canceled"
    assert "plan-id" not in annotations(world)
    assert organization_ref(ORG) in world.cluster.stored
    world.cluster.calls.clear()
    await again(world, tenant)
    assert world.cluster.calls == []


async def test_the_next_incarnation_is_not_taken_apart_by_the_last_ones_deletion(
    world: World,
) -> None:
    first = await world.make(org_order())
    await world.take(org_order(2, OrderedPhase.DELETED))
    second = await world.make(org_order(3, incarnation=2))
    assert second.phase is TenantPhase.READY
    await again(world, first)
    assert world.tenant(first.id).phase is TenantPhase.DELETED
    assert total(world) == hard_limits.running(PRO, 2, AS_IS)
    assert annotations(world)["subscription"] == "active"


async def test_no_plan_is_no_quota_and_no_word_of_one(world: World) -> None:
    tenant = await world.make(org_order())
    await world.take(org_order(2, capacity=NothingCapacity(), plan="kube-dc/free"))
    tenant = await again(world, tenant)
    assert (tenant.phase, tenant.standing) == (TenantPhase.READY, None)
    assert world.cluster.of_kind("ResourceQuota") == []
    assert annotations(world) == {}


async def test_a_persons_own_limits_are_left_alone(world: World) -> None:
    own = limits_ref("acme-web")
    put(world.cluster, own, {"spec": {"limits": [{"type": "Pod"}]}})
    before = world.cluster.at(own)
    tenant = await world.make(org_order())
    assert world.cluster.at(own) == before
    assert condition(tenant, "LimitsBound") == ("True", "OwnLimitRange")
    world.cluster.remove(own)
    tenant = await again(world, tenant)
    assert world.cluster.at(own).label(naming.LABEL_TENANT) == tenant.id


async def test_limits_that_a_person_makes_their_own_are_theirs_even_at_the_end(
    world: World,
) -> None:
    tenant = await world.make(org_order())
    own = limits_ref("acme-web")

    def take(stored: dict[str, Any]) -> None:
        del stored["metadata"]["labels"]["billing.kube-dc.com/auto-managed"]
        stored["spec"]["limits"] = []

    world.cluster.edit(own, take)
    await again(world, tenant)
    await world.take(org_order(2, OrderedPhase.DELETED))
    await again(world, tenant)
    assert [live.ref for live in world.cluster.of_kind("LimitRange")] == [own]


async def test_what_others_write_into_the_annotations_is_put_right(world: World) -> None:
    tenant = await world.make(org_order())

    def lie(stored: dict[str, Any]) -> None:
        said = stored["metadata"]["annotations"]
        said["billing.kube-dc.com/plan-id"] = "scale-pool"
        said["billing.kube-dc.com/suspended-at"] = "2026-01-01T00:00:00Z"
        said["example.com/own"] = "kept"

    world.cluster.edit(organization_ref(ORG), lie)
    await again(world, tenant)
    said = annotations(world)
    assert said["plan-id"] == "pro-pool"
    assert "suspended-at" not in said
    assert world.cluster.at(organization_ref(ORG)).annotation("example.com/own") == "kept"


async def test_an_organization_that_another_account_pays_for_is_not_touched(world: World) -> None:
    await world.make(org_order())
    calls = len(world.cluster.calls)
    other = await world.take(org_order(9, account="acc_0002"))
    with pytest.raises(OrganizationTaken):
        await world.run(other)
    assert {verb for verb, _ in world.cluster.calls[calls:]} == {"get"}
    assert world.tenant(other.id).reason == "ORGANIZATION_TAKEN"


async def test_too_many_public_addresses_are_told_and_kept(world: World) -> None:
    for place in (ORG, "acme-web"):
        ref = Ref("kube-dc.com/v1", "EIp", place, "one")
        put(world.cluster, ref, {"spec": {"externalNetworkType": "public"}})
    put(
        world.cluster,
        Ref("kube-dc.com/v1", "EIp", "acme-api", "inner"),
        {"spec": {"externalNetworkType": "cloud"}},
    )
    tenant = await world.make(org_order())
    assert tenant.phase is TenantPhase.READY
    assert condition(tenant, "PublicIPsWithinLimit") == ("False", "Counted")
    assert len(world.cluster.of_kind("EIp")) == 3


async def test_an_organization_that_is_deleted_leaves_no_quota_behind(world: World) -> None:
    tenant = await world.make(org_order())
    world.cluster.remove(organization_ref(ORG))
    tenant = await again(world, tenant)
    assert (tenant.phase, tenant.reason) == (TenantPhase.PROGRESSING, "ORGANIZATION_NOT_FOUND")
    assert world.cluster.of_kind("ResourceQuota") == []
    put(world.cluster, organization_ref(ORG), {"spec": {}})
    assert (await again(world, tenant)).phase is TenantPhase.READY


async def test_a_kind_that_stops_being_served_takes_no_quota_away(world: World) -> None:
    tenant = await world.make(org_order())
    world.organizations.served = False
    await again(world, tenant)
    assert total(world) == hard_limits.running(PRO, 2, AS_IS)


async def test_an_account_does_not_change_from_a_namespace_to_an_organization(
    world: World,
) -> None:
    await world.make(order())
    tenant = await world.take(org_order(2))
    with pytest.raises(CapacityKindChanged):
        await world.run(tenant)
    assert world.tenant(tenant.id).phase is TenantPhase.FAILED


async def test_another_organization_is_never_touched(world: World) -> None:
    namespace(world.cluster, "other")
    put(world.cluster, organization_ref("other"), {"spec": {}})
    project(world.cluster, "web", "other")
    await world.make(org_order())
    calls = [ref for verb, ref in world.cluster.calls if verb not in ("get", "list")]
    touched = {ref.namespace or ref.name for ref in calls}
    assert touched == {ORG, "acme-web", "acme-api"}


async def test_a_trial_says_when_it_ends(world: World) -> None:
    ends = BEGAN + timedelta(days=14)
    trial = replace(SUBSCRIBED, state=SubscriptionState.TRIALING, trial_end_time=ends)
    await world.make(org_order(subscription=trial))
    said = annotations(world)
    assert (said["subscription"], said["is-trial"]) == ("trialing", "true")
    assert said["trial-end-date"] == "2026-02-25T09:00:00Z"


async def test_an_annotation_that_does_not_hold_is_told(world: World) -> None:
    tenant = await world.take(org_order())
    kept = world.cluster.apply

    async def stubborn(wanted: Any, live: Any, *, timeout: float) -> Any:
        applied = await kept(wanted, live, timeout=timeout)
        if live.ref.kind != "Organization":
            return applied

        def drop(stored: dict[str, Any]) -> None:
            stored["metadata"]["annotations"].pop("billing.kube-dc.com/plan-id")

        world.cluster.edit(live.ref, drop)
        return world.cluster.at(live.ref)

    world.cluster.apply = stubborn  # type: ignore[method-assign] # somebody's admission webhook
    with pytest.raises(DriftNotRepaired):
        await world.run(tenant)
