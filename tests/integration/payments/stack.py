"""The payments process with everything around it, as on one machine.

The sandbox of the provider sends its webhooks to a small edge, which passes them on as the gateway
does; facts go to a small consumer in the place of the subscription service.
"""

import asyncio
import base64
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import orjson
from aiohttp import web
from google.protobuf.message import Message

from deploy.sandbox.ca.authority import Authority
from deploy.sandbox.stripe import SandboxStripe, WebhookTarget
from services.chassis.access import Rule
from services.chassis.channel import Channel, connect
from services.chassis.clock import SystemClock
from services.chassis.facts import FactRecord
from services.chassis.health import Health
from services.chassis.metrics import Metrics
from services.chassis.server import GrpcServer, Listener
from services.chassis.sink import DELIVER, SERVICE, FactSinkServicer
from services.chassis.tls import TlsFiles
from services.chassis.tokens import TokenVerifier
from services.subscription.clients.payments import TIMEOUT
from tests.integration.postgres_fixture import Database
from tollgate.common.v1.fact_sink_service_pb2_grpc import add_FactSinkServicer_to_server
from tollgate.payments.v1 import events_pb2, payments_pb2
from tollgate.payments.v1 import payments_service_pb2 as pb
from tollgate.payments.v1.payments_service_pb2_grpc import PaymentsServiceStub

if TYPE_CHECKING:
    from tollgate.payments.v1.payments_service_pb2_grpc import PaymentsServiceAsyncStub

SECRET = "whsec_integration_secret"
PATH = "/webhooks/stripe"
SEALING_KEY = base64.b64encode(b"integration sealing key 32 bytes").decode()
CARD = {"number": "4242424242424242", "exp_month": "12", "exp_year": "40", "cvc": "123"}
# A killed holder keeps its object for a lease, and what failed before waits for its turn.
PATIENCE = 60.0
TAKEN = (
    payments_pb2.IngestResult.OUTCOME_STORED,
    payments_pb2.IngestResult.OUTCOME_DUPLICATE,
)


@dataclass
class Consumer:
    """What the subscription service was told. Each fact counts once, as it would there."""

    facts: list[FactRecord] = field(default_factory=list)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def take(self, fact: FactRecord, _source: str) -> None:
        async with self.news:
            self.facts.append(fact)
            self.news.notify_all()

    async def wait_for(self, condition: Callable[[list[FactRecord]], bool]) -> list[FactRecord]:
        async with asyncio.timeout(PATIENCE), self.news:
            await self.news.wait_for(lambda: condition(self.facts))
            return list(self.facts)

    def of_type(self, name: str) -> list[Message]:
        return [payload(fact) for fact in self.facts if fact.type.endswith(f".{name}")]


def payload(fact: FactRecord) -> Message:
    """A fact's payload, read."""
    message: Message = getattr(events_pb2, fact.type.rpartition(".")[2])()
    message.ParseFromString(fact.payload)
    return message


class Edge:
    """Passes webhooks on, as the gateway does, and remembers how they were answered."""

    def __init__(self) -> None:
        self.stub: PaymentsServiceAsyncStub | None = None
        self._outcomes: list[int] = []
        self._changed = asyncio.Condition()

    async def receive(self, request: web.Request) -> web.Response:
        if self.stub is None:
            return web.Response(status=503)
        headers = {name.lower(): value for name, value in request.headers.items()}
        event = payments_pb2.RawEvent(
            provider="stripe", path=request.path, headers=headers, body=await request.read()
        )
        answer = await self.stub.IngestEvents(pb.IngestEventsRequest(events=[event]))
        outcome = answer.results[0].outcome
        async with self._changed:
            self._outcomes.append(outcome)
            self._changed.notify_all()
        return web.Response(status=200 if outcome in TAKEN else 503)

    async def answered(self, outcome: int) -> None:
        """Wait until a webhook was answered so."""
        async with asyncio.timeout(PATIENCE), self._changed:
            await self._changed.wait_for(lambda: outcome in self._outcomes)

    def disconnect(self) -> None:
        """Have no service to pass anything on to."""
        self.stub = None


