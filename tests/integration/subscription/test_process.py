"""`python -m services.subscription` between the real pricing servicer and a small provisioner."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from google.protobuf.message import Message

from services.chassis.access import AccessTable, Rule
from services.chassis.channel import Channel, connect
from services.chassis.clock import SystemClock
from services.chassis.errors import PermissionDenied
from services.chassis.facts import FactRecord, Outcome
from services.chassis.health import Health
from services.chassis.identity import acting
from services.chassis.ids import derived
from services.chassis.metrics import Metrics
from services.chassis.server import GrpcServer, Limits, Listener, Servicers
from services.chassis.sink import DELIVER, FactSinkClient, FactSinkServicer
from services.chassis.sink import SERVICE as SINK
from services.chassis.tokens import TokenVerifier
from services.pricing import usecases as pricing
from services.pricing.access import ACCESS as PRICING_ACCESS
from services.pricing.catalog_file import parse_catalog
from services.pricing.servicer import SERVICE as PRICING
from services.pricing.servicer import PricingServicer
from tests.fakes.pricing import MemoryCatalogTransactions
from tests.fakes.subscription_world import ADMIN
from tests.integration.postgres_fixture import Database
from tests.unit.chassis.rpc.starting import Started, program
from tests.unit.chassis.rpc.support import Authority
from tollgate.common.v1.fact_sink_service_pb2_grpc import add_FactSinkServicer_to_server
from tollgate.payments.v1 import events_pb2 as payments_pb
from tollgate.pricing.v1.pricing_service_pb2_grpc import add_PricingServiceServicer_to_server
from tollgate.provisioner.v1 import events_pb2 as provisioner_pb
from tollgate.provisioner.v1 import provisioner_pb2
from tollgate.subscription.v1 import events_pb2, subscription_pb2, subscription_service_pb2_grpc
from tollgate.subscription.v1 import subscription_service_pb2 as pb

CATALOG = """\
catalog: sessions
foreign_checkout: create_account
plans:
  professional:
    name: Professional
    prices: [{currency: usd, interval: month, amount: "49.00", stripe_price: price_pro}]
    provisions: {kind: namespace, quota: {pods: 50, memory: 6400M}}
    on_unpaid: suspend_then_cancel
    on_end: delete
"""
QUICK = Limits(drain_notice=0.05, drain_grace=3.0)
NOW = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass
class Provisioner:
    """What the provisioner was told."""

    facts: list[FactRecord] = field(default_factory=list)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def take(self, fact: FactRecord, source: str) -> None:
        assert source == "subscription"
        async with self.news:
            self.facts.append(fact)
            self.news.notify_all()

    async def orders(self, count: int) -> list[events_pb2.CapacityOrdered]:
        async with asyncio.timeout(20), self.news:
            await self.news.wait_for(lambda: len(self.facts) >= count)
        return [events_pb2.CapacityOrdered.FromString(fact.payload) for fact in self.facts]


@dataclass
class Stack:
    """The running service with its neighbours."""

    started: Started
    authority: Authority
    provisioner: Provisioner
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
    catalogs = MemoryCatalogTransactions()
    await pricing.activate(catalogs, parse_catalog(CATALOG, "sessions.yaml"), edited=False)
    dsns = await database.service("subscription")
    async with AsyncExitStack() as resources:
        tasks = await resources.enter_async_context(asyncio.TaskGroup())
        prices = await resources.enter_async_context(
            serving(
                "pricing",
                [(add_PricingServiceServicer_to_server, PricingServicer(catalogs), PRICING)],
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
                    )
                ],
                {DELIVER: Rule(callers=frozenset({"subscription"}))},
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
            "TOLLGATE_PRICE_RETRY_SECONDS": "0.2",
            "DATABASE_URL": dsns.service,
            "TOLLGATE_MIGRATE_URL": dsns.owner,
        }
        started = await resources.enter_async_context(program("services.subscription", **settings))
        port = (await started.line("listening"))["internal_port"]
        yield Stack(started, authority, provisioner, settings, port, resources)


async def test_a_payment_becomes_an_order_and_the_observation_comes_back(stack: Stack) -> None:
    payments = await stack.sink("payments")
    answers = await payments.deliver([fact(paid("cs_1")), fact(paid("cs_1")), fact(paid("cs_2"))])
    assert {answer.outcome for answer in answers} == {Outcome.ACCEPTED}
    [order] = await stack.provisioner.orders(1)
    assert order.phase == subscription_pb2.PHASE_RUNNING
    assert (order.plan, order.owner_subject) == ("sessions/professional", "ann")
    assert order.capacity.namespace.quota["pods"] == "50"
    assert order.receive_time.ToDatetime(tzinfo=UTC) == NOW

    seen = provisioner_pb.CapacityObserved(
        tenant="ten_1",
        account=order.account,
        incarnation=1,
        epoch=1,
        generation=1,
        phase=provisioner_pb2.TENANT_PHASE_READY,
        namespace="customer-1",
    )
    provisioner = await stack.sink("provisioner")
    [answer] = await provisioner.deliver([fact(seen, 1, "tenant:ten_1")])
    assert answer.outcome is Outcome.ACCEPTED
    stub = await stack.stub()
    with acting(ADMIN):
        request = pb.GetCapacityOrderRequest(account=order.account)
        found = (await stub.GetCapacityOrder(request)).order
        purchases = (await stub.ListPurchases(pb.ListPurchasesRequest())).purchases
    assert (found.observation.phase, found.observation.namespace) == ("Ready", "customer-1")
    statuses = {purchase.checkout_id: purchase.status for purchase in purchases}
    assert statuses == {
        "cs_1": subscription_pb2.Purchase.STATUS_APPLIED,
        "cs_2": subscription_pb2.Purchase.STATUS_REFUND_DUE,
    }
    stack.started.process.terminate()
    code, complaint = await stack.started.end()
    assert (code, complaint) == (0, "")
    alerts = [line["alert"] for line in stack.started.lines if "alert" in line]
    assert alerts == ["ACCOUNT_HAS_SUBSCRIPTION"]


async def test_what_can_never_be_taken_is_rejected_and_what_is_not_known_is_kept(
    stack: Stack,
) -> None:
    unpaid = paid("cs_1")
    unpaid.ClearField("pay_time")
    broken = FactRecord("fct_b", "k", 0, "tollgate.payments.v1.CheckoutPaid", b"\xff")
    new = FactRecord("fct_n", "k2", 0, "tollgate.payments.v1.Newer", b"x")
    payments, provisioner = await stack.sink("payments"), await stack.sink("provisioner")
    outcomes = [a.outcome for a in await payments.deliver([fact(unpaid), broken, new])]
    assert outcomes == [Outcome.REJECTED, Outcome.REJECTED, Outcome.ACCEPTED]
    [forged] = await provisioner.deliver([fact(paid("cs_2"))])
    assert forged.outcome is Outcome.REJECTED
    with pytest.raises(PermissionDenied):
        await (await stack.sink("gateway")).deliver([fact(paid("cs_3"))])


async def test_an_operator_raises_the_epoch_and_every_order_is_given_again(stack: Stack) -> None:
    await (await stack.sink("payments")).deliver([fact(paid("cs_1"))])
    await stack.provisioner.orders(1)
    arguments = ("raise-epoch", "--reason", "restored")
    async with program("services.subscription", *arguments, **stack.settings) as command:
        out, _ = await command.process.communicate()
    assert command.process.returncode == 0
    assert b"The epoch is 2" in out
    first, second = await stack.provisioner.orders(2)
    assert (first.epoch, second.epoch) == (1, 2)
    assert second.generation > first.generation
