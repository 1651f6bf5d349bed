"""A gRPC client that knows nothing but reflection."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from tests.e2e.world import World

CALLS = {
    "pricing": ("tollgate.pricing.v1.PricingService", "ListPlans", "plans"),
    "subscription": ("tollgate.subscription.v1.SubscriptionService", "ListAccounts", "accounts"),
    "payments": ("tollgate.payments.v1.PaymentsService", "GetProvider", "provider"),
    "provisioner": ("tollgate.provisioner.v1.ProvisionerService", "ListTenants", "tenants"),
}


class Stranger:
    """Learns a server's services from the server alone."""

    def __init__(self, target: str, token: str | None) -> None:
        self._channel = grpc.aio.insecure_channel(target)
        connect: Any = reflection_pb2_grpc.ServerReflectionStub
        self._stub = connect(self._channel)
        self._metadata = (("authorization", f"Bearer {token}"),) if token else ()
        self._pool = descriptor_pool.DescriptorPool()
        self._known: set[str] = set()

    async def close(self) -> None:
        await self._channel.close()

    async def services(self) -> list[str]:
        answer = await self._ask(reflection_pb2.ServerReflectionRequest(list_services=""))
        return [service.name for service in answer.list_services_response.service]

    async def turned_away(self) -> grpc.StatusCode:
        # Nothing is sent: a stream that is refused at once would race with its first message.
        call = self._stub.ServerReflectionInfo(metadata=self._metadata, timeout=10)
        code: grpc.StatusCode = await call.code()
        return code

    async def call(self, service: str, method: str) -> Any:
        answer = await self._ask(
            reflection_pb2.ServerReflectionRequest(file_containing_symbol=service)
        )
        await self._learn(answer)
        found = self._pool.FindServiceByName(service).methods_by_name[method]
        request = message_factory.GetMessageClass(found.input_type)
        response = message_factory.GetMessageClass(found.output_type)
        rpc: Any = self._channel.unary_unary(
            f"/{service}/{method}", request.SerializeToString, response.FromString
        )
        return await rpc(request(), metadata=self._metadata, timeout=10)

    async def _learn(self, answer: Any) -> None:
        for raw in answer.file_descriptor_response.file_descriptor_proto:
            file = descriptor_pb2.FileDescriptorProto.FromString(raw)
            if file.name in self._known:
                continue
            self._known.add(file.name)
            for needed in file.dependency:
                if needed not in self._known:
                    request = reflection_pb2.ServerReflectionRequest(file_by_filename=needed)
                    await self._learn(await self._ask(request))
            self._pool.Add(file)

    async def _ask(self, request: Any) -> Any:
        async def questions() -> AsyncIterator[Any]:
            yield request

        answers = self._stub.ServerReflectionInfo(questions(), metadata=self._metadata, timeout=10)
        async for answer in answers:
            return answer
        raise AssertionError("the server answered nothing")


@pytest.mark.parametrize("name", CALLS)
async def test_a_client_with_a_token_lists_and_calls_the_service(world: World, name: str) -> None:
    service, method, field = CALLS[name]
    token = world.endpoints["tokens"]["platform-admin"]
    stranger = Stranger(world.endpoints["grpc"][name], token)
    try:
        assert service in await stranger.services()
        answer = await stranger.call(service, method)
        assert field in answer.DESCRIPTOR.fields_by_name
    finally:
        await stranger.close()


@pytest.mark.parametrize("name", CALLS)
async def test_a_client_without_a_token_is_refused(world: World, name: str) -> None:
    service, method, _ = CALLS[name]
    stranger = Stranger(world.endpoints["grpc"][name], None)
    try:
        assert await stranger.turned_away() is grpc.StatusCode.UNAUTHENTICATED
    finally:
        await stranger.close()
    channel = grpc.aio.insecure_channel(world.endpoints["grpc"][name])
    try:
        rpc: Any = channel.unary_unary(f"/{service}/{method}")
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await rpc(b"", timeout=10)
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
    finally:
        await channel.close()
