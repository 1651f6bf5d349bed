"""K4: an organization's namespaces say when no new public address is to be made in them."""

from dataclasses import replace
from typing import Any

import pytest

from services.provisioner import naming
from services.provisioner.domain import NothingCapacity, OrderedPhase
from services.provisioner.errors import OrganizationTaken
from services.provisioner.objects import Ref
from services.provisioner.organization.addresses import FULL
from services.provisioner.plan import Action
from tests.unit.provisioner.organizations import (
    ORG,
    PRO,
    org_order,
    organization,
    project,
    put,
    suspended,
)
from tests.unit.provisioner.test_crashes import die, kill
from tests.unit.provisioner.test_organization_desk import preview
from tests.unit.provisioner.world import World

PLACES = (ORG, "acme-web")
_LONGEST = 30


@pytest.fixture
def world() -> World:
    found = World()
    organization(found.cluster, ORG, "web")
    return found


def address(world: World, name: str, kind: str = "public", place: str = "acme-web") -> Ref:
    """Let an address stand."""
    ref = Ref("kube-dc.com/v1", "EIp", place, name)
    put(world.cluster, ref, {"spec": {"externalNetworkType": kind}})
    return ref


def says(world: World) -> list[str]:
    """Return what each namespace says."""
    found = [world.cluster.at(Ref("v1", "Namespace", "", place)) for place in PLACES]
    return [live.label(naming.LABEL_PUBLIC_ADDRESSES) for live in found]


async def test_the_last_address_that_is_allowed_shuts_all_namespaces_and_its_end_opens_them(
    world: World,
) -> None:
    tenant = await world.make(org_order())
    address(world, "inside", "cloud")
    await world.run(tenant)
    assert says(world) == ["", ""]
    last = address(world, "one")
    await world.run(tenant)
    assert says(world) == [FULL, FULL]
    world.cluster.calls.clear()
    await world.run(tenant)
    assert world.cluster.calls == []
    world.cluster.remove(last)
    await world.run(tenant)
    assert says(world) == ["", ""]


async def test_who_does_not_pay_gets_none_and_gets_them_again_once_it_pays(world: World) -> None:
    await world.make(org_order())
    await world.make(org_order(2, OrderedPhase.SUSPENDED, subscription=suspended()))
    assert says(world) == [FULL, FULL]
    await world.make(org_order(3))
    assert says(world) == ["", ""]


async def test_a_plan_without_such_a_limit_shuts_nothing_until_it_is_not_paid(
    world: World,
) -> None:
    unlimited = replace(PRO, public_ips=None)
    address(world, "one")
    await world.make(org_order(capacity=unlimited))
    assert says(world) == ["", ""]
    told = org_order(2, OrderedPhase.SUSPENDED, subscription=suspended(), capacity=unlimited)
    await world.make(told)
    assert says(world) == [FULL, FULL]


async def test_a_project_that_comes_to_a_full_organization_is_shut_too(world: World) -> None:
    tenant = await world.make(org_order())
    address(world, "one")
    place = project(world.cluster, "late")
    await world.run(tenant)
    live = world.cluster.at(Ref("v1", "Namespace", "", place))
    assert live.label(naming.LABEL_PUBLIC_ADDRESSES) == FULL


@pytest.mark.parametrize("phase", [OrderedPhase.RUNNING, OrderedPhase.DELETED])
async def test_without_a_plan_nothing_is_left_of_it(world: World, phase: OrderedPhase) -> None:
    address(world, "one")
    await world.make(org_order())
    assert says(world) == [FULL, FULL]
    nothing = NothingCapacity() if phase is OrderedPhase.RUNNING else PRO
    await world.make(org_order(2, phase, capacity=nothing))
    assert says(world) == ["", ""]


async def test_another_account_opens_nothing(world: World) -> None:
    address(world, "one")
    await world.make(org_order())
    other = await world.take(org_order(9, capacity=replace(PRO, public_ips=9), account="acc_0002"))
    with pytest.raises(OrganizationTaken):
        await world.run(other)
    await world.make(org_order(10, OrderedPhase.DELETED, account="acc_0002"))
    assert says(world) == [FULL, FULL]


async def test_a_namespace_that_is_another_organizations_by_now_is_left_alone(
    world: World,
) -> None:
    await world.make(org_order())
    address(world, "one", place=ORG)
    kept = world.ways.view.look(ORG)
    world.organizations.look = lambda name: kept  # type: ignore[method-assign] # heard before
    place = Ref("v1", "Namespace", "", "acme-web")

    def moved(stored: dict[str, Any]) -> None:
        stored["metadata"]["annotations"][naming.PROJECT] = "other/web"

    world.cluster.edit(place, moved)
    (tenant,) = world.db.tables["tenants"].values()
    await world.run(tenant)
    assert says(world) == [FULL, ""]


@pytest.mark.parametrize(
    ("call", "before"), [(n, before) for n in range(_LONGEST) for before in (True, False)]
)
async def test_a_death_at_any_request_is_made_good(call: int, before: bool) -> None:
    world = World()
    organization(world.cluster, ORG, "web")
    address(world, "one")
    tenant = await world.take(org_order())
    await die(world, tenant.id, call, before=before, how=kill)
    await world.run(tenant)
    assert says(world) == [FULL, FULL]


async def test_an_order_tells_that_it_would_shut_them(world: World) -> None:
    await world.make(org_order())
    told = await preview(world, org_order(2, OrderedPhase.SUSPENDED, subscription=suspended()))
    assert (Action.UPDATE, Ref("v1", "Namespace", "", "acme-web")) in told