class PaymentsProcess:
    """``python -m services.payments`` and everything that it prints."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment
        self.output = bytearray()
        self.ports: dict[str, Any] = {}
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._changed = asyncio.Condition()

    async def start(self) -> None:
        """Return when it listens."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "services.payments",
            env=self._environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=1 << 22,
        )
        self._reader = asyncio.create_task(self._read())
        self.ports = await self.logged("ready")

    async def logged(self, event: str) -> dict[str, Any]:
        """Return the first log line of this event, when it is there."""
        async with asyncio.timeout(PATIENCE), self._changed:
            await self._changed.wait_for(lambda: self._find(event) is not None or self._ended())
        found = self._find(event)
        assert found is not None, self.output.decode()
        return found

    async def kill(self) -> None:
        """End it without a warning."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
        await self._wait()

    async def stop(self) -> int:
        """Ask it to end; returns its exit code."""
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
        return await self._wait()

    async def _wait(self) -> int:
        assert self._process is not None
        async with asyncio.timeout(PATIENCE):
            code = await self._process.wait()
            if self._reader is not None:
                await self._reader
        return code

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self.output += line
            async with self._changed:
                self._changed.notify_all()
        async with self._changed:
            self._changed.notify_all()

    def _ended(self) -> bool:
        return self._reader is None or self._reader.done()

    def _find(self, event: str) -> dict[str, Any] | None:
        for line in bytes(self.output).splitlines():
            if line.startswith(b"{"):
                record: dict[str, Any] = orjson.loads(line)
                if record.get("event") == event:
                    return record
        return None


@dataclass
class Stack:
    """Everything that runs."""

    stripe: SandboxStripe
    edge: Edge
    consumer: Consumer
    environment: dict[str, str]
    gateway_tls: TlsFiles
    subscription_tls: TlsFiles
    resources: AsyncExitStack
    http: httpx.AsyncClient

    def seller(self, process: PaymentsProcess) -> "PaymentsServiceAsyncStub":
        """The RPCs as subscription calls them."""
        return PaymentsServiceStub(self.channel(process, self.subscription_tls))

    async def price(self, amount: int, **more: str) -> str:
        """Make a monthly price in euro cents."""
        product = await self.call("/v1/products", name="Starter")
        form = {
            "product": product["id"],
            "currency": "eur",
            "unit_amount": str(amount),
            "recurring[interval]": "month",
            **more,
        }
        made: str = (await self.call("/v1/prices", **form))["id"]
        return made

    async def get(self, path: str, **query: str) -> dict[str, Any]:
        """Look at what the provider has."""
        answer = await self.http.get(
            self.stripe.url + path, params=query, auth=(self.stripe.secret_key, "")
        )
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def sandbox(self, path: str, content: dict[str, Any]) -> None:
        """Make life hard, or easier again."""
        answer = await self.http.post(f"{self.stripe.url}/sandbox/{path}", json=content)
        assert answer.status_code == 200, answer.text

    async def launch(self, **changes: str) -> PaymentsProcess:
        """Start the process and lead the edge to it."""
        process = PaymentsProcess(self.environment | changes)
        self.resources.push_async_callback(process.kill)
        await process.start()
        channel = self.channel(process, self.gateway_tls)
        self.edge.stub = PaymentsServiceStub(channel)
        self.resources.callback(self.edge.disconnect)
        return process

    def channel(self, process: PaymentsProcess, tls: TlsFiles) -> Channel:
        """A channel to its internal listener."""
        target = f"127.0.0.1:{process.ports['internal']}"
        channel = connect(target, server_name="payments", tls=tls, default_timeout=TIMEOUT)
        self.resources.push_async_callback(channel.close)
        return channel

    async def call(self, path: str, **form: str) -> dict[str, Any]:
        """Call the provider's API as the shop would."""
        answer = await self.http.post(
            self.stripe.url + path, data=form, auth=(self.stripe.secret_key, "")
        )
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def begin_checkout(self, **more: str) -> dict[str, Any]:
        """Make a customer, a price and a session that sells it monthly."""
        product = await self.call("/v1/products", name="Starter")
        price = await self.call(
            "/v1/prices",
            **{
                "product": product["id"],
                "currency": "eur",
                "unit_amount": "4900",
                "recurring[interval]": "month",
            },
        )
        customer = await self.call(
            "/v1/customers", **{"email": "ada@example.com", "metadata[user_id]": "u1"}
        )
        session = await self.call(
            "/v1/checkout/sessions",
            **{
                "mode": "subscription",
                "customer": customer["id"],
                "line_items[0][price]": price["id"],
                "line_items[0][quantity]": "1",
                "success_url": "https://shop.example.com/done",
            },
            **more,
        )
        return {**session, "price": price["id"], "customer_id": customer["id"]}

    async def pay(self, session: dict[str, Any], **card: str) -> None:
        """Fill in the hosted page."""
        form = {**CARD, "email": "ada@example.com", **card}
        answer = await self.http.post(session["url"], data=form)
        assert answer.status_code == 303, answer.text


