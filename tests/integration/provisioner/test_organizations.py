"""Organizations in a Kubernetes API server that enforces quotas, and our roles."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from deploy.sandbox.stack.definitions import HNC, KUBE_DC
from services.provisioner.domain import (
    NothingCapacity,
    OrderedPhase,
    OrganizationCapacity,
    SubscriptionState,
    Tenant,
    TenantPhase,
)
from services.provisioner.organization import hard
from services.provisioner.organization.amounts import read
from services.provisioner.organization.settings import BackendChoice, OrganizationSettings
from tests.integration.provisioner.cluster_fixture import Plane
from tests.integration.provisioner.organization_fixture import (
    LIMITS,
    QUOTA,
    Organization,
    Working,
    eventually,
    install,
    served,
    uninstall,
    working,
)
from tests.unit.provisioner.organizations import PRO, suspended

HRQ = "/apis/hnc.x-k8s.io/v1alpha2/namespaces/{}/hierarchicalresourcequotas/plan-quota"
AS_IS = OrganizationSettings()
SIX_PODS = replace(PRO, quota={**PRO.quota, "pods": "6"})


@asynccontextmanager
async def at_work(
    plane: Plane, *projects: str, backend: BackendChoice = BackendChoice.NATIVE
) -> AsyncIterator[tuple[Working, Organization]]:
    """An organization that stands, and a provisioner at work."""
    await install(plane.api, KUBE_DC)
    org = Organization(plane.api, f"org-{plane.token}")
    await org.make(*projects)
    try:
        async with working(plane, backend) as work:
            yield work, org
    finally:
        await org.unmake()


def is_ready(generation: int = 1) -> Any:
    return lambda one: (one.phase, one.observed_generation) == (TenantPhase.READY, generation)


async def made(work: Working, org: Organization, **others: Any) -> Tenant:
    return await work.until(await work.take(org.name, **others), is_ready())


def of(capacity: OrganizationCapacity, projects: int) -> dict[str, int]:
    return hard.running(capacity, projects, AS_IS)


async def test_an_active_plan_becomes_quota_bounds_and_annotations(plane: Plane) -> None:
    async with at_work(plane, "web", "api") as (work, org):
        await made(work, org)
        assert await org.total() == of(PRO, 2)
        for place in org.namespaces:
            bounds = await plane.api.get(LIMITS.format(place))
            assert bounds["metadata"]["labels"]["billing.kube-dc.com/auto-managed"] == "true"
        said = await org.says()
        assert (said["plan-id"], said["subscription"]) == ("pro-pool", "active")
        assert said["addons"] == '[{"addonId":"turbo-x1","quantity":1}]'


async def test_a_change_of_plan_or_addons_becomes_a_change_of_quota(plane: Plane) -> None:
    async with at_work(plane, "web") as (work, org):
        tenant = await made(work, org)
        larger = replace(PRO, quota={**PRO.quota, "cpu": "16", "pods": "500"})
        await work.take(org.name, 2, capacity=larger, plan="kube-dc/scale-pool")
        await work.until(tenant, is_ready(2))
        assert await org.total() == of(larger, 1)
        await work.take(org.name, 3)
        await work.until(tenant, is_ready(3))
        assert await org.total() == of(PRO, 1)
        assert (await org.says())["plan-id"] == "pro-pool"


async def test_a_suspended_organization_starts_nothing_new_and_comes_back(plane: Plane) -> None:
    async with at_work(plane, "web") as (work, org):
        tenant = await made(work, org)
        place = f"{org.name}-web"
        for _ in range(11):
            await eventually(lambda: org.pod(place), wanted=True)
        told = suspended()
        await work.take(org.name, 2, OrderedPhase.SUSPENDED, subscription=told)
        await work.until(tenant, lambda one: one.phase is TenantPhase.SUSPENDED)
        assert await org.total() == hard.suspended(PRO, AS_IS)
        await eventually(lambda: org.pod(place), wanted=False)
        assert await org.running() >= 11
        said = await org.says()
        assert (said["subscription"], said["suspended-at"][:4]) == ("suspended", "2026")
        await work.take(org.name, 3)
        await work.until(tenant, is_ready(3))
        await eventually(lambda: org.pod(place), wanted=True)
        assert "suspended-at" not in await org.says()


async def test_a_deletion_takes_what_is_ours_and_leaves_the_rest(plane: Plane) -> None:
    async with at_work(plane, "web") as (work, org):
        own = {"metadata": {"name": "default-resource-limits"}, "spec": {"limits": []}}
        path = LIMITS.format(f"{org.name}-web")
        assert (await plane.api.call("POST", path.rpartition("/")[0], own))[0] == 201
        tenant = await made(work, org)
        told = suspended(SubscriptionState.CANCELED)
        await work.take(org.name, 2, OrderedPhase.DELETED, subscription=told)
        await work.until(tenant, lambda one: one.phase is TenantPhase.DELETED)
        for place in org.namespaces:
            assert (await plane.api.call("GET", QUOTA.format(place)))[0] == 404
        assert (await plane.api.call("GET", LIMITS.format(org.name)))[0] == 404
        assert "labels" not in (await plane.api.get(path))["metadata"]
        said = await org.says()
        assert (said["subscription"], "plan-id" in said, "addons" in said) == (
            "canceled",
            False,
            False,
        )


async def test_no_plan_is_no_quota(plane: Plane) -> None:
    async with at_work(plane, "web") as (work, org):
        tenant = await made(work, org)
        await work.take(org.name, 2, capacity=NothingCapacity(), plan="kube-dc/none")
        await work.until(tenant, is_ready(2))
        assert await org.total() == {}
        assert await org.says() == {}


async def test_pods_of_all_projects_together_stay_within_the_cap(plane: Plane) -> None:
    async with at_work(plane, "web", "api") as (work, org):
        await made(work, org, capacity=SIX_PODS)
        refused = 0
        while refused < 60:
            for project in org.projects:
                if await org.pod(f"{org.name}-{project}"):
                    refused = 0
                else:
                    refused += 1
                assert await org.running() <= 6
                assert (await org.total())["pods"] <= 6
        # What is left is the share of the namespace that asks for nothing.
        assert await org.running() >= 4


async def test_a_project_that_comes_is_bounded_and_one_that_goes_frees_its_part(
    plane: Plane,
) -> None:
    async with at_work(plane, "web") as (work, org):
        await made(work, org)
        place = await org.project("new")
        await plane.api.until_there(QUOTA.format(place))
        await eventually(org.total, wanted=of(PRO, 2))
        await plane.api.call("DELETE", f"/api/v1/namespaces/{place}")
        await eventually(org.total, wanted=of(PRO, 1))


async def test_what_others_change_is_put_right(plane: Plane) -> None:
    async with at_work(plane, "web") as (work, org):
        await made(work, org)
        place = f"{org.name}-web"
        await plane.api.merge(QUOTA.format(place), {"spec": {"hard": {"pods": "9999"}}})
        await eventually(org.total, wanted=of(PRO, 1))
        await plane.api.call("DELETE", QUOTA.format(place))
        await eventually(org.total, wanted=of(PRO, 1))
        lies = {"billing.kube-dc.com/plan-id": "x", "billing.kube-dc.com/suspended-at": "y"}
        await plane.api.merge(org.path, {"metadata": {"annotations": lies}})

        async def said() -> tuple[str, bool]:
            stands = await org.says()
            return stands["plan-id"], "suspended-at" in stands

        await eventually(said, wanted=("pro-pool", False))


async def test_a_persons_own_limits_are_left_alone_until_they_are_gone(plane: Plane) -> None:
    async with at_work(plane, "web") as (work, org):
        own = {"metadata": {"name": "default-resource-limits"}, "spec": {"limits": []}}
        path = LIMITS.format(f"{org.name}-web")
        assert (await plane.api.call("POST", path.rpartition("/")[0], own))[0] == 201
        tenant = await made(work, org)
        found = {one.type: one.reason for one in tenant.conditions}
        assert found["LimitsBound"] == "OwnLimitRange"
        assert not (await plane.api.get(path))["spec"].get("limits")
        await plane.api.call("DELETE", path)
        await plane.api.until_there(path)
        assert (await plane.api.get(path))["spec"]["limits"]


async def test_public_addresses_are_counted_over_the_projects(plane: Plane) -> None:
    async with at_work(plane, "web") as (work, org):
        tenant = await made(work, org)
        for place, name, kind in (
            (org.name, "a", "public"),
            (f"{org.name}-web", "b", "public"),
            (org.name, "c", "cloud"),
        ):
            body = {
                "apiVersion": "kube-dc.com/v1",
                "kind": "EIp",
                "metadata": {"name": name},
                "spec": {"externalNetworkType": kind},
            }
            path = f"/apis/kube-dc.com/v1/namespaces/{place}/eips"
            assert (await plane.api.call("POST", path, body))[0] == 201

        def over(one: Tenant) -> bool:
            said = {found.type: found for found in one.conditions}["PublicIPsWithinLimit"]
            return said.status == "False" and said.message.startswith("2 of 1 ")

        await work.until(tenant, over)


async def test_an_organization_that_appears_later_is_made_at_once(plane: Plane) -> None:
    await uninstall(plane.api, KUBE_DC)
    org = Organization(plane.api, f"org-{plane.token}")
    async with working(plane) as work:
        tenant = await work.take(org.name)

        def waits_for(why: str) -> Any:
            return lambda one: (
                one.reason == "ORGANIZATION_NOT_FOUND"
                and {found.type: found.reason for found in one.conditions}["OrganizationFound"]
                == why
            )

        await work.until(tenant, waits_for("KindNotServed"))
        await install(plane.api, KUBE_DC)
        await work.until(tenant, lambda _: work.organizations.look(org.name).served)
        await org.make("web")
        try:
            await work.until(tenant, is_ready())
            await eventually(org.total, wanted=of(PRO, 1))
        finally:
            await org.unmake()


async def test_a_hierarchical_quota_that_comes_to_be_served_takes_over_and_leaves_no_orphan(
    plane: Plane,
) -> None:
    if await served(plane.api, HNC):
        pytest.skip("HNC runs here: its kinds cannot be taken away from it")
    async with at_work(plane, "web", backend=BackendChoice.AUTO) as (work, org):
        await made(work, org)
        await install(plane.api, HNC)
        await plane.api.until_there(HRQ.format(org.name))
        await eventually(org.total, wanted={})
        # What bounds the project's containers is the last of what goes.
        await eventually(lambda: org.bounded(f"{org.name}-web"), wanted=False)
        assert await org.bounded(org.name)
        await uninstall(plane.api, HNC)
        await eventually(org.total, wanted=of(PRO, 1))


async def test_a_hierarchical_quota_is_changed_and_goes_with_the_order(plane: Plane) -> None:
    if not await served(plane.api, HNC):
        await install(plane.api, HNC)
    async with at_work(plane, "web", backend=BackendChoice.AUTO) as (work, org):
        tenant = await made(work, org)
        whole = await plane.api.get(HRQ.format(org.name))
        assert read(whole["spec"]["hard"]) == of(PRO, 1)
        assert whole["metadata"]["labels"]["billing.kube-dc.com/plan-id"] == "pro-pool"
        assert (await plane.api.call("GET", QUOTA.format(org.name)))[0] == 404
        await work.take(org.name, 2, capacity=SIX_PODS)
        await work.until(tenant, is_ready(2))
        assert (await plane.api.get(HRQ.format(org.name)))["spec"]["hard"]["pods"] == "6"
        await work.take(org.name, 3, OrderedPhase.DELETED)
        await work.until(tenant, lambda one: one.phase is TenantPhase.DELETED)
        assert (await plane.api.call("GET", HRQ.format(org.name)))[0] == 404


async def test_hnc_itself_holds_all_projects_together_to_the_cap(plane: Plane) -> None:
    if not await served(plane.api, HNC) or plane.faults is not None:
        pytest.skip("no HNC runs here")
    async with at_work(plane, "web", "api", backend=BackendChoice.AUTO) as (work, org):
        for project in org.projects:
            path = f"/apis/hnc.x-k8s.io/v1alpha2/namespaces/{org.name}-{project}"
            body = {"metadata": {"name": "hierarchy"}, "spec": {"parent": org.name}}
            code, told = await plane.api.call(
                "POST",
                f"{path}/hierarchyconfigurations",
                {"apiVersion": "hnc.x-k8s.io/v1alpha2", "kind": "HierarchyConfiguration", **body},
            )
            assert code == 201, told
        plain = replace(PRO, quota={"pods": "4"}, overhead_per_project={})
        await made(work, org, capacity=plain)
        for project in org.projects:
            await plane.api.until_there(
                f"/api/v1/namespaces/{org.name}-{project}/resourcequotas/hrq.hnc.x-k8s.io"
            )
        refused = 0
        while refused < 10:
            for project in org.projects:
                refused = 0 if await org.pod(f"{org.name}-{project}") else refused + 1
        assert await org.running() == 4


async def test_a_cluster_without_the_kinds_still_serves_namespaces(plane: Plane) -> None:
    async with at_work(plane, "web") as (work, org):
        tenant = await made(work, org)
        await uninstall(plane.api, KUBE_DC)
        await work.until(tenant, lambda _: not work.organizations.look(org.name).served)
        assert work.organizations.ready
        other = await work.world.take(work.world.order(account=plane.account(1)))
        work.tenants.append(other.id)
        await work.until(other, is_ready())
