"""The server as a whole: what stops it from starting, health, reflection, draining, metrics."""

import asyncio
import socket
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
import structlog
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from services.chassis.access import Rule
from services.chassis.channel import Channel, connect
from services.chassis.env import StartError
from services.chassis.errors import Unavailable
from services.chassis.health import Health
from services.chassis.metrics import Metrics
from services.chassis.server import GrpcServer, Listener
from services.chassis.sink import DELIVER, SERVICE
from services.chassis.tokens import TokenVerifier
from tests.unit.chassis.rpc.support import (
    BASE,
    Authority,
    Issuer,
    ManualClock,
    Request,
    Response,
    Running,
    SmallService,
    running,
    server_of,
    stub_of,
)

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


def test_a_method_without_a_rule_stops_the_start(authority: Authority, issuer: Issuer) -> None:
    with pytest.raises(StartError, match=f"no access rule for {DELIVER}"):
        server_of(authority, issuer, SmallService(), access={})


def test_a_rule_for_nothing_stops_the_start(authority: Authority, issuer: Issuer) -> None:
    access = {DELIVER: Rule(), f"/{SERVICE}/Delivr": Rule()}
    with pytest.raises(StartError, match="Delivr, which is not served"):
        server_of(authority, issuer, SmallService(), access=access)


async def test_a_taken_port_is_said_in_one_sentence(authority: Authority, issuer: Issuer) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        server = server_of(authority, issuer, SmallService(), internal_address=address)
        with pytest.raises(StartError) as caught:
            await server.start()
        assert str(caught.value) == (
            f"pricing cannot listen on {address}: another process already does."
        )
        await server.drain()


async def test_two_servers_never_share_a_port(authority: Authority, issuer: Issuer) -> None:
    async with running(authority, issuer) as small:
        address = f"127.0.0.1:{small.server.internal_port}"
        second = server_of(authority, issuer, SmallService(), internal_address=address)
        with pytest.raises(StartError, match="another process already does"):
            await second.start()
        await second.drain()


def test_a_certificate_with_the_key_of_another_stops_the_start(
    authority: Authority, issuer: Issuer, tmp_path: Path
) -> None:
    server = server_of(authority, issuer, SmallService())
    other = authority.issue("other")
    (tmp_path / "pricing" / "key.pem").write_bytes(other.key.read_bytes())
    with pytest.raises(StartError, match="belongs to another certificate"):
        asyncio.run(server.start())


def test_an_internal_listener_without_an_authority_stops_the_start(issuer: Issuer) -> None:
    public = Listener("127.0.0.1:0")
    verifier = TokenVerifier(BASE, audience="tollgate", clock=ManualClock(), fetch=issuer.fetch)
    with pytest.raises(StartError, match="internal listener needs"):
        GrpcServer(
            "pricing",
            [],
            {},
            verifier,
            public=public,
            internal=public,
            health=Health(),
            metrics=Metrics(),
        )


async def check(small: Running, service: str) -> int:
    stub = health_pb2_grpc.HealthStub(small.public())
    request = health_pb2.HealthCheckRequest(service=service)
    answer: health_pb2.HealthCheckResponse = await stub.Check(request, timeout=5)  # type: ignore[attr-defined]  # the stubs type no methods
    return answer.status


async def test_health_is_open_and_says_what_the_root_said(small: Running) -> None:
    assert await check(small, SERVICE) == SERVING
    assert await check(small, "") == SERVING
    small.health.mark(SERVICE, False)
    assert await check(small, SERVICE) == NOT_SERVING
    assert await check(small, "") == NOT_SERVING
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await check(small, "no.such.Service")
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_nothing_serves_before_the_root_says_so(authority: Authority, issuer: Issuer) -> None:
    async with running(authority, issuer) as small:
        small.health.mark_all(False)
        with pytest.raises(Unavailable):
            await stub_of(small.internal(attempts=2)).Deliver(Request(), timeout=1)
        small.health.mark_all(True)
        await stub_of(small.internal()).Deliver(Request())


async def listed(channel: grpc.aio.Channel, token: str | None) -> set[str]:
    # The stubs of this package type neither the aio channel nor the method.
    make_stub: Any = reflection_pb2_grpc.ServerReflectionStub
    stub = make_stub(channel)
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    metadata = [("authorization", f"Bearer {token}")] if token else []
    stream: Any = stub.ServerReflectionInfo(iter([request]), metadata=metadata, timeout=5)
    names: set[str] = set()
    async for answer in stream:
        names |= {item.name for item in answer.list_services_response.service}
    return names


