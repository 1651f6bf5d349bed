"""The two RPCs that everything asks first: what does it cost, and may she."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import aiohttp
import grpc.aio

from deploy.sandbox.demo.console import Console
from deploy.sandbox.demo.kube_dc import KubeDc
from deploy.sandbox.demo.shop import GOOD_CARD, Shop
from deploy.sandbox.demo.tollgate import until
from tests.bench.processes import Meter
from tests.bench.rpc.driving import Side
from tests.bench.stack import BenchStack, carried
from tollgate.pricing.v1 import pricing_pb2, pricing_service_pb2
from tollgate.pricing.v1.pricing_service_pb2_grpc import PricingServiceStub
from tollgate.subscription.v1 import subscription_service_pb2
from tollgate.subscription.v1.subscription_service_pb2_grpc import SubscriptionServiceStub

_PLAN = "kube-dc/pro-pool"
_PATIENCE = 60.0
_TIMEOUT = 10.0
_DEPLOYMENTS = 100


@dataclass(frozen=True)
class Sample:
    """One RPC of the product with the bytes of its request and of its answer."""

    name: str
    side: Side
    asked: int
    answered: int
    channel: grpc.aio.Channel


async def price(stack: BenchStack) -> Sample:
    """CalculatePrice of five resources, with a region, a backup plan and two features.

    Many deployments in turn: nobody asks the same price all day.
    """
    channel = stack.channel("pricing")
    method = PricingServiceStub(channel).CalculatePrice
    requests = [_deployment(number) for number in range(_DEPLOYMENTS)]
    answers = [await method(request, metadata=carried(), timeout=_TIMEOUT) for request in requests]
    pairs = list(zip(requests, answers, strict=True))
    return _sample(stack, "price of 5", "pricing", channel, method, pairs)


def _deployment(number: int) -> pricing_service_pb2.CalculatePriceRequest:
    resources = [
        pricing_pb2.ResourceSpec(
            type=kind,
            cpu=f"{cpu + number * 10}m",
            memory=f"{memory + number * 16}Mi",
            storage=f"{storage + number}.5",
            replicas=1 + number % 4,
        )
        for kind, cpu, memory, storage in (
            ("wordpress", 2000, 4096, 20),
            ("webapp", 500, 512, 1),
            ("database", 4000, 16384, 200),
            ("cache", 250, 2048, 0),
            ("worker", 1000, 2560, 10),
        )
    ]
    deployment = pricing_pb2.Deployment(
        resources=resources,
        region="eu-west-1",
        duration_hours=str(720 + number),
        backup_plan="basic",
        features=["monitoring", "ssl"],
    )
    return pricing_service_pb2.CalculatePriceRequest(deployment=deployment)


async def entitlement(stack: BenchStack) -> Sample:
    """ValidateSubscription by a member of an organization that has paid for a plan."""
    request = subscription_service_pb2.ValidateSubscriptionRequest(catalog="kube-dc")
    channel = stack.channel("subscription")
    method = SubscriptionServiceStub(channel).ValidateSubscription
    await _buy(stack)

    async def paid() -> Any:
        answer = await method(request, metadata=carried(), timeout=_TIMEOUT)
        held = answer.entitlement
        settled = held.plan == _PLAN and held.HasField("next_billing_time")
        return answer if settled else None

    answer = await until(paid, _PATIENCE, "the organization's plan")
    return _sample(stack, "entitlement", "subscription", channel, method, [(request, answer)])


async def _buy(stack: BenchStack) -> None:
    """Have the organization buy a plan over REST, and pay."""
    organization = KubeDc(Path(stack.endpoints["kubernetes"]["kubeconfig"]), "acme", ("web",))
    stripe = stack.endpoints["stripe"]
    try:
        await organization.found()
    finally:
        await organization.close()
    async with aiohttp.ClientSession() as http:
        admin = Console(http, stack.endpoints["gateway"], stack.endpoints["tokens"]["org-admin"])
        page = await admin.subscribe(_PLAN.partition("/")[2])
        assert page.status == 200, page
        shop = Shop(http, stripe["api_base"], stripe["secret_key"])
        assert await shop.pay_at(page.data["url"], GOOD_CARD) == 303


def _sample(
    stack: BenchStack,
    name: str,
    service: str,
    channel: grpc.aio.Channel,
    method: Callable[..., Any],
    pairs: Sequence[tuple[Any, Any]],
) -> Sample:
    metadata, turns = carried(), cycle(pairs)
    pids = stack.stack.supervisor.pids()
    others = {name: pids[name] for name in ("pricing", "postgres") if name != service}
    meter = Meter({"server": pids[service]} | others)

    async def call() -> bool:
        request, expected = next(turns)
        answer = await method(request, metadata=metadata, timeout=_TIMEOUT)
        return bool(answer == expected)

    asked, answered = (message.ByteSize() for message in pairs[0])
    return Sample(name, Side(name, call, meter, bool), asked, answered, channel)
