"""The floor under a payment: what it asks of others, asked by a script that decides nothing.

The same fetch from Stripe by Stripe's library, as many round trips to PostgreSQL as were counted of
a payment, as many calls between processes, and the same nine objects by POST. No webhook, no watch,
nothing read back, nothing looked at.
"""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import orjson
import stripe
import yaml
from google.protobuf.wrappers_pb2 import BytesValue

from services.provisioner import naming
from services.provisioner.domain import JsonObject
from services.provisioner.kube.kinds import KINDS, Kind
from tests.bench.processes import Meter, spent
from tests.bench.provisioner.tenants import Tenants
from tests.bench.rpc import echo
from tests.bench.rpc.echoing import echo_server
from tests.bench.stack import BenchStack, carried, internal_channel
from tests.unit.provisioner.world import PROFESSIONAL

CALLS = 8
_MESSAGE = 600  # bytes, there and back
# Of a payment's 90 statements: 27 that write are transactions of their own, 25 more are in five
# transactions together, the others read.
_ALONE, _TRANSACTIONS, _TOGETHER, _READS = 27, 5, 5, 28
_TABLE = """
CREATE TABLE IF NOT EXISTS bare_payments (
    id bigserial PRIMARY KEY, name text NOT NULL, content bytea NOT NULL)
"""
_INSERT = "INSERT INTO bare_payments (name, content) VALUES ($1, $2)"
_CONTENT = bytes(200)
_EXPANDED = ["line_items", "customer", "invoice", "subscription.latest_invoice.payments"]
_PLURALS = {"NetworkPolicy": "networkpolicies"}
_PARTS = ("postgres", "stripe", "kubernetes")

ROUND_TRIPS = _ALONE + _TRANSACTIONS * (_TOGETHER + 2) + _READS


@dataclass(frozen=True)
class Bare:
    """Everything that a payment's requests are sent by."""

    fetch: Callable[[str], Awaitable[object]]
    call: Callable[[], Awaitable[object]]
    pool: "asyncpg.Pool[asyncpg.Record]"
    post: Callable[[JsonObject], Awaitable[object]]
    meter: Meter

    async def pay(self, sessions: Sequence[str], per_second: float) -> dict[str, float]:
        """Do what a payment does, once for each session; seconds of processor time by process."""
        tenants = Tenants(capacity=PROFESSIONAL).manifests(len(sessions))
        loop = asyncio.get_running_loop()
        before, own, began = self.meter.read(), time.process_time(), loop.time()
        async with asyncio.TaskGroup() as payments:
            for number, (session, objects) in enumerate(zip(sessions, tenants, strict=True)):
                await asyncio.sleep(began + number / per_second - loop.time())
                payments.create_task(self._one(session, objects))
        return spent(before, self.meter.read()) | {"script": time.process_time() - own}

    async def _one(self, session: str, objects: Sequence[JsonObject]) -> None:
        await self.fetch(session)
        async with self.pool.acquire() as connection:
            await _statements(connection, session)
        for _ in range(CALLS):
            await self.call()
        namespace, *others = map(_of_nobody, objects)
        await self.post(namespace)
        await asyncio.gather(*map(self.post, others))


@asynccontextmanager
async def bare(stack: BenchStack) -> AsyncIterator[Bare]:
    """Connect to everything that the product is connected to."""
    async with AsyncExitStack() as things:
        running = await things.enter_async_context(echo_server(stack, "bare"))
        channel = internal_channel(running.port, echo.NAME, stack.certificate("gateway"))
        await things.enter_async_context(channel)
        pool = await things.enter_async_context(asyncpg.create_pool(stack.database_dsn, min_size=2))
        await pool.execute(_TABLE)
        http = await things.enter_async_context(aiohttp.ClientSession())
        pids = stack.stack.supervisor.pids()
        meter = Meter({name: pids[name] for name in _PARTS} | {"called": running.pid})
        library, client = _stripe(stack)
        things.push_async_callback(client.close_async)

        async def fetch(session: str) -> object:
            path = f"/v1/checkout/sessions/{session}"
            return await library.raw_request_async("get", path, expand=_EXPANDED)

        method = channel.unary_unary(
            echo.METHOD, BytesValue.SerializeToString, BytesValue.FromString
        )
        request = echo.request_of(_MESSAGE, _MESSAGE)

        async def call() -> object:
            return await method(request, metadata=carried(), timeout=10.0)

        yield Bare(fetch, call, pool, _poster(stack, http), meter)


def _stripe(stack: BenchStack) -> tuple[stripe.StripeClient, stripe.AIOHTTPClient]:
    where, http = stack.endpoints["stripe"], stripe.AIOHTTPClient(timeout=30.0)
    key, base = where["secret_key"], where["api_base"]
    return stripe.StripeClient(key, base_addresses={"api": base}, http_client=http), http


def _poster(
    stack: BenchStack, http: aiohttp.ClientSession
) -> Callable[[JsonObject], Awaitable[object]]:
    config = yaml.safe_load(Path(stack.endpoints["kubernetes"]["kubeconfig"]).read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    trusted = ssl.create_default_context(cafile=cluster["certificate-authority"])
    headers = {"Authorization": f"Bearer {user['token']}", "Content-Type": "application/json"}
    groups = {kind: "apis" if kind.group else "api" for kind in KINDS}

    async def post(wanted: JsonObject) -> object:
        kind, metadata = Kind(str(wanted["apiVersion"]), str(wanted["kind"])), wanted["metadata"]
        assert isinstance(metadata, dict), "every object has metadata"
        inside = f"/namespaces/{metadata['namespace']}" if "namespace" in metadata else ""
        plural = _PLURALS.get(kind.kind, kind.kind.lower() + "s")
        url = f"{cluster['server']}/{groups[kind]}/{kind.api_version}{inside}/{plural}"
        async with http.post(
            url, data=orjson.dumps(wanted), headers=headers, ssl=trusted
        ) as answer:
            answer.raise_for_status()
            return orjson.loads(await answer.read())

    return post


def _of_nobody(wanted: JsonObject) -> JsonObject:
    """The object without what the product would know it by: it is not to look at it."""
    metadata: Any = wanted["metadata"]
    labels = {**metadata["labels"], naming.LABEL_MANAGED_BY: "bench"}
    return {**wanted, "metadata": {**metadata, "labels": labels}}


async def _statements(connection: Any, name: str) -> None:
    for _ in range(_ALONE):
        await connection.execute(_INSERT, name, _CONTENT)
    for _ in range(_TRANSACTIONS):
        async with connection.transaction():
            for _ in range(_TOGETHER):
                await connection.execute(_INSERT, name, _CONTENT)
    for _ in range(_READS):
        await connection.fetch("SELECT 1")
