"""Rules 10, 11 and 13 of organizations: older deletions, other accounts, what was just made."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from services.provisioner.domain import OrderedPhase
from services.provisioner.errors import OrganizationTaken
from services.provisioner.objects import Live, Ref
from services.provisioner.organization.manifests import limits_ref
from tests.fakes.provisioner import MemoryCluster
from tests.unit.provisioner.organizations import (
    ORG,
    annotations,
    org_order,
    organization,
    put,
    total,
)
from tests.unit.provisioner.world import World


async def test_a_deletion_that_is_older_than_the_cluster_takes_no_quota_away() -> None:
    world = World()
    organization(world.cluster, ORG, "web")
    await world.make(org_order(9))
    before = total(world)
    # A restore from a backup without a new epoch: the rows are older than what stands.
    restored = World(cluster=world.cluster)
    await restored.take(org_order(1))
    tenant = await restored.take(org_order(2, OrderedPhase.DELETED))
    await restored.run(tenant)
    assert (before, "delete" in world.cluster.verbs()) == (total(world), False)
    assert annotations(world)["subscription"] == "active"


async def test_the_end_of_an_account_that_never_had_it_leaves_an_organization_alone() -> None:
    world = World()
    organization(world.cluster, ORG, "web")
    await world.make(org_order())
    before = total(world)
    other = await world.take(org_order(9, account="acc_0002"))
    with pytest.raises(OrganizationTaken):
        await world.run(other)
    other = await world.take(org_order(10, OrderedPhase.DELETED, account="acc_0002"))
    await world.run(other)
    assert (before, "delete" in world.cluster.verbs()) == (total(world), False)
    assert annotations(world)["subscription"] == "active"


@dataclass
class Busy(MemoryCluster):
    """A cluster in which somebody makes an object just before the first one is read."""

    makes: Callable[[], object] | None = None

    async def get(self, ref: Ref, *, timeout: float, since: str = "") -> Live | None:
        makes, self.makes = self.makes, None
        if makes is not None:
            makes()
        return await super().get(ref, timeout=timeout, since=since)


async def test_limits_that_a_person_made_a_moment_ago_are_left_alone() -> None:
    cluster, own = Busy(), limits_ref("acme-web")
    world = World(cluster=cluster)
    organization(cluster, ORG, "web")
    cluster.makes = lambda: put(cluster, own, {"spec": {"limits": [{"type": "Pod"}]}})
    await world.make(org_order())
    assert cluster.at(own).content["spec"] == {"limits": [{"type": "Pod"}]}
