"""From what pods of a cluster use to a recommendation, over both databases and the outbox.

The cluster is the sandbox's, and what it lets the provisioner see is what ships.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from deploy.sandbox.kubernetes.server.metrics import USE
from services.chassis.clock import SystemClock
from services.chassis.db import PgTransactions, Pool, open_pool
from services.chassis.facts import Delivery, FactRecord, Outcome
from services.chassis.identity import Principal, acting
from services.chassis.ids import RandomIds
from services.chassis.migrate import migrate
from services.chassis.outbox import Relay
from services.chassis.wakeups import Wakeups
from services.pricing.catalog_file import parse_catalog
from services.pricing.costs.advising import Adviser
from services.pricing.costs.recommending import Rules
from services.pricing.costs.servicer import CostServicer, ObservationIntake
from services.pricing.costs.store import CardsByVersion, PgCostStore
from services.provisioner import usecases
from services.provisioner.convert import PRICING, Codec
from services.provisioner.convert.usage import to_use_fact
from services.provisioner.domain import Autoscale, TenantPhase
from services.provisioner.introduction.store import PgIntroductionStore
from services.provisioner.introduction.telling import introduce
from services.provisioner.kube.cache import ObjectCache
from services.provisioner.kube.held import HeldPlaces
from services.provisioner.kube.organizations import OrganizationCache
from services.provisioner.kube.pod_metrics import KubePodMetrics
from services.provisioner.metering.looking import Meter
from services.provisioner.metering.ports import MeteringStore
from services.provisioner.metering.store import PgMeteringStore
from services.provisioner.naming import Naming
from services.provisioner.store import PgStore
from tests.contract.kubernetes.objects import container
from tests.contract.stores.costs_backend import CARD, CODEC
from tests.fakes.pricing_use import MemoryOffers
from tests.integration.postgres_fixture import Database
from tests.integration.provisioner.cluster_fixture import Plane, running_plane, until
from tests.unit.provisioner.world import PROFESSIONAL, order
from tollgate.pricing.v1 import cost_pb2
from tollgate.pricing.v1 import cost_service_pb2 as pb

ROOT = Path(__file__).resolve().parents[3]
SESSIONS = parse_catalog((ROOT / "deploy/catalogs/sessions.yaml").read_text(), "sessions.yaml")
ENTERPRISE = replace(
    PROFESSIONAL,
    quota={"pods": "500", "requests.memory": "64000M", "limits.memory": "64000M"},
    autoscale=Autoscale(min=50, max=500, cpu_percent=70),
    warm_pool=50,
)
NAMESPACE = "customer-1"
OPERATOR = Principal("root", "user", "https://idp/realms/master", groups=("platform-admin",))
CONTEXT: Any = None
_CARD = "INSERT INTO rate_cards (version, content) VALUES ($1, $2)"
_ACTIVE = "INSERT INTO active_rate_card (version, activate_time) VALUES ($1, $2)"
# Three days pass: what was measured within this hour was measured in each of them.
_DAYS_PASS = """
INSERT INTO use_hours SELECT tenant, hour - back, samples, cpu_sum, cpu_peak, memory_sum,
    memory_peak, storage_peak FROM use_hours, generate_series(1, 72) AS back"""


@dataclass
class World:
    """A provisioner and a pricing, as far as use concerns."""

    plane: Plane
    provisioner: Pool
    pricing: Pool
    meter: Meter
    costs: CostServicer
    delivered: list[FactRecord]

    async def deploy(self, use: str) -> None:
        """Run three pods in the tenant's namespace."""
        api = self.plane.api
        made = await api.call("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        assert made[0] == 201
        labels = {"app": "web"}
        spec = {
            "replicas": 3,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container()]}},
        }
        body = {"metadata": {"name": "web", "annotations": {USE: use}}, "spec": spec}
        path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
        assert (await api.call("POST", path, body))[0] == 201
        async with asyncio.timeout(30):
            while (await api.get(f"{path}/web"))["status"].get("readyReplicas") != 3:  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.02)

    async def advice(self) -> cost_pb2.Recommendation:
        """Return what is said of the one tenant."""
        with acting(OPERATOR):
            answer = await self.costs.ListRecommendations(pb.ListRecommendationsRequest(), CONTEXT)
        (found,) = answer.recommendations
        return found


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    async with running_plane("sandbox") as plane, running(plane, database) as found:
        yield found


