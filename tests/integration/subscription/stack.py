"""`python -m services.subscription` between the real pricing servicer and small neighbours."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import pytest
from google.protobuf.message import Message

from services.chassis.access import AccessTable, Rule
from services.chassis.channel import Channel, connect
from services.chassis.clock import SystemClock
from services.chassis.facts import FactRecord
from services.chassis.health import Health
from services.chassis.ids import RandomIds, derived
from services.chassis.metrics import Metrics
from services.chassis.server import GrpcServer, Limits, Listener, Servicers
from services.chassis.sink import DELIVER, FactSinkClient, FactSinkServicer
from services.chassis.sink import SERVICE as SINK
from services.chassis.tokens import TokenVerifier
from services.pricing import usecases as pricing
from services.pricing.access import ACCESS as PRICING_ACCESS
from services.pricing.catalog_file import parse_catalog
from services.pricing.ratecard_file import parse_rate_card
from services.pricing.servicer import SERVICE as PRICING
from services.pricing.servicer import PricingServicer
from tests.fakes.pricing import MemoryPricingTransactions
from tests.integration.postgres_fixture import Database
from tests.integration.subscription.neighbours import Payments, Provisioner, Quotas
from tests.unit.chassis.rpc.starting import Started, program
from tests.unit.chassis.rpc.support import Authority
from tollgate.common.v1.fact_sink_service_pb2_grpc import add_FactSinkServicer_to_server
from tollgate.payments.v1 import events_pb2 as payments_pb
from tollgate.payments.v1 import payments_service_pb2
from tollgate.payments.v1.payments_service_pb2_grpc import (
    add_PaymentsServiceServicer_to_server,
)
from tollgate.pricing.v1.pricing_service_pb2_grpc import add_PricingServiceServicer_to_server
from tollgate.provisioner.v1 import provisioner_service_pb2
from tollgate.provisioner.v1.provisioner_service_pb2_grpc import (
    add_ProvisionerServiceServicer_to_server,
)
from tollgate.subscription.v1 import subscription_service_pb2_grpc

CATALOG = """\
catalog: sessions
foreign_checkout: create_account
free_plan: starter
plans:
  starter:
    name: Starter
    tier: basic
    provisions: {kind: nothing}
    on_unpaid: free
    on_end: free
  professional:
    name: Professional
    tier: premium
    features: [custom-resources]
    trial_days: 14
    prices: [{currency: usd, interval: month, amount: "49.00", stripe_price: price_pro}]
    provisions: {kind: namespace, quota: {pods: 50, memory: 6400M}}
    on_unpaid: suspend_then_cancel
    on_end: delete
"""
POOLS = """\
catalog: pools
plans:
  small:
    name: Small
    prices: [{currency: usd, interval: month, amount: "19.00", stripe_price: price_small}]
    provisions: {kind: organization, quota: {cpu: 4, memory: 8Gi}, burst_ratio: "1.0"}
    on_unpaid: suspend_then_cancel
    on_end: suspend_then_cancel
  large:
    name: Large
    prices: [{currency: usd, interval: month, amount: "49.00", stripe_price: price_large}]
    provisions: {kind: organization, quota: {cpu: 8, memory: 24Gi}, burst_ratio: "1.0"}
    on_unpaid: suspend_then_cancel
    on_end: suspend_then_cancel
addons:
  turbo:
    name: Turbo
    prices: [{currency: usd, interval: month, amount: "9.00", stripe_price: price_turbo}]
    adds: {cpu: 2, memory: 4Gi}
"""
RATES = (Path(__file__).parents[3] / "deploy" / "rates" / "default.yaml").read_text()
PAYMENTS = payments_service_pb2.DESCRIPTOR.services_by_name["PaymentsService"].full_name
PROVISIONER = provisioner_service_pb2.DESCRIPTOR.services_by_name["ProvisionerService"].full_name
QUICK = Limits(drain_notice=0.05, drain_grace=3.0)
NOW = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass
class Stack:
    """The running service with its neighbours."""

    started: Started
    authority: Authority
    provisioner: Provisioner
    payments: Payments
    quotas: Quotas
    settings: dict[str, str]
    port: int
    resources: AsyncExitStack

    async def sink(self, caller: str) -> FactSinkClient:
        return FactSinkClient(await self._channel(caller))

    async def stub(self) -> "subscription_service_pb2_grpc.SubscriptionServiceAsyncStub":
        return subscription_service_pb2_grpc.SubscriptionServiceStub(await self._channel("gateway"))

    async def _channel(self, caller: str) -> Channel:
        tls = self.authority.issue(caller)
        address = f"127.0.0.1:{self.port}"
        channel = connect(address, server_name="subscription", tls=tls)
        return await self.resources.enter_async_context(channel)


def fact(
    message: Message, revision: int = 0, key: str = "customer:stripe/acct_1/cus_1"
) -> FactRecord:
    payload = message.SerializeToString(deterministic=True)
    name = derived("fct", message.DESCRIPTOR.full_name, payload.hex(), str(revision))
    return FactRecord(name, key, revision, message.DESCRIPTOR.full_name, payload)


def paid(checkout_id: str, price: str = "price_pro") -> payments_pb.CheckoutPaid:
    message = payments_pb.CheckoutPaid(
        checkout_id=checkout_id, provider_subscription_id=f"sub_{checkout_id}"
    )
    message.customer.provider, message.customer.provider_account = "stripe", "acct_1"
    message.customer.customer_id = "cus_1"
    message.customer.identity["user_id"] = "ann"
    message.items.add(price_id=price, quantity=1)
    message.total.currency, message.total.minor_units = "usd", 4900
    message.pay_time.FromDatetime(NOW)
    message.receive_time.FromDatetime(NOW)
    return message


def methods(module: ModuleType, service: str) -> list[str]:
    """Return the full names of a service's methods."""
    found = module.DESCRIPTOR.services_by_name[service]
    return [f"/{found.full_name}/{method.name}" for method in found.methods]


