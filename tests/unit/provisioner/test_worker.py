"""The loops: what a run says of itself, what is queued when, and what is done while things fail."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
import structlog
from structlog.testing import capture_logs

from services.chassis.clock import SystemClock
from services.chassis.metrics import Metrics
from services.chassis.queue import Again, Done, Job, Lease
from services.provisioner import isolation
from services.provisioner.domain import OrderedPhase, TenantPhase
from services.provisioner.errors import ClusterUnavailable
from services.provisioner.kube.cache import Heard
from services.provisioner.kube.writes import OwnWrites
from services.provisioner.ports import AT_ONCE
from services.provisioner.worker import _MOST_RESTS, DriftFeed, TenantWorker, _Changes, resync
from tests.fakes.faulty_cluster import FaultyCluster
from tests.fakes.memory_db import CommitFate
from tests.fakes.memory_queue import QUEUE
from tests.unit.provisioner.world import World, of_nobody, order, until


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
        run = tasks.create_task(feed.run(of_nobody))
        for name in ("ten_a", "ten_b", "ten_a"):
            feed.hear(Heard(name, isolation.owner_ref(name), "1", deleted=False))
        await until(lambda: keys(world) == ["ten_a", "ten_b"])
        run.cancel()


async def test_every_tenant_is_looked_at_when_the_process_starts_and_then_at_times(
    world: World,
) -> None:
    tenants = [await world.make(order(account=f"acc_{n}")) for n in range(3)]
    world.db.tables["reconcile_queue"].clear()
    async with asyncio.TaskGroup() as tasks:
        run = tasks.create_task(resync(world.tx, world.clock, 60.0, of_nobody))
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
        run = tasks.create_task(resync(world.tx, world.clock, 60.0, of_nobody, ready))
        for _ in range(10):
            await asyncio.sleep(0)
        assert keys(world) == []
        listed.set()
        await until(lambda: keys(world) == [tenant.id])
        run.cancel()


async def test_a_look_at_all_queues_only_who_does_not_stand_as_ordered(world: World) -> None:
    await world.make(order(account="acc_stands"))
    late = await world.take(order(account="acc_ordered"))
    edited = await world.make(order(account="acc_edited"))
    del world.cluster.stored[isolation.owner_ref(edited.namespace)]
    world.db.tables["reconcile_queue"].clear()
    async with asyncio.TaskGroup() as tasks:
        looks = resync(world.tx, world.clock, 60.0, world.reconciler().stands)
        run = tasks.create_task(looks)
        await until(lambda: keys(world) == sorted([late.id, edited.id]))
        run.cancel()


async def test_nobody_stands_as_ordered_before_the_cluster_was_listed(world: World) -> None:
    tenant = await world.make(order())
    assert world.reconciler().stands(tenant)
    world.view.ready = False
    assert not world.reconciler().stands(tenant)


async def test_who_was_deleted_or_has_something_to_say_needs_a_run(world: World) -> None:
    tenant = await world.make(order())
    reconciler = world.reconciler()
    assert not reconciler.stands(replace(tenant, phase=TenantPhase.FAILED))
    assert not reconciler.stands(replace(tenant, uid="of-another"))
    assert not reconciler.stands(await world.take(order(2, OrderedPhase.SUSPENDED)))
    assert not reconciler.stands(await world.take(order(3, OrderedPhase.DELETED)))


async def test_what_was_heard_of_a_tenant_that_stands_as_ordered_is_not_queued(
    world: World,
) -> None:
    stands = await world.make(order(account="acc_stands"))
    edited = await world.make(order(account="acc_edited"))
    del world.cluster.stored[isolation.owner_ref(edited.namespace)]
    world.db.tables["reconcile_queue"].clear()
    world.db.clock = SystemClock()
    feed = DriftFeed(world.tx, OwnWrites(), SystemClock(), settle=0.001)
    async with asyncio.TaskGroup() as tasks:
        run = tasks.create_task(feed.run(world.reconciler().stands))
        for tenant in (stands, edited):
            feed.hear(Heard(tenant.id, isolation.owner_ref(tenant.namespace), "1", deleted=False))
        await until(lambda: keys(world) == [edited.id])
        run.cancel()


def test_who_is_heard_of_again_and_again_rests_but_not_without_end() -> None:
    basket = _Changes(0.05, AT_ONCE)
    assert basket.due({"ten_once"}) == set()
    assert basket.due({"ten_busy"}) == {"ten_once"}
    told = [basket.due({"ten_busy"}) for _ in range(_MOST_RESTS)]
    assert told == [set()] * (_MOST_RESTS - 1) + [{"ten_busy"}]
