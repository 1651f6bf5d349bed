"""Nothing is taken away for an order that is not in force any more."""

import pytest

from services.provisioner.domain import OrderedPhase
from tests.fakes.faulty_cluster import FaultyCluster
from tests.unit.provisioner.world import World, order


@pytest.mark.parametrize("before", [True, False])
async def test_a_worker_that_slept_through_the_end_of_a_suspension_puts_nobody_out(
    before: bool,
) -> None:
    world = World()
    tenant = await world.make(order(1))
    await world.take(order(2, OrderedPhase.SUSPENDED))

    async def paid_again() -> None:
        await world.take(order(3))

    await world.run(tenant, FaultyCluster(world.cluster, 0, paid_again, before))
    assert ("delete", "RoleBinding") not in [(verb, ref.kind) for verb, ref in world.cluster.calls]
    assert world.owner(tenant) is not None
