"""The provisioner in this process: its own store, worker, cache and client, put together as it is.

What `services.provisioner.__main__` puts together and what is not here: the gRPC server, and the
relay that carries observations up (they stay in the outbox). Logs are written, as JSON, to nowhere.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from services.chassis.db import PgTransactions, Pool, open_pool
from services.chassis.metrics import Metrics
from services.chassis.process import Process
from services.chassis.queue import Job, Outcome, Worker
from services.chassis.wakeups import Wakeups
from services.provisioner import usecases
from services.provisioner.convert import Codec
from services.provisioner.domain import Order, Tenant, TenantPhase
from services.provisioner.drawing import Drawings
from services.provisioner.kube.cache import ObjectCache
from services.provisioner.kube.client import KubeCluster
from services.provisioner.kube.connect import connect_cluster
from services.provisioner.kube.writes import OwnWrites
from services.provisioner.ports import AT_ONCE, Store
from services.provisioner.reconcile import Reconciler
from services.provisioner.store import QUEUE, PgStore
from services.provisioner.worker import DriftFeed, TenantWorker
from tests.bench.errors import BenchUnavailable
from tests.bench.provisioner.bare import Runs
from tests.bench.provisioner.tenants import NAMES

_LEASE = 10.0
_LONGEST = 300.0


@dataclass
class Service:
    """A provisioner that stands; it works only while `work` is awaited."""

    process: Process
    pool: Pool
    tx: PgTransactions[Store]
    cluster: KubeCluster
    writes: OwnWrites
    wakeups: Wakeups
    metrics: Metrics = field(default_factory=Metrics)
    made: list[Tenant] = field(default_factory=list)
    drawings: Drawings = field(default_factory=Drawings)

    async def take(self, orders: Sequence[Order]) -> list[Tenant]:
        """Take orders as they come from subscription; nothing is made yet."""
        ids, clock = self.process.ids, self.process.clock
        return [
            await usecases.order_capacity(self.tx, NAMES, ids, clock, order, "service:bench")
            for order in orders
        ]

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[ObjectCache]:
        """Its watches and its drift feed, for as long as the context lasts; listed once."""
        clock = self.process.clock
        feed = DriftFeed(self.tx, self.writes, clock)
        cache = ObjectCache(self.cluster, feed.hear, clock)
        async with asyncio.TaskGroup() as group:
            heard = feed.run(self._reconciler(cache).stands)
            tasks = [group.create_task(loop) for loop in (*cache.loops(), heard)]
            async with asyncio.timeout(_LONGEST):
                while not cache.ready:  # noqa: ASYNC110 - nothing tells
                    await asyncio.sleep(0.01)
            yield cache
            for task in tasks:
                task.cancel()

    def _reconciler(self, cache: ObjectCache) -> Reconciler:
        ids, clock, drawings = self.process.ids, self.process.clock, self.drawings
        return Reconciler(self.tx, self.cluster, cache, NAMES, ids, clock, drawings=drawings)

    async def work(self, cache: ObjectCache, tenants: Sequence[Tenant], concurrency: int) -> Runs:
        """Run the worker until each of these tenants was run over once, and that is written."""
        process, stopping, runs = self.process, asyncio.Event(), Runs()
        handle = TenantWorker(self._reconciler(cache), self.metrics).handle
        left = {tenant.id for tenant in tenants}

        async def timed(job: Job) -> Outcome:
            began = time.perf_counter()
            outcome = await handle(job)
            if job.key in left:
                runs.each.append(time.perf_counter() - began)
                left.discard(job.key)
            if not left:
                stopping.set()
            return outcome

        worker = Worker(
            self.pool,
            QUEUE,
            timed,
            wakeups=self.wakeups,
            clock=process.clock,
            concurrency=concurrency,
            lease=_LEASE,
        )
        began, spent = time.perf_counter(), time.process_time()
        async with asyncio.timeout(_LONGEST):
            await worker.run(stopping)
        runs.seconds = time.perf_counter() - began
        runs.cpu = time.process_time() - spent
        return runs

    async def provision(self, orders: Sequence[Order], concurrency: int) -> Runs:
        """Take orders, make them true and return how long the making took.

        Watches and drift feed run meanwhile, as they do in the service. RuntimeError if a tenant
        is not ready in the end: then nothing was measured.
        """
        tenants = await self.take(orders)
        async with self.listening() as cache:
            runs = await self.work(cache, tenants, concurrency)
        stand = [await self._stands(tenant) for tenant in tenants]
        ready = [one for one in stand if one is not None and one.phase is TenantPhase.READY]
        if len(ready) < len(tenants):
            raise RuntimeError(f"{len(tenants) - len(ready)} tenants did not become ready")
        self.made += ready
        return runs

    async def ask_again(self) -> list[Tenant]:
        """Queue every tenant that was made, as a resync does, and nothing else."""
        await self.pool.execute("DELETE FROM reconcile_queue")
        await self.tx.run(lambda store: store.enqueue([tenant.id for tenant in self.made], AT_ONCE))
        return self.made

    async def _stands(self, tenant: Tenant) -> Tenant | None:
        return await self.tx.run(lambda store: store.get_tenant(tenant.id))


@asynccontextmanager
async def connected(
    kubeconfig: Path, writes: OwnWrites
) -> AsyncIterator[tuple[Process, KubeCluster]]:
    """The provisioner's client of this cluster, and the process it belongs to."""
    async with AsyncExitStack() as resources, asyncio.TaskGroup() as tasks:
        log = structlog.get_logger("provisioner")
        process = Process("provisioner", tasks, tasks, asyncio.Event(), resources, log)
        cluster = await connect_cluster(kubeconfig, writes, process)
        if cluster is None:
            raise BenchUnavailable("The cluster cannot be reached.")
        yield process, cluster


@asynccontextmanager
async def service(kubeconfig: Path, dsn: str) -> AsyncIterator[Service]:
    """A provisioner on this cluster and this database, whose tables stand."""
    writes, wakeups, codec = OwnWrites(), Wakeups(), Codec()
    async with connected(kubeconfig, writes) as (process, cluster):
        pool = await open_pool(dsn, application_name="bench")
        process.resources.callback(pool.terminate)
        tx: PgTransactions[Store] = PgTransactions(
            pool, lambda connection: PgStore(connection, codec), wakeups=wakeups
        )
        yield Service(process, pool, tx, cluster, writes, wakeups)
