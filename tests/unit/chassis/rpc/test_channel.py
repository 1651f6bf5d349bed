"""Channels: deadlines that shrink, retries, certificates that are replaced, traces that go on."""

import asyncio
import ssl
from dataclasses import replace
from typing import Any

import grpc.aio
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from services.chassis import deadline
from services.chassis.channel import connect
from services.chassis.errors import DeadlineExceeded, FailedPrecondition, NotFound, Unavailable
from services.chassis.telemetry import current_traceparent, remote_span
from tests.unit.chassis.rpc.support import (
    QUICK,
    Authority,
    Issuer,
    ManualClock,
    Request,
    Response,
    running,
    stub_of,
    until,
)
from tollgate.common.v1 import facts_pb2


def said(text: str) -> Response:
    return Response(results=[facts_pb2.FactResult(reason=text)])


async def say_remaining(request: Request, context: Any) -> Response:
    return said(str(deadline.remaining()))


async def test_a_deadline_shrinks_at_each_hop(authority: Authority, issuer: Issuer) -> None:
    async with running(authority, issuer, say_remaining) as behind:
        onward = stub_of(behind.internal())

        async def relay(request: Request, context: Any) -> Response:
            here = deadline.remaining()
            answer = await onward.Deliver(Request(), timeout=60)
            return said(f"{here} {answer.results[0].reason}")

        async with running(authority, issuer, relay) as front:
            answer = await stub_of(front.internal()).Deliver(Request(), timeout=2)
        here, there = (float(part) for part in answer.results[0].reason.split())
        # On the wire a timeout is rounded up to milliseconds.
        assert 0 < there <= here - deadline.MARGIN + 0.01 < 2


async def test_a_call_without_time_left_is_not_made(authority: Authority, issuer: Issuer) -> None:
    calls = 0

    async def count(request: Request, context: Any) -> Response:
        nonlocal calls
        calls += 1
        return Response()

    async with running(authority, issuer, count) as small:
        stub = stub_of(small.internal())
        with deadline.within(deadline.MARGIN / 2), pytest.raises(DeadlineExceeded):
            await stub.Deliver(Request())
        assert calls == 0


async def test_a_handler_is_bounded_when_its_caller_brings_no_deadline(
    authority: Authority, issuer: Issuer
) -> None:
    async def forever(request: Request, context: Any) -> Response:
        await asyncio.Event().wait()
        return Response()

    limits = replace(QUICK, without_deadline=0.05)
    async with running(authority, issuer, forever, limits=limits) as small:
        metadata = (("authorization", f"Bearer {issuer.token()}"),)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub_of(small.public()).Deliver(Request(), metadata=metadata)
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_the_deadline_of_the_caller_ends_the_call(
    authority: Authority, issuer: Issuer
) -> None:
    ended = asyncio.Event()

    async def forever(request: Request, context: Any) -> Response:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return Response()

    async with running(authority, issuer, forever) as small:
        with pytest.raises(DeadlineExceeded):
            await stub_of(small.internal()).Deliver(Request(), timeout=0.3)
        await asyncio.wait_for(ended.wait(), 5)


async def test_a_call_survives_the_restart_of_the_other_side(
    authority: Authority, issuer: Issuer
) -> None:
    async with running(authority, issuer) as first:
        channel = first.internal()
        stub = stub_of(channel)
        await stub.Deliver(Request())
        address = f"127.0.0.1:{first.server.internal_port}"
        await first.server.drain()
        first.channels.clear()
        async with asyncio.TaskGroup() as tasks:
            call = tasks.create_task(_deliver(stub))
            async with running(authority, issuer, internal_address=address):
                await call
        await channel.close()


async def _deliver(stub: Any) -> Any:
    return await stub.Deliver(Request(), timeout=10)


async def test_only_what_was_unavailable_is_tried_again(
    authority: Authority, issuer: Issuer
) -> None:
    seen: list[str] = []

    async def fail_first(request: Request, context: Any) -> Response:
        seen.append("call")
        if len(seen) == 1:
            raise Unavailable("not now")
        if len(seen) == 2:
            return Response()
        raise FailedPrecondition("never")

    async with running(authority, issuer, fail_first) as small:
        stub = stub_of(small.internal())
        await stub.Deliver(Request())
        assert len(seen) == 2
        with pytest.raises(FailedPrecondition):
            await stub.Deliver(Request())
        assert len(seen) == 3


