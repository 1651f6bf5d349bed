"""Two replicas of the provisioner and two of pricing, as far as the ConfigMap with plans concerns.

The cluster is the sandbox's and what it lets the provisioner see is what ships; the databases are
PostgreSQL, and between them runs the relay of the outbox. Only the wire is left out.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import yaml

from services.chassis.clock import SystemClock
from services.chassis.db import PgTransactions, Pool, open_pool
from services.chassis.facts import Delivery, FactRecord, Outcome
from services.chassis.migrate import migrate
from services.chassis.outbox import Relay
from services.chassis.wakeups import Wakeups
from services.pricing import convert, usecases
from services.pricing.domain import ActiveCatalog
from services.pricing.sources import ImportSettings
from services.pricing.store import CardCache, PgStore, QuoteCodec, VersionCache
from services.pricing.usecases import PricingTransactions
from services.pricing.worker import ObservedCatalogs
from services.provisioner.convert.plans import to_plans_fact
from services.provisioner.kube.plans import PlansMap
from services.provisioner.plans.ports import PlansStore
from services.provisioner.plans.seen import Place
from services.provisioner.plans.store import PgPlansStore
from services.provisioner.plans.telling import PlansTeller
from tests.integration.postgres_fixture import Database
from tests.integration.provisioner.cluster_fixture import Plane, until

ROOT = Path(__file__).resolve().parents[3]
ROLE = ROOT / "deploy" / "kube-dc" / "billing-plans.yaml"
PLACE = Place("kube-dc", "billing-plans")
MAPS = "/api/v1/namespaces/kube-dc/configmaps"


@dataclass
class Shop:
    """Everything that runs, and the hands of the cluster's operator."""

    plane: Plane
    tx: PricingTransactions
    pricing: Pool
    delivered: list[FactRecord]

    async def write(self, text: str, **metadata: Any) -> None:
        """Write the ConfigMap, as ``kubectl apply`` does."""
        body = {"metadata": {"name": PLACE.name, **metadata}, "data": {"plans.yaml": text}}
        code, found = await self.plane.api.call("POST", MAPS, body)
        if code == 409:
            path = f"{MAPS}/{PLACE.name}"
            code, found = await self.plane.api.call(
                "PATCH", path, body, "application/merge-patch+json"
            )
        assert code in (200, 201), found

    async def delete(self) -> None:
        """Delete the ConfigMap."""
        code, found = await self.plane.api.call("DELETE", f"{MAPS}/{PLACE.name}")
        assert code == 200, found

    async def active(self) -> list[ActiveCatalog]:
        """Return what is in force."""
        return await usecases.list_catalogs(self.tx)

    async def until(
        self, wanted: Callable[[ActiveCatalog], bool], seconds: float = 10.0
    ) -> ActiveCatalog:
        """Wait until what is in force is so."""
        async with asyncio.timeout(seconds):
            while True:
                found = [one for one in await self.active() if wanted(one)]
                if found:
                    return found[0]
                await asyncio.sleep(0.005)

    async def settled(self, facts: int) -> None:
        """Wait until so many facts were taken."""
        await until(lambda: len(self.delivered) >= facts)

    async def versions(self) -> int:
        """Return how many versions of catalogs there ever were."""
        count = await self.pricing.fetchval("SELECT count(*) FROM catalog_versions")
        return int(count)


@asynccontextmanager
async def running_shop(
    plane: Plane, database: Database, imports: ImportSettings
) -> AsyncIterator[Shop]:
    """Run two replicas of each for as long as the block lasts."""
    await _let_read(plane)
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
        pools = {name: await _pool(database, name, stack) for name in ("provisioner", "pricing")}
        replicas, tx = _pricing(pools["pricing"], imports), _transactions(pools["pricing"])
        shop = Shop(plane, tx, pools["pricing"], [])
        turns = cycle(replicas)

        async def deliver(facts: Sequence[FactRecord]) -> list[Delivery]:
            for fact in facts:
                await next(turns).take(fact, "provisioner")
                shop.delivered.append(fact)
            return [Delivery(fact.id, Outcome.ACCEPTED) for fact in facts]

        started: list[asyncio.Task[None]] = []
        for _ in range(2):
            loops = await _provisioner(plane, pools["provisioner"], deliver)
            started += [tasks.create_task(loop) for loop in loops]
        yield shop
        for task in started:
            task.cancel()


async def _let_read(plane: Plane) -> None:
    """Apply what ships for a cluster with Kube-DC."""
    namespace = {"metadata": {"name": PLACE.namespace}}
    assert (await plane.api.call("POST", "/api/v1/namespaces", namespace))[0] == 201
    for item in yaml.safe_load_all(ROLE.read_text()):
        plural = f"{item['kind'].lower()}s"
        path = f"/apis/{item['apiVersion']}/namespaces/{PLACE.namespace}/{plural}"
        code, found = await plane.api.call("POST", path, item)
        assert code == 201, found


async def _provisioner(plane: Plane, pool: Pool, deliver: Any) -> list[Any]:
    """Return the loops of a replica: watch, telling, relay."""
    clock, wakeups = SystemClock(), Wakeups()
    tx: PgTransactions[PlansStore] = PgTransactions(
        pool, lambda one: PgPlansStore(one, to_plans_fact), wakeups=wakeups
    )
    plans = PlansMap(await plane.connect(), PLACE)
    teller = PlansTeller(PLACE.source, plans.read, tx, clock)
    relay = Relay(pool, "pricing", deliver, wakeups=wakeups, clock=clock)
    return [plans.follow(teller, clock), teller.run(), relay.run()]


def _pricing(pool: Pool, imports: ImportSettings) -> list[ObservedCatalogs]:
    async def other(fact: FactRecord, source: str) -> None:
        raise AssertionError(f"{fact.type} of {source} is not expected here")

    return [ObservedCatalogs(_transactions(pool), imports, other) for _ in range(2)]


def _transactions(pool: Pool) -> PricingTransactions:
    codec = QuoteCodec(convert.encode_quote, convert.decode_quote)
    versions, cards = VersionCache(), CardCache()
    return PgTransactions(pool, lambda one: PgStore(one, versions, cards, codec))


async def _pool(database: Database, name: str, stack: AsyncExitStack) -> Pool:
    dsns = await database.service(name)
    await migrate(dsns.owner, name, [ROOT / "services" / name / "migrations"])
    pool = await open_pool(dsns.service, application_name="test", max_size=8)
    stack.push_async_callback(pool.close)
    return pool
