"""Organizations of which a replica has not heard everything: what stands counts all the same."""

from dataclasses import replace
from typing import Any

import pytest

from services.provisioner import naming
from services.provisioner.errors import ClusterTimeout, ObjectChanged, Superseded
from services.provisioner.objects import Live, Ref
from services.provisioner.organization import hard as hard_limits
from services.provisioner.organization.manifests import limits_ref, quota_ref
from services.provisioner.organization.settings import OrganizationSettings
from tests.fakes.provisioner import MemoryCluster
from tests.unit.provisioner.organization_support import again, equal_claims, world
from tests.unit.provisioner.organizations import (
    ORG,
    PRO,
    hard,
    namespace,
    org_order,
    organization,
    project,
    put,
    total,
    use,
)
from tests.unit.provisioner.world import World

__all__ = ["equal_claims", "world"]

AS_IS = OrganizationSettings()
WEB, API = f"{ORG}-web", f"{ORG}-api"
WHOLE = hard_limits.running(PRO, 2, AS_IS)
LISTED = ("list", Ref("v1", "ResourceQuota", "", ""))


def not_hear_of(world: World, place: str, *, quota_too: bool) -> None:
    """Let the view know nothing of a project; nor, if asked for, of our objects in it."""
    world.organizations.unheard.add(place)
    if quota_too:
        world.view.freeze()
        known = world.view.frozen or {}
        world.view.frozen = {ref: live for ref, live in known.items() if ref.namespace != place}


def hear_everything(world: World) -> None:
    world.organizations.unheard.clear()
    world.view.frozen = None


def enforced(world: World, *places: str) -> None:
    for place in places:
        use(world, place)


async def divided(world: World) -> Any:
    """Return a tenant of which one project holds most."""
    tenant = await world.make(org_order())
    for _ in range(2):
        enforced(world, ORG, API)
        use(world, WEB, pods="150")
        tenant = await again(world, tenant)
    assert (hard(world, WEB)["pods"], total(world)["pods"]) == (166, 200)
    return tenant


@pytest.mark.parametrize("quota_too", [False, True], ids=["project", "project and quota"])
async def test_a_project_that_was_not_heard_of_keeps_what_it_holds(
    world: World, quota_too: bool
) -> None:
    tenant = await divided(world)
    enforced(world, ORG, API)
    before = {place: hard(world, place) for place in (ORG, WEB, API)}
    not_hear_of(world, WEB, quota_too=quota_too)
    world.cluster.calls.clear()
    await again(world, tenant)
    assert {place: hard(world, place) for place in (ORG, WEB, API)} == before
    assert limits_ref(WEB) in world.cluster.stored
    assert not {"delete", "apply", "create"} & set(world.cluster.verbs())


async def test_once_it_is_heard_of_everything_is_divided_with_it(world: World) -> None:
    tenant = await divided(world)
    not_hear_of(world, WEB, quota_too=True)
    await again(world, tenant)
    hear_everything(world)
    for _ in range(2):
        use(world, WEB, pods="20")
        enforced(world, ORG, API)
        await again(world, tenant)
    assert total(world) == WHOLE
    assert hard(world, WEB)["pods"] == 20 + 60


async def test_a_new_project_gets_its_part_beside_one_that_was_not_heard_of(world: World) -> None:
    tenant = await divided(world)
    place = project(world.cluster, "new")
    not_hear_of(world, WEB, quota_too=True)
    for _ in range(3):
        await again(world, tenant)
        assert total(world)["pods"] <= 200
        enforced(world, ORG, API, place)
        use(world, WEB, pods="150")
    assert hard(world, place)["pods"] > 0
    assert hard(world, WEB)["pods"] >= 150
    assert total(world) == hard_limits.running(PRO, 3, AS_IS)


async def test_what_stands_where_no_project_is_any_more_goes_before_others_grow(
    world: World,
) -> None:
    tenant = await divided(world)

    def leave(stored: dict[str, Any]) -> None:
        stored["metadata"]["labels"] = {}

    world.cluster.edit(Ref("v1", "Namespace", "", WEB), leave)
    # Not heard of as ours either: only the list tells of it.
    not_hear_of(world, WEB, quota_too=True)
    enforced(world, ORG, API)
    world.cluster.calls.clear()
    await again(world, tenant)
    calls = world.cluster.calls
    grown = [calls.index(call) for call in calls if call[0] == "apply" and call[1].namespace == ORG]
    assert calls.index(("delete", quota_ref(WEB))) < min(grown)
    assert total(world) == hard_limits.running(PRO, 1, AS_IS)