async def test_certificates_are_replaced_on_both_sides_without_a_restart(
    authority: Authority, issuer: Issuer
) -> None:
    clock = ManualClock()
    async with running(authority, issuer) as small:
        target = f"127.0.0.1:{small.server.internal_port}"
        files = authority.issue("payments")
        async with connect(target, server_name="pricing", tls=files, clock=clock) as channel:
            stub = stub_of(channel)
            await stub.Deliver(Request())
            before = await served_certificate(target, authority)
            authority.issue("pricing")
            assert await served_certificate(target, authority) != before
            first = channel.live_number
            authority.issue("payments")
            await stub.Deliver(Request())
            assert channel.live_number == first
            clock.passed = 2.0
            await stub.Deliver(Request())
            assert channel.live_number == first + 1


async def test_a_half_replaced_certificate_is_left_alone(
    authority: Authority, issuer: Issuer
) -> None:
    clock = ManualClock()
    async with running(authority, issuer) as small:
        target = f"127.0.0.1:{small.server.internal_port}"
        files = authority.issue("payments")
        old_key = files.key.read_bytes()
        async with connect(target, server_name="pricing", tls=files, clock=clock) as channel:
            stub = stub_of(channel)
            await stub.Deliver(Request())
            authority.issue("payments")
            new_key = files.key.read_bytes()
            files.key.write_bytes(old_key)
            clock.passed = 2.0
            await stub.Deliver(Request())
            assert channel.live_number == 1
            files.key.write_bytes(new_key)
            clock.passed = 4.0
            await stub.Deliver(Request())
            assert channel.live_number == 2


async def test_a_call_that_runs_keeps_the_old_channel_until_it_ends(
    authority: Authority, issuer: Issuer
) -> None:
    entered, go = asyncio.Event(), asyncio.Event()

    async def hold_first(request: Request, context: Any) -> Response:
        if not entered.is_set():
            entered.set()
            await go.wait()
        return Response()

    clock = ManualClock()
    async with running(authority, issuer, hold_first) as small:
        target = f"127.0.0.1:{small.server.internal_port}"
        files = authority.issue("payments")
        async with connect(target, server_name="pricing", tls=files, clock=clock) as channel:
            stub = stub_of(channel)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_deliver(stub))
                await entered.wait()
                authority.issue("payments")
                clock.passed = 2.0
                await stub.Deliver(Request())
                assert channel.live_number == 2
                go.set()


async def served_certificate(target: str, authority: Authority) -> str:
    """Return what a new connection to the server is shown, as PEM."""
    own = authority.issue("probe")
    assert own.ca is not None
    context = ssl.create_default_context(cafile=str(own.ca))
    context.load_cert_chain(own.cert, own.key)
    context.set_alpn_protocols(["h2"])
    host, _, port = target.partition(":")
    _, writer = await asyncio.open_connection(
        host, int(port), ssl=context, server_hostname="pricing"
    )
    shown: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.transport.abort()
    return ssl.DER_cert_to_PEM_cert(shown)


async def test_a_trace_goes_on_through_a_call_and_its_status_is_true(
    authority: Authority, issuer: Issuer
) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    outcomes: list[Exception | None] = [None, NotFound("no"), RuntimeError("bug")]

    async def behave(request: Request, context: Any) -> Response:
        error = outcomes.pop(0)
        if error is not None:
            raise error
        return said(current_traceparent())

    tracer = provider.get_tracer("test")
    async with running(authority, issuer, behave, tracer=tracer) as small:
        stub = stub_of(small.internal())
        with remote_span(f"00-{trace_id}-b7ad6b7169203331-01", "outer"):
            answer = await stub.Deliver(Request())
            for _ in range(2):
                with pytest.raises(Exception, match=r"no|wrong"):
                    await stub.Deliver(Request())
        await until(lambda: len(exporter.get_finished_spans()) >= 3)
    assert answer.results[0].reason.split("-")[1] == trace_id
    spans = [span for span in exporter.get_finished_spans() if "Deliver" in span.name]
    assert {f"{span.context.trace_id:032x}" for span in spans if span.context} == {trace_id}
    numbers = [(span.attributes or {})["rpc.grpc.status_code"] for span in spans]
    assert numbers == [0, 5, 13]
    assert [span.status.status_code for span in spans] == [
        StatusCode.UNSET,
        StatusCode.UNSET,
        StatusCode.ERROR,
    ]
    assert "bug" not in repr([(span.attributes, span.events, span.status) for span in spans])
