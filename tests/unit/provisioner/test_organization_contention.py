"""What others write on an organization's objects is waited for, and not for ever."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from services.provisioner.domain import OrderedPhase, SubscriptionState
from services.provisioner.errors import ObjectChanged
from services.provisioner.objects import Ref
from services.provisioner.organization.manifests import limits_ref, organization_ref, quota_ref
from tests.unit.provisioner.contention import Busy, run
from tests.unit.provisioner.organization_support import world
from tests.unit.provisioner.organizations import ORG, PRO, annotations, org_order, suspended
from tests.unit.provisioner.world import World

__all__ = ["world"]

WEB = f"{ORG}-web"
LARGER = replace(
    PRO,
    quota={**PRO.quota, "pods": "500"},
    container=replace(PRO.container, default_limits={"cpu": "1", "memory": "1Gi"}),
)
GONE = org_order(2, OrderedPhase.DELETED, subscription=suspended(SubscriptionState.CANCELED))
WRITTEN: tuple[tuple[str, Callable[[], Ref]], ...] = (
    ("the annotations", lambda: organization_ref(ORG)),
    ("the quota", lambda: quota_ref(WEB)),
    ("the bounds of containers", lambda: limits_ref(WEB)),
)


@pytest.mark.parametrize("ref", [ref for _, ref in WRITTEN], ids=[name for name, _ in WRITTEN])
async def test_who_writes_for_a_while_is_waited_for(world: World, ref: Callable[[], Ref]) -> None:
    tenant = await world.make(org_order())
    await world.take(org_order(2, capacity=LARGER, plan="kube-dc/scale-pool"))
    took = await run(world, tenant, Busy(world, ref(), 6))
    assert 0.1 < took < 2
    assert world.tenant(tenant.id).observed_generation == 2
    assert annotations(world)["plan-id"] == "scale-pool"


async def test_who_never_rests_leaves_the_organization_to_a_later_run(world: World) -> None:
    tenant = await world.make(org_order())
    await world.take(org_order(2, plan="kube-dc/scale-pool"))
    with pytest.raises(ObjectChanged, match=f"Organization {ORG} keeps changing"):
        await run(world, tenant, Busy(world, organization_ref(ORG), 1000))
    await world.run(tenant)
    assert annotations(world)["plan-id"] == "scale-pool"


@pytest.mark.parametrize("ref", [quota_ref(WEB), limits_ref(WEB)], ids=["quota", "bounds"])
async def test_what_is_to_go_goes_though_others_write_on_it(world: World, ref: Ref) -> None:
    tenant = await world.make(org_order())
    await world.take(GONE)
    took = await run(world, tenant, Busy(world, ref, 6))
    assert 0.1 < took < 2
    assert world.cluster.read(ref) is None