@asynccontextmanager
async def running_stack(database: Database, home: Path) -> AsyncIterator[Stack]:
    """Everything but the process itself, which a test launches."""
    authority = Authority(home / "ca")
    consumer, edge = Consumer(), Edge()
    async with AsyncExitStack() as resources:
        sink_port = await _consume(resources, consumer, _tls(authority, "subscription"))
        edge_url = await _listen(resources, edge.receive)
        stripe = await resources.enter_async_context(
            SandboxStripe(
                webhooks=[WebhookTarget(edge_url + PATH, (SECRET,))], retry_schedule=(0.2,)
            )
        )
        http = await resources.enter_async_context(httpx.AsyncClient(timeout=10.0))
        dsns = await database.service("payments")
        own = _tls(authority, "payments")
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{Path.cwd()}:{Path.cwd() / 'protos/gen'}",
            "BILLING_PROVIDER": "stripe",
            "STRIPE_SECRET_KEY": stripe.secret_key,
            "STRIPE_WEBHOOK_SECRET": SECRET,
            "STRIPE_API_BASE": stripe.url,
            "TOLLGATE_ENCRYPTION_KEYS": SEALING_KEY,
            "DATABASE_URL": dsns.service,
            "TOLLGATE_MIGRATE_URL": dsns.owner,
            "TOLLGATE_PUBLIC_ADDRESS": "127.0.0.1:0",
            "TOLLGATE_INTERNAL_ADDRESS": "127.0.0.1:0",
            "TOLLGATE_TLS_CERT": str(own.cert),
            "TOLLGATE_TLS_KEY": str(own.key),
            "TOLLGATE_TLS_CA": str(own.ca),
            "TOLLGATE_OIDC_BASE": "http://127.0.0.1:1",
            "TOLLGATE_SUBSCRIPTION_TARGET": f"127.0.0.1:{sink_port}",
            "LOG_LEVEL": "debug",
        }
        yield Stack(
            stripe,
            edge,
            consumer,
            environment,
            _tls(authority, "gateway"),
            _tls(authority, "subscription"),
            resources,
            http,
        )


def _tls(authority: Authority, name: str) -> TlsFiles:
    files = authority.issue(name)
    return TlsFiles(files.cert, files.key, files.ca)


async def _listen(
    resources: AsyncExitStack, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> str:
    app = web.Application()
    app.router.add_post("/{tail:.*}", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    resources.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return f"http://127.0.0.1:{runner.addresses[0][1]}"


async def _consume(resources: AsyncExitStack, consumer: Consumer, tls: TlsFiles) -> int:
    health = Health()
    tasks = await resources.enter_async_context(asyncio.TaskGroup())
    server = GrpcServer(
        "subscription",
        [(add_FactSinkServicer_to_server, FactSinkServicer(consumer.take, tasks), SERVICE)],
        {DELIVER: Rule(callers=frozenset({"payments"}))},
        TokenVerifier("http://127.0.0.1:1", audience="tollgate", clock=SystemClock()),
        public=Listener("127.0.0.1:0"),
        internal=Listener("127.0.0.1:0", tls),
        health=health,
        metrics=Metrics(),
    )
    await server.start()
    health.mark_all(True)
    resources.push_async_callback(server.drain)
    return server.internal_port
