"""The loops: what a run says of itself, what is queued when, and what is done while things fail."""

import asyncio
from datetime import timedelta

import pytest
import structlog
from structlog.testing import capture_logs

from services.chassis.clock import SystemClock
from services.chassis.metrics import Metrics
from services.chassis.queue import Again, Done, Job, Lease
from services.provisioner.domain import OrderedPhase, TenantPhase
from services.provisioner.errors import ClusterUnavailable
from services.provisioner.kube.cache import Heard
from services.provisioner.kube.writes import OwnWrites
from services.provisioner.worker import DriftFeed, TenantWorker, resync
from tests.fakes.faulty_cluster import FaultyCluster
from tests.fakes.memory_db import CommitFate
from tests.fakes.memory_queue import QUEUE
from tests.unit.provisioner.world import World, order, until


@pytest.fixture
def world() -> World:
    return World()


def job(world: World, tenant_id: str) -> Job:
    async def holds(_conn: object) -> bool:
        return True

    return Job(tenant_id, 1, 1, 0, Lease(world.clock, world.clock.monotonic() + 30, holds))


def keys(world: World) -> list[str]:
    return sorted(key for _, key in world.db.committed(QUEUE))


async def test_readiness_is_told_once_with_how_long_the_payment_waited(world: World) -> None:
    received = world.clock.now() - timedelta(seconds=0.3)
    tenant = await world.take(order(receive_time=received))
    metrics = Metrics()
    worker = TenantWorker(world.reconciler(), metrics)
    structlog.reset_defaults()
    with capture_logs() as logs:
        assert await worker.handle(job(world, tenant.id)) == Done()
        assert await worker.handle(job(world, tenant.id)) == Done()
    (said,) = [line for line in logs if line["event"] == "tenant ready"]
    assert said["since_received_ms"] == 300.0
    assert said["tenant"] == tenant.id
    hops = ("claimed", "fenced", "isolated", "workloads", "settled")
    assert all(f"{hop}_ms" in said for hop in hops)
    text = metrics.text().decode()
    assert "tollgate_payment_to_ready_seconds_count 1.0" in text
    assert 'tollgate_reconcile_total{outcome="done"} 2.0' in text


async def test_a_deletion_under_way_is_looked_at_again(world: World) -> None:
    tenant = await world.make(order())
    world.cluster.slow_deletion = True
    await world.take(order(2, OrderedPhase.DELETED))
    worker = TenantWorker(world.reconciler(), Metrics())
    assert isinstance(await worker.handle(job(world, tenant.id)), Again)


async def test_a_cluster_that_is_away_leaves_the_tenant_as_it_is(world: World) -> None:
    tenant = await world.take(order())

    async def away() -> None:
        raise ClusterUnavailable("no route")

    metrics = Metrics()
    faulty = FaultyCluster(world.cluster, 0, away, before=True)
    with pytest.raises(ClusterUnavailable):
        await TenantWorker(world.reconciler(faulty), metrics).handle(job(world, tenant.id))
    assert world.tenant(tenant.id).phase is TenantPhase.PROGRESSING
    assert 'outcome="CLUSTER_UNAVAILABLE"' in metrics.text().decode()


async def test_events_gather_while_the_database_is_away(world: World) -> None:
    losses = iter([CommitFate.LOST_BEFORE] * 3)
    world.db.fate = lambda: next(losses, CommitFate.COMMITTED)
    world.db.clock = SystemClock()
    feed = DriftFeed(world.tx, OwnWrites(), SystemClock(), settle=0.001)
    async with asyncio.TaskGroup() as tasks:
        run = tasks.create_task(feed.run())
        for name in ("ten_a", "ten_b", "ten_a"):
            feed.hear(Heard(name, "1", deleted=False))
        await until(lambda: keys(world) == ["ten_a", "ten_b"])
        run.cancel()


async def test_every_tenant_is_looked_at_when_the_process_starts_and_then_at_times(
    world: World,
) -> None:
    tenants = [await world.make(order(account=f"acc_{n}")) for n in range(3)]
    world.db.tables["reconcile_queue"].clear()
    async with asyncio.TaskGroup() as tasks:
        run = tasks.create_task(resync(world.tx, world.clock, every=60.0))
        wanted = sorted(tenant.id for tenant in tenants)
        await until(lambda: keys(world) == wanted)
        world.db.tables["reconcile_queue"].clear()
        for _ in range(10):
            await asyncio.sleep(0)
        assert keys(world) == []
        world.pass_time(61.0)
        await until(lambda: keys(world) == wanted)
        run.cancel()


async def test_the_first_look_waits_until_the_cluster_was_listed(world: World) -> None:
    tenant = await world.make(order(account="acc_1"))
    world.db.tables["reconcile_queue"].clear()
    listed = asyncio.Event()

    async def ready() -> None:
        await listed.wait()

    async with asyncio.TaskGroup() as tasks:
        run = tasks.create_task(resync(world.tx, world.clock, 60.0, ready))
        for _ in range(10):
            await asyncio.sleep(0)
        assert keys(world) == []
        listed.set()
        await until(lambda: keys(world) == [tenant.id])
        run.cancel()