async def test_reflection_lists_services_to_whoever_is_signed_in(small: Running) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await listed(small.public(), None)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    guest = small.issuer.token(groups=[], namespaces=[])
    assert SERVICE in await listed(small.public(), guest)


async def call_until(stop: asyncio.Event, stub: Any, failures: list[Exception]) -> int:
    """Call one after the other until told; return how many calls were answered."""
    answered = 0
    while not stop.is_set():
        try:
            await stub.Deliver(Request())
            answered += 1
        except Exception as error:  # noqa: BLE001 - whatever fails is counted
            failures.append(error)
    return answered


async def test_a_drain_loses_no_call_of_a_steady_stream(
    authority: Authority, issuer: Issuer
) -> None:
    async def slow(request: Request, context: Any) -> Response:
        await asyncio.sleep(0.01)
        return Response()

    stop = asyncio.Event()
    failures: list[Exception] = []
    async with running(authority, issuer, slow) as first, running(authority, issuer, slow) as two:
        ports = (first.server.internal_port, two.server.internal_port)
        target = "ipv4:" + ",".join(f"127.0.0.1:{port}" for port in ports)
        both = _connect(target, authority)
        stub = stub_of(both)
        async with asyncio.TaskGroup() as callers:
            tasks = [callers.create_task(call_until(stop, stub, failures)) for _ in range(8)]
            await stub.Deliver(Request(), wait_for_ready=True)
            await first.server.drain()
            before = two.metrics.text()
            await stub.Deliver(Request())
            stop.set()
        assert failures == []
        assert sum(task.result() for task in tasks) > 8
        assert two.metrics.text() != before
        await both.close()


def _connect(target: str, authority: Authority) -> Channel:
    # One attempt only: a retry would hide a call that the drain lost.
    own = authority.issue("payments")
    return connect(target, server_name="pricing", tls=own, attempts=1)


async def test_a_drain_waits_for_calls_and_not_for_health_watches(
    authority: Authority, issuer: Issuer
) -> None:
    entered, go = asyncio.Event(), asyncio.Event()

    async def hold(request: Request, context: Any) -> Response:
        entered.set()
        await go.wait()
        return Response()

    async with running(authority, issuer, hold) as small:
        stub = stub_of(small.internal())
        watch = health_pb2_grpc.HealthStub(small.public()).Watch(  # type: ignore[attr-defined]  # as above
            health_pb2.HealthCheckRequest(service=SERVICE)
        )
        assert (await watch.read()).status == SERVING
        async with asyncio.TaskGroup() as tasks:
            call = tasks.create_task(_deliver(stub))
            await entered.wait()
            drain = tasks.create_task(small.server.drain())
            await asyncio.wait([drain], timeout=0.2)
            assert not drain.done()
            assert (await watch.read()).status == NOT_SERVING
            go.set()
            # Well within the grace of three seconds, though somebody still watches.
            async with asyncio.timeout(1.5):
                await call
                await drain


async def _deliver(stub: Any) -> Any:
    return await stub.Deliver(Request())


async def test_every_call_is_counted_by_method_and_code(small: Running) -> None:
    await small.call_public(small.issuer.token())
    with pytest.raises(grpc.aio.AioRpcError):
        await small.call_public()
    text = small.metrics.text().decode()
    for code in ("OK", "UNAUTHENTICATED"):
        series = f'{{code="{code}",listener="public",method="{DELIVER}"}} 1.0'
        assert f"tollgate_rpc_handled_total{series}" in text


async def test_each_call_is_one_line_that_holds_no_token(
    small: Running, logs: list[structlog.typing.EventDict]
) -> None:
    token = small.issuer.token()
    await small.call_public(token)
    await stub_of(small.internal("payments")).Deliver(Request())
    with pytest.raises(grpc.aio.AioRpcError):
        await small.call_public(small.issuer.token(groups=[], namespaces=[]))
    lines = [line for line in logs if line["event"] == "rpc"]
    kept = ("method", "code", "principal", "caller", "reason", "listener")
    assert [{key: line[key] for key in kept if key in line} for line in lines] == [
        {"method": DELIVER, "code": "OK", "principal": "alice", "listener": "public"},
        {
            "method": DELIVER,
            "code": "OK",
            "principal": "payments",
            "caller": "payments",
            "listener": "internal",
        },
        {
            "method": DELIVER,
            "code": "PERMISSION_DENIED",
            "principal": "alice",
            "reason": "ROLE_NOT_ALLOWED",
            "listener": "public",
        },
    ]
    assert all(line["ms"] > 0 for line in lines)
    assert token not in repr(logs)