@asynccontextmanager
async def running(plane: Plane, database: Database) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
        provisioner = await _pool(database, "provisioner", stack)
        pricing = await _pool(database, "pricing", stack)
        tx = PgTransactions(pricing, lambda one: PgCostStore(one, CODEC, CardsByVersion()))
        intake, delivered = ObservationIntake(tx), list[FactRecord]()

        async def deliver(facts: Sequence[FactRecord]) -> list[Delivery]:
            for fact in facts:
                await intake.take(fact, "provisioner")
                delivered.append(fact)
            return [Delivery(fact.id, Outcome.ACCEPTED) for fact in facts]

        await pricing.execute(_CARD, CARD.version, CARD.content)
        await pricing.execute(_ACTIVE, CARD.version, datetime(2020, 1, 1, tzinfo=UTC))
        wakeups = Wakeups()
        relay = Relay(provisioner, PRICING, deliver, wakeups=wakeups, clock=SystemClock())
        meter, loops = await _meter(plane, provisioner, wakeups)
        started = [tasks.create_task(loop) for loop in (*loops, relay.run())]
        costs = CostServicer(
            tx, RandomIds(), "sub", Adviser(MemoryOffers({"sessions": SESSIONS}), Rules())
        )
        await _stands(provisioner)
        yield World(plane, provisioner, pricing, meter, costs, delivered)
        for task in started:
            task.cancel()


async def _meter(plane: Plane, pool: Pool, wakeups: Wakeups) -> tuple[Meter, list[Any]]:
    clock, cluster = SystemClock(), await plane.connect()
    cache = ObjectCache(cluster, lambda _: None, clock)
    organizations = OrganizationCache(cluster, lambda *_: None, clock, 30.0)
    places = HeldPlaces(cache, organizations)
    loops = [*cache.loops(), organizations.run()]
    tx: PgTransactions[MeteringStore] = PgTransactions(
        pool, lambda one: PgMeteringStore(one, to_use_fact), wakeups=wakeups
    )
    return Meter(tx, KubePodMetrics(cluster), places, clock, every=0.001), loops


async def _stands(pool: Pool) -> None:
    """Let an enterprise's namespace stand for a month, and tell pricing of it."""
    tx = PgTransactions(pool, lambda one: PgIntroductionStore(one, Codec(priced=True)))
    asked = order(capacity=ENTERPRISE, plan="sessions/enterprise", owner_subject="ada")
    made = await usecases.order_capacity(
        PgTransactions(pool, lambda one: PgStore(one, Codec())),
        Naming(),
        RandomIds(),
        SystemClock(),
        asked,
        "service:subscription",
    )
    seen = replace(
        made,
        phase=TenantPhase.READY,
        uid="u-1",
        namespace=NAMESPACE,
        standing=ENTERPRISE,
        revision=1,
        update_time=datetime.now(UTC) - timedelta(days=30),
    )
    await tx.run(lambda store: store.save_tenant(seen))
    await introduce(tx, PRICING, SystemClock(), wanted=True)


async def _look(world: World) -> None:
    """Measure once, as soon as the cluster was heard of."""
    async with asyncio.timeout(30):
        while not await world.meter.look():  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.02)


async def _pool(database: Database, name: str, stack: AsyncExitStack) -> Pool:
    dsns = await database.service(name)
    await migrate(dsns.owner, name, [ROOT / "services" / name / "migrations"])
    pool = await open_pool(dsns.service, application_name="test", max_size=8)
    stack.push_async_callback(pool.close)
    return pool


async def test_a_namespace_that_is_hardly_used_is_told_a_smaller_plan_after_three_days(
    world: World,
) -> None:
    await world.deploy("cpu=20m,memory=64Mi")
    await _look(world)
    await until(lambda: len(world.delivered) >= 1)
    assert (await world.advice()).outcome == cost_pb2.Recommendation.OUTCOME_INSUFFICIENT_DATA
    await world.provisioner.execute(_DAYS_PASS)
    await _look(world)
    await until(lambda: len(world.delivered) >= 1 + 72)
    said = await world.advice()
    assert said.outcome == cost_pb2.Recommendation.OUTCOME_SMALLER_PLAN
    assert (said.plan, said.smaller_plan) == ("sessions/enterprise", "sessions/professional")
    assert (said.used.cpu, said.used.memory) == ("0.06", "0.1875")
    # One more if an hour ended on the way.
    assert said.hours in (72, 73)
    # It was sold by hand, without a price.
    assert said.basis == cost_pb2.Recommendation.BASIS_RATE_CARD
    assert (said.user, said.currency) == ("ada", CARD.currency)


async def test_a_namespace_that_is_used_is_left_alone(world: World) -> None:
    await world.deploy("cpu=500m,memory=64Mi")
    await _look(world)
    await world.provisioner.execute(_DAYS_PASS)
    await _look(world)
    await until(lambda: len(world.delivered) >= 1 + 72)
    said = await world.advice()
    assert said.outcome == cost_pb2.Recommendation.OUTCOME_WELL_USED
    assert said.used.cpu == "1.5"