def ours(*names: str) -> AccessTable:
    """Let subscription alone call these methods."""
    return {name: Rule(callers=frozenset({"subscription"})) for name in names}


@asynccontextmanager
async def serving(
    name: str, servicers: Servicers, access: AccessTable, authority: Authority
) -> AsyncIterator[int]:
    """Run a neighbour; yields its internal port."""
    health = Health()
    server = GrpcServer(
        name,
        servicers,
        access,
        TokenVerifier("http://127.0.0.1:1", audience="tollgate", clock=SystemClock()),
        public=Listener("127.0.0.1:0"),
        internal=Listener("127.0.0.1:0", authority.issue(name)),
        health=health,
        metrics=Metrics(),
        limits=QUICK,
    )
    await server.start()
    health.mark_all(True)
    try:
        yield server.internal_port
    finally:
        await server.drain()


@pytest.fixture
async def stack(database: Database, tmp_path: Path) -> AsyncIterator[Stack]:
    authority, provisioner = Authority(tmp_path), Provisioner()
    payments, quotas, catalogs = Payments(), Quotas(), MemoryPricingTransactions()
    for name, text in (("sessions", CATALOG), ("pools", POOLS)):
        await pricing.activate(catalogs, parse_catalog(text, f"{name}.yaml"), edited=False)
    await pricing.activate_rate_card(catalogs, parse_rate_card(RATES, "rates.yaml"), edited=False)
    dsns = await database.service("subscription")
    prices_of = PricingServicer(catalogs, RandomIds())
    async with AsyncExitStack() as resources:
        tasks = await resources.enter_async_context(asyncio.TaskGroup())
        prices = await resources.enter_async_context(
            serving(
                "pricing",
                [
                    (
                        add_PricingServiceServicer_to_server,
                        prices_of,
                        PRICING,
                    )
                ],
                PRICING_ACCESS,
                authority,
            )
        )
        orders = await resources.enter_async_context(
            serving(
                "provisioner",
                [
                    (
                        add_FactSinkServicer_to_server,
                        FactSinkServicer(provisioner.take, tasks),
                        SINK,
                    ),
                    (add_ProvisionerServiceServicer_to_server, quotas, PROVISIONER),
                ],
                ours(DELIVER, *methods(provisioner_service_pb2, "ProvisionerService")),
                authority,
            )
        )
        pages = await resources.enter_async_context(
            serving(
                "payments",
                [(add_PaymentsServiceServicer_to_server, payments, PAYMENTS)],
                ours(*methods(payments_service_pb2, "PaymentsService")),
                authority,
            )
        )
        files = authority.issue("subscription")
        settings = {
            "TOLLGATE_PUBLIC_ADDRESS": "127.0.0.1:0",
            "TOLLGATE_INTERNAL_ADDRESS": "127.0.0.1:0",
            "TOLLGATE_TLS_CERT": str(files.cert),
            "TOLLGATE_TLS_KEY": str(files.key),
            "TOLLGATE_TLS_CA": str(files.ca),
            "TOLLGATE_OIDC_BASE": "http://127.0.0.1:1",
            "TOLLGATE_PRICING_TARGET": f"127.0.0.1:{prices}",
            "TOLLGATE_PROVISIONER_TARGET": f"127.0.0.1:{orders}",
            "TOLLGATE_PAYMENTS_TARGET": f"127.0.0.1:{pages}",
            "TOLLGATE_PRICE_RETRY_SECONDS": "0.2",
            "TOLLGATE_REFUND_POLL_SECONDS": "0.2",
            "TOLLGATE_REFUND_DELAY_SECONDS": "0.1",
            "DATABASE_URL": dsns.service,
            "TOLLGATE_MIGRATE_URL": dsns.owner,
        }
        started = await resources.enter_async_context(program("services.subscription", **settings))
        port = (await started.line("listening"))["internal_port"]
        yield Stack(started, authority, provisioner, payments, quotas, settings, port, resources)
