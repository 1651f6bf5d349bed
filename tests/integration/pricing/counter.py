"""Where prices are asked for: pricing on PostgreSQL behind gRPC, and the gateway's REST before it.

Nothing between the two edges and the database is a stand-in; only who signs in is.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from google.protobuf.message import Message

from gateway.app import Dialects, Services, make_app
from gateway.clients import GrpcPricing
from gateway.limits import InFlight
from gateway.ports import IngestAnswer, Webhook
from gateway.routes.webhooks import WebhookEdge
from services.chassis.callrate import CallRate
from services.chassis.channel import Channel, connect
from services.chassis.clock import SystemClock
from services.chassis.db import PgTransactions, open_pool
from services.chassis.groupcommit import GroupCommit
from services.chassis.health import Health
from services.chassis.ids import RandomIds
from services.chassis.metrics import Metrics
from services.chassis.migrate import migrate
from services.chassis.server import GrpcServer, Limits, Listener
from services.pricing import convert, usecases
from services.pricing.access import ACCESS
from services.pricing.catalog_file import parse_catalog
from services.pricing.ratecard_file import parse_rate_card
from services.pricing.servicer import SERVICE, PricingServicer
from services.pricing.store import CardCache, PgStore, QuoteCodec, VersionCache
from services.pricing.usecases import PricingTransactions
from tests.fakes.gateway import MemoryPayments, MemorySubscription
from tests.fakes.gateway_costs import MemoryCosts
from tests.fakes.gateway_provisioner import MemoryProvisioner
from tests.integration.postgres_fixture import Database
from tests.unit.chassis.rpc.support import Authority
from tests.unit.gateway.world import HandClock, Tokens
from tollgate.pricing.v1.pricing_service_pb2_grpc import (
    PricingServiceStub,
    add_PricingServiceServicer_to_server,
)

ROOT = Path(__file__).resolve().parents[3]
RATES = ROOT / "deploy" / "rates" / "default.yaml"
CATALOGS = ("kube-dc", "sessions", "scaffolder")
_QUICK = Limits(drain_notice=0.05, drain_grace=3.0)


@dataclass
class Counter:
    """Both edges; ``user``, ``admin``, ``platform`` and the others of ``TOKENS`` may ask."""

    tx: PricingTransactions
    http: httpx.AsyncClient
    channel: Channel
    clock: HandClock

    async def ask(self, method: str, request: Message, role: str = "user") -> Any:
        """Call a method of pricing's public listener; what it refuses is raised."""
        call = getattr(PricingServiceStub(self.channel), method)
        return await call(request, metadata=(("authorization", f"Bearer {role}"),))

    async def post(
        self, verb: str, body: object, role: str = "user", **headers: str
    ) -> httpx.Response:
        """POST to ``/api/tollgate``; ``body`` is JSON, or bytes that are sent as they are."""
        sent: Mapping[str, Any]
        sent = {"content": body} if isinstance(body, bytes | str) else {"json": body}
        bearer = {"Authorization": f"Bearer {role}"}
        return await self.http.post(f"/api/tollgate/{verb}", **sent, headers=bearer | headers)


@asynccontextmanager
async def open_counter(
    database: Database, home: Path, *, burst: int = 100_000, catalogs: Sequence[str] = CATALOGS
) -> AsyncIterator[Counter]:
    """Run both edges, with what ships in force; ``burst`` prices at once for each person."""
    async with AsyncExitStack() as stack:
        tx = await _stored(database, stack)
        await usecases.activate_rate_card(
            tx, parse_rate_card(RATES.read_text(), RATES.name), edited=False
        )
        for name in catalogs:
            path = ROOT / "deploy" / "catalogs" / f"{name}.yaml"
            await usecases.activate(tx, parse_catalog(path.read_text(), name), edited=False)
        clock, authority = HandClock(), Authority(home)
        rate = CallRate(60, clock, burst=burst)
        server = await _serving(PricingServicer(tx, RandomIds(), rate), authority, stack)
        address = f"127.0.0.1:{server.internal_port}"
        inside = connect(address, server_name="pricing", tls=authority.issue("gateway"))
        stack.push_async_callback(inside.close)
        public = connect(f"127.0.0.1:{server.public_port}", server_name="pricing", tls=None)
        stack.push_async_callback(public.close)
        http = await stack.enter_async_context(_gateway(GrpcPricing(inside)))
        yield Counter(tx, http, public, clock)


async def _stored(database: Database, stack: AsyncExitStack) -> PricingTransactions:
    dsns = await database.service("pricing")
    await migrate(dsns.owner, "pricing", [ROOT / "services" / "pricing" / "migrations"])
    pool = await open_pool(dsns.service, application_name="test", max_size=4)
    stack.push_async_callback(pool.close)
    codec = QuoteCodec(convert.encode_quote, convert.decode_quote)
    versions, cards = VersionCache(), CardCache()
    return PgTransactions(pool, lambda one: PgStore(one, versions, cards, codec))


async def _serving(
    servicer: PricingServicer, authority: Authority, stack: AsyncExitStack
) -> GrpcServer:
    health = Health()
    server = GrpcServer(
        "pricing",
        [(add_PricingServiceServicer_to_server, servicer, SERVICE)],
        ACCESS,
        Tokens(),
        public=Listener("127.0.0.1:0"),
        internal=Listener("127.0.0.1:0", authority.issue("pricing")),
        health=health,
        metrics=Metrics(),
        limits=_QUICK,
    )
    await server.start()
    stack.push_async_callback(server.drain)
    health.mark_all(True)
    return server


def _gateway(pricing: GrpcPricing) -> httpx.AsyncClient:
    payments, clock = MemoryPayments(), SystemClock()
    batches: GroupCommit[Webhook, IngestAnswer] = GroupCommit(
        payments.ingest, key=lambda _: 0, size=lambda webhook: len(webhook.body)
    )

    async def ready() -> bool:
        return True

    app = make_app(
        Services(
            payments,
            pricing,
            MemorySubscription(plans=frozenset(), addon_names=frozenset()),
            MemoryProvisioner({}, {}),
            MemoryCosts(),
        ),
        Dialects("kube-dc", "scaffolder", "https://console.example", catalog_public=False),
        edge=WebhookEdge(batches, InFlight(requests=8, body_bytes=1 << 20), clock),
        verifier=Tokens(),
        rate=CallRate(1_000_000, clock),
        ready=ready,
    )
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://gateway")
