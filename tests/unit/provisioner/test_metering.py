"""What tenants use: measured by one replica at a time, told by the hour."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from services.chassis.config import Env
from services.pricing.costs.convert import from_use_fact
from services.provisioner.config import read_config
from services.provisioner.convert.usage import to_use_fact
from services.provisioner.errors import ClusterUnavailable
from services.provisioner.kube.held import HeldPlaces
from services.provisioner.kube.pod_metrics import summed
from services.provisioner.metering.hours import Held, Metered, Use, UsedHour
from services.provisioner.metering.looking import Meter
from services.provisioner.objects import Live, Ref
from services.provisioner.organization.seen import Project, Seen
from tests.fakes.chassis import ManualClock, MemoryDatabase, MemoryTransactions
from tests.fakes.memory_outbox import OUTBOX
from tests.fakes.provisioner_metering import HOURS, READY, MemoryMeteringStore

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = int(NOON.timestamp()) // 3600
EVERY = 300.0


class World:
    """A cluster's metrics, and the database of the replicas that measure."""

    def __init__(self) -> None:
        self.clock = ManualClock(NOON)
        self.db = MemoryDatabase(self.clock)
        self.metrics: Mapping[str, Use] | None = {}
        self.ready = True
        self.away = False
        self.reads = 0

    async def read(self) -> Mapping[str, Use] | None:
        self.reads += 1
        if self.away:
            raise ClusterUnavailable("The metrics are away.")
        return self.metrics

    def of(self, metered: Metered) -> Held:
        if metered.namespace:
            return Held((metered.namespace,), 5)
        return Held((metered.organization, f"{metered.organization}-web"), None)

    def replica(self) -> Meter:
        tx = MemoryTransactions(self.db, lambda one: MemoryMeteringStore(one, to_use_fact))
        return Meter(tx, self, self, self.clock, EVERY)

    def tenant(self, name: str, namespace: str = "", organization: str = "") -> None:
        self.db.set(READY.name, name, Metered(name, namespace, organization))

    def open_hours(self) -> dict[tuple[str, int], UsedHour]:
        return self.db.committed(HOURS)

    def told(self) -> list[tuple[str, int, int]]:
        facts = [row.fact for _, row in sorted(self.db.committed(OUTBOX).items())]
        hours = [from_use_fact(fact) for fact in facts]
        assert {row.destination for row in self.db.committed(OUTBOX).values()} <= {"pricing"}
        return [(one.tenant, one.hour - HOUR, one.samples) for one in hours]


@pytest.fixture
def world() -> World:
    made = World()
    made.tenant("ten_1", namespace="customer-1")
    return made


async def test_a_tenant_is_what_its_namespaces_use_together(world: World) -> None:
    world.tenant("ten_2", organization="acme")
    world.metrics = {
        "customer-1": Use(10, 100),
        "acme": Use(1, 2),
        "acme-web": Use(30, 40),
        "kube-system": Use(999, 999),
    }
    assert await world.replica().look()
    hours = world.open_hours()
    assert hours["ten_1", HOUR] == UsedHour("ten_1", HOUR, 1, 10, 10, 100, 100, 5)
    assert hours["ten_2", HOUR] == UsedHour("ten_2", HOUR, 1, 31, 31, 42, 42, None)


async def test_a_tenant_without_pods_used_nothing_and_that_is_counted(world: World) -> None:
    await world.replica().look()
    assert world.open_hours()["ten_1", HOUR].cpu_peak == 0


async def test_replicas_take_turns_and_an_hour_that_is_over_is_told_once(world: World) -> None:
    replicas = [world.replica(), world.replica()]
    for _ in range(13):
        looked = await asyncio.gather(*(one.look() for one in replicas))
        assert sorted(looked) == [False, True]
        world.clock.advance(EVERY)
    # Twelve samples at five minutes; the thirteenth is of the next hour.
    assert world.told() == [("ten_1", 0, 12)]
    assert world.reads == 13


async def test_an_hour_is_told_by_whoever_looks_after_its_measurer_died(world: World) -> None:
    await world.replica().look()
    world.clock.advance(3 * 3600)
    await world.replica().look()
    assert world.told() == [("ten_1", 0, 1)]


async def test_a_cluster_without_metrics_is_no_error_and_nothing_is_measured(world: World) -> None:
    world.metrics = None
    assert await world.replica().look()
    assert world.open_hours() == {}


