"""The trace of a payment goes on over the queue, to what is made in the cluster for it (B9)."""

from dataclasses import dataclass, field

from services.chassis.telemetry import current_trace_id, remote_span
from services.provisioner.domain import JsonObject
from services.provisioner.objects import Live
from services.provisioner.servicer import Desk, OrderIntake
from tests.fakes.provisioner import TENANT_ROWS, MemoryCluster
from tests.unit.provisioner.test_usecases import fact, message
from tests.unit.provisioner.world import World, order

TRACE, LATER = "0af7651916cd43dd8448eb211c80319c", "11111111111111111111111111111111"


def parent(trace: str) -> str:
    return f"00-{trace}-b7ad6b7169203331-01"


@dataclass
class Traced(MemoryCluster):
    """A cluster that notes in which trace it was written to."""

    traces: set[str] = field(default_factory=set)

    async def create(self, wanted: JsonObject, *, timeout: float) -> Live:
        self.traces.add(current_trace_id())
        return await super().create(wanted, timeout=timeout)


async def test_an_order_is_kept_with_the_trace_that_it_came_in() -> None:
    world = World()
    intake = OrderIntake(Desk(world.tx, world.cluster, world.names, world.ids, world.clock))
    with remote_span(parent(TRACE), "fact"):
        await intake.take(fact(message().SerializeToString()), "subscription")
    (tenant,) = world.db.committed(TENANT_ROWS).values()
    assert tenant.order.traceparent.split("-")[1] == TRACE


async def test_what_an_order_makes_is_of_its_trace_and_what_is_repaired_later_is_not() -> None:
    cluster = Traced()
    world = World(cluster=cluster)
    tenant = await world.make(order(1, traceparent=parent(TRACE)))
    assert cluster.traces == {TRACE}
    assert tenant.observed_generation == 1
    cluster.traces.clear()
    deployment = world.deployment(tenant)
    del cluster.stored[deployment.ref]
    await world.run(tenant)
    assert cluster.traces
    assert TRACE not in cluster.traces
    cluster.traces.clear()
    await world.take(order(2, traceparent=parent(LATER)))
    del cluster.stored[deployment.ref]
    await world.run(tenant)
    assert cluster.traces == {LATER}