async def test_nothing_grows_if_the_cluster_does_not_say_what_stands(world: World) -> None:
    tenant = await divided(world)
    not_hear_of(world, WEB, quota_too=True)
    enforced(world, ORG, API)
    before = total(world)
    with pytest.raises(ClusterTimeout):
        await world.run(tenant, Silent(world.cluster))
    assert total(world) == before


async def test_a_quota_of_a_newer_order_is_told_of_too_and_nothing_grows(world: World) -> None:
    tenant = await divided(world)
    not_hear_of(world, WEB, quota_too=True)
    enforced(world, ORG, API)

    def newer(stored: dict[str, Any]) -> None:
        stored["metadata"]["annotations"][naming.ANNOTATION_GENERATION] = "9"

    world.cluster.edit(quota_ref(WEB), newer)
    before = total(world)
    with pytest.raises(Superseded, match=r"plan-quota is of a newer order"):
        await world.run(tenant)
    assert total(world) == before


async def test_who_finds_more_each_time_leaves_it_to_a_later_run(world: World) -> None:
    tenant = await divided(world)
    not_hear_of(world, WEB, quota_too=True)
    enforced(world, ORG, API)
    growing = Growing(world)
    with pytest.raises(ObjectChanged, match="projects of acme keep changing"):
        await world.run(tenant, growing)
    assert growing.made == 3


async def test_who_only_lowers_or_has_nothing_to_do_lists_nothing(world: World) -> None:
    tenant = await divided(world)
    enforced(world, ORG, API)
    world.cluster.calls.clear()
    await again(world, tenant)
    assert world.cluster.calls == []
    smaller = replace(PRO, quota={**PRO.quota, "pods": "160", "cpu": "2"})
    await world.take(org_order(2, capacity=smaller))
    await again(world, tenant)
    assert "apply" in world.cluster.verbs()
    assert LISTED not in world.cluster.calls


@pytest.mark.parametrize("quota_too", [False, True], ids=["project", "project and quota"])
async def test_no_address_is_let_in_because_those_in_use_were_not_heard_of(
    world: World, quota_too: bool
) -> None:
    address = Ref("kube-dc.com/v1", "EIp", WEB, "ip-1")
    put(world.cluster, address, {"spec": {"externalNetworkType": "public"}})
    tenant = await world.make(org_order())
    places = {ORG, WEB, API}
    assert world.organizations.look(ORG).shut == places
    not_hear_of(world, WEB, quota_too=quota_too)
    await again(world, tenant)
    hear_everything(world)
    assert world.organizations.look(ORG).shut == places
    world.cluster.remove(address)
    await again(world, tenant)
    assert world.organizations.look(ORG).shut == frozenset()


async def test_namespaces_of_others_are_none_of_the_organizations(world: World) -> None:
    tenant = await divided(world)
    organization(world.cluster, "other", "shop")
    namespace(world.cluster, "kube-dc")
    world.organizations.unheard.add("other-shop")
    enforced(world, ORG, API)
    await again(world, tenant)
    assert quota_ref("other-shop") not in world.cluster.stored
    assert total(world) == WHOLE


class Silent:
    """A cluster that does not answer a list."""

    def __init__(self, cluster: MemoryCluster) -> None:
        self._cluster = cluster

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cluster, name)

    async def list_labelled(self, *_args: str, timeout: float) -> list[Live]:
        raise ClusterTimeout("The API server did not answer in time.")


class Growing:
    """A cluster in which before each list another project came, with a quota of ours in it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.made = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world.cluster, name)

    async def list_labelled(self, *args: str, timeout: float) -> Any:
        self.made += 1
        place = project(self._world.cluster, f"new-{self.made}")
        self._world.organizations.unheard.add(place)
        content = self._world.cluster.at(quota_ref(WEB)).content
        metadata = {key: content["metadata"][key] for key in ("labels", "annotations")}  # type: ignore[index,call-overload]  # a mapping
        put(self._world.cluster, quota_ref(place), {"spec": {"hard": {"pods": "0"}}}, **metadata)
        return await self._world.cluster.list_labelled(*args, timeout=timeout)