async def test_hours_that_are_over_are_told_though_the_metrics_are_away(world: World) -> None:
    await world.replica().look()
    world.clock.advance(3600)
    world.away = True
    with pytest.raises(ClusterUnavailable):
        await world.replica().look()
    assert world.told() == [("ten_1", 0, 1)]


async def test_before_the_cluster_was_heard_of_nobody_takes_a_turn(world: World) -> None:
    world.ready = False
    assert not await world.replica().look()
    world.ready = True
    assert await world.replica().look()


async def test_the_loop_outlives_metrics_that_are_away(world: World) -> None:
    world.away = True
    loop = asyncio.create_task(world.replica().run())
    async with asyncio.timeout(20):
        while not world.open_hours():
            # The loop gets as far as it can before time goes on.
            for _ in range(50):
                await asyncio.sleep(0)
            world.away = world.reads < 2
            world.clock.advance(EVERY / 4)
    loop.cancel()
    assert world.reads >= 3


def test_means_are_rounded_up() -> None:
    assert UsedHour("t", 1, 3, 4, 2, 1, 1, None).cpu_mean == 2
    assert UsedHour("t", 1, 3, 4, 2, 1, 1, None).memory_mean == 1


def pod(namespace: str, *usage: Mapping[str, str]) -> dict[str, object]:
    containers = [{"name": str(number), "usage": use} for number, use in enumerate(usage)]
    return {"metadata": {"name": "p", "namespace": namespace}, "containers": containers}


def test_containers_are_summed_by_namespace_and_rounded_up() -> None:
    nano, kilo = {"cpu": "1500001n", "memory": "3Ki"}, {"cpu": "2m", "memory": "1"}
    listed = {"items": [pod("a", nano, kilo), pod("a", kilo), pod("b", {}), pod("c")]}
    assert summed(orjson.dumps(listed)) == {"a": Use(6, 3074), "b": Use(0, 0)}


@pytest.mark.parametrize(
    "answer", [b"404 page", b"[]", b"{}", b'{"items": [1]}', b'{"items": [{"metadata": {}}]}']
)
def test_what_is_no_list_of_metrics_is_refused(answer: bytes) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        summed(answer)


class Objects:
    """What was heard of one tenant's objects, and of its organization."""

    ready = True

    def __init__(self, seen: Seen, **used: Mapping[str, str]) -> None:
        self.seen = seen
        self.live = {}
        for name, amounts in used.items():
            ref = Ref("v1", "ResourceQuota", name, "quota")
            self.live[ref] = Live(ref, {"status": {"used": dict(amounts)}})

    def objects(self, tenant_id: str) -> Mapping[Ref, Live]:
        return self.live

    def look(self, name: str) -> Seen:
        return self.seen


def held(found: Objects, metered: Metered) -> Held:
    caches: Any = found
    return HeldPlaces(caches, caches).of(metered)


SEEN = Seen(served=True, hierarchical_served=False, projects=(Project("acme-web", "web"),))


def test_storage_is_what_the_quotas_of_all_namespaces_count() -> None:
    found = Objects(SEEN, a={"requests.storage": "1Gi"}, b={"requests.storage": "512Mi"}, c={})
    named = Metered("ten_1", "", "acme")
    assert held(found, named) == Held(("acme", "acme-web"), 3 << 29)
    assert held(Objects(SEEN, a={"pods": "3"}), named).storage_bytes is None
    assert held(Objects(SEEN, a={"requests.storage": "10E"}), named).storage_bytes is None


def test_a_hierarchical_quota_counts_in_place_of_the_others() -> None:
    ref = Ref("hnc.x-k8s.io/v1alpha2", "HierarchicalResourceQuota", "acme", "plan-quota")
    whole = Live(ref, {"status": {"used": {"requests.storage": "7"}}})
    seen = Seen(served=True, hierarchical_served=True, hierarchical=whole)
    assert held(Objects(seen, a={"requests.storage": "1Gi"}), Metered("t", "", "acme")) == Held(
        ("acme",), 7
    )


def test_a_namespace_of_its_own_is_all_that_a_tenant_has() -> None:
    assert held(Objects(SEEN), Metered("t", "customer-1", "acme")) == Held(("customer-1",), None)


def test_how_often_is_measured_is_five_minutes_unless_it_is_set() -> None:
    bare = {"TOLLGATE_SUBSCRIPTION_TARGET": "127.0.0.1:1"}
    assert read_config(Env(bare)).use_every == timedelta(minutes=5).total_seconds()
    assert read_config(Env({**bare, "TOLLGATE_USE_EVERY_SECONDS": "30"})).use_every == 30.0
