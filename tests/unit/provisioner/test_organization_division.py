"""Organizations: how a cap is divided over projects, and what enforces it."""

from typing import Any

import pytest

from services.provisioner.domain import (
    TenantPhase,
)
from services.provisioner.objects import Ref, section
from services.provisioner.organization import hard as hard_limits
from services.provisioner.organization.manifests import (
    hierarchical_ref,
    limits_ref,
    quota_ref,
)
from services.provisioner.organization.settings import BackendChoice, OrganizationSettings
from tests.fakes.provisioner_views import MemoryLease
from tests.unit.provisioner.organization_support import again, condition, equal_claims, world
from tests.unit.provisioner.organizations import (
    ORG,
    PRO,
    hard,
    org_order,
    organization,
    project,
    total,
    use,
)
from tests.unit.provisioner.world import World

AS_IS = OrganizationSettings()

__all__ = ["equal_claims", "world"]


async def test_a_new_project_gets_its_part_and_one_that_went_leaves_its_own(world: World) -> None:
    tenant = await world.make(org_order())
    place = project(world.cluster, "new")
    await again(world, tenant)
    assert total(world) == hard_limits.running(PRO, 3, AS_IS)
    assert hard(world, place)["pods"] == 50
    world.cluster.remove(Ref("v1", "Namespace", "", place))
    await again(world, tenant)
    assert total(world) == hard_limits.running(PRO, 2, AS_IS)


async def test_a_project_that_is_going_keeps_only_what_it_uses(world: World) -> None:
    tenant = await world.make(org_order())
    use(world, "acme-web", pods="7")

    def delete(stored: dict[str, Any]) -> None:
        stored["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"

    world.cluster.edit(Ref("v1", "Namespace", "", "acme-web"), delete)
    await again(world, tenant)
    assert hard(world, "acme-web")["pods"] == 7
    assert total(world)["pods"] == 200


async def test_a_namespace_that_is_no_project_any_more_loses_its_part(world: World) -> None:
    tenant = await world.make(org_order())

    def leave(stored: dict[str, Any]) -> None:
        stored["metadata"]["labels"] = {}

    world.cluster.edit(Ref("v1", "Namespace", "", "acme-web"), leave)
    await again(world, tenant)
    assert quota_ref("acme-web") not in world.cluster.stored
    assert limits_ref("acme-web") not in world.cluster.stored
    assert total(world) == hard_limits.running(PRO, 1, AS_IS)


async def test_parts_follow_what_is_used(world: World) -> None:
    tenant = await world.make(org_order())
    use(world, "acme-web", pods="60")
    await again(world, tenant)
    assert total(world)["pods"] == 200
    assert hard(world, "acme-web")["pods"] == 60 + 46
    assert hard(world, "acme-api")["pods"] == 47


async def test_usage_alone_divides_no_faster_than_the_pace(world: World) -> None:
    tenant = await world.make(org_order())
    reconciler = world.reconciler()
    use(world, "acme-web", pods="60")
    await reconciler.reconcile(tenant.id, MemoryLease())
    assert hard(world, "acme-web")["pods"] == 106
    use(world, "acme-web", pods="100")
    result = await reconciler.reconcile(tenant.id, MemoryLease())
    assert result is not None
    assert result.again == pytest.approx(1.0)
    assert hard(world, "acme-web")["pods"] == 106
    world.pass_time(1)
    await reconciler.reconcile(tenant.id, MemoryLease())
    assert hard(world, "acme-web")["pods"] == 133


async def test_a_part_that_somebody_enlarged_is_taken_back_at_once(world: World) -> None:
    tenant = await world.make(org_order())

    def more(stored: dict[str, Any]) -> None:
        stored["spec"]["hard"]["pods"] = "1000"

    world.cluster.edit(quota_ref("acme-web"), more)
    await world.run(tenant)
    assert total(world)["pods"] == 200


async def test_room_that_the_cluster_did_not_free_yet_is_not_given_away(world: World) -> None:
    tenant = await world.make(org_order())
    for place in (ORG, "acme-web", "acme-api"):
        use(world, place)
    use(world, "acme-web", pods="60")
    # The status of the others still says the larger part, as it does until it is looked at.
    world.pass_time(2)
    result = await world.run(tenant)
    assert result is not None
    assert result.again == 0.5
    assert hard(world, "acme-web")["pods"] == 66
    assert total(world)["pods"] < 200
    noted = world.tenant(tenant.id)
    assert (noted.phase, condition(noted, "QuotaBound")[0]) == (TenantPhase.READY, "False")
    for place in (ORG, "acme-api"):
        use(world, place)
    world.pass_time(2)
    await world.run(tenant)
    assert total(world)["pods"] == 200
    assert hard(world, "acme-web")["pods"] == 106
    assert condition(world.tenant(tenant.id), "QuotaBound")[0] == "True"


async def test_a_hierarchical_quota_takes_over_and_gives_back_without_an_orphan(
    world: World,
) -> None:
    tenant = await world.make(org_order())
    world.organizations.hierarchical_served = True
    await again(world, tenant)
    whole = world.cluster.at(hierarchical_ref(ORG))
    assert section(whole.content, "spec", "hard")["pods"] == "200"
    assert world.cluster.of_kind("ResourceQuota") == []
    assert [live.ref for live in world.cluster.of_kind("LimitRange")] == [limits_ref(ORG)]

    world.organizations.hierarchical_served = False
    world.cluster.remove(hierarchical_ref(ORG))
    await again(world, tenant)
    assert total(world) == hard_limits.running(PRO, 2, AS_IS)


async def test_the_old_backend_goes_only_when_the_new_one_stands(world: World) -> None:
    tenant = await world.make(org_order())
    world.organizations.hierarchical_served = True
    world.cluster.calls.clear()
    await again(world, tenant)
    calls = world.cluster.calls
    made = calls.index(("create", hierarchical_ref(ORG)))
    assert made < min(place for place, (verb, _) in enumerate(calls) if verb == "delete")


async def test_native_quotas_can_be_asked_for_where_hierarchical_ones_are_served() -> None:
    world = World(settings=OrganizationSettings(backend=BackendChoice.NATIVE))
    organization(world.cluster, ORG, "web")
    world.organizations.hierarchical_served = True
    await world.make(org_order())
    assert total(world) == hard_limits.running(PRO, 1, AS_IS)
