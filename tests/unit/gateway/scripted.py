"""Servers of the services' contracts that answer what a test sets, and a channel to them."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import grpc.aio
import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from services.chassis.channel import Channel, connect
from services.chassis.errors import Refusal
from services.chassis.status import DETAILS_KEY, to_status
from tollgate.common.v1 import money_pb2
from tollgate.pricing.v1 import pricing_service_pb2_grpc
from tollgate.provisioner.v1 import provisioner_service_pb2_grpc
from tollgate.subscription.v1 import subscription_service_pb2_grpc

MARCH = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass
class Script:
    """Answers each method as the test says, and remembers what was asked."""

    answers: dict[str, Callable[[Any], Message]] = field(default_factory=dict)
    asked: list[Any] = field(default_factory=list)

    async def answer(self, method: str, request: Any, context: Any) -> Message:
        self.asked.append(request)
        try:
            return self.answers[method](request)
        except Refusal as refusal:
            status = to_status(refusal)
            details = ((DETAILS_KEY, status.SerializeToString()),)
            code = next(one for one in grpc.StatusCode if one.value[0] == status.code)
            await context.abort(code, status.message, details)
            raise


def scripted(base: type, script: Script) -> Any:
    """Return a servicer of a contract whose every method asks the script."""

    def method(name: str) -> Any:
        async def answer(self: object, request: Any, context: Any) -> Message:
            return await script.answer(name, request, context)

        return answer

    names = [name for name in vars(base) if name[0].isupper()]
    return type("Scripted", (base,), {name: method(name) for name in names})()


@dataclass
class Line:
    script: Script
    channel: Channel


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    script, server = Script(), grpc.aio.server()
    pricing_service_pb2_grpc.add_PricingServiceServicer_to_server(
        scripted(pricing_service_pb2_grpc.PricingServiceServicer, script), server
    )
    subscription_service_pb2_grpc.add_SubscriptionServiceServicer_to_server(
        scripted(subscription_service_pb2_grpc.SubscriptionServiceServicer, script), server
    )
    provisioner_service_pb2_grpc.add_ProvisionerServiceServicer_to_server(
        scripted(provisioner_service_pb2_grpc.ProvisionerServiceServicer, script), server
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(server.stop, None)
        channel = connect(f"127.0.0.1:{port}", server_name="any", tls=None, attempts=1)
        stack.push_async_callback(channel.close)
        yield Line(script, channel)


def stamp(time: datetime) -> Timestamp:
    made = Timestamp()
    made.FromDatetime(time)
    return made


def usd(cents: int) -> money_pb2.Money:
    return money_pb2.Money(currency="usd", minor_units=cents)
