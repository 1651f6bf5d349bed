"""Refusals on the wire and back, and what of a failure may be seen from outside."""

import asyncio
from dataclasses import replace
from typing import Any

import grpc
import grpc.aio
import pytest
import structlog

from services.chassis.errors import (
    GENERIC,
    Aborted,
    FieldViolation,
    Internal,
    InvalidArgument,
    NotFound,
    Refusal,
    ResourceExhausted,
    Unavailable,
    Violations,
)
from services.chassis.status import from_status, refusal_in, to_status
from tests.unit.chassis.rpc.support import (
    QUICK,
    Authority,
    Issuer,
    Request,
    Response,
    running,
    stub_of,
)

SECRET_TEXT = "password=hunter2 at 10.0.0.7"


class UnknownPlan(NotFound):
    reason = "UNKNOWN_PLAN"


class Raising:
    """A behaviour that raises what it is given."""

    def __init__(self, error: BaseException) -> None:
        self.given = error

    async def __call__(self, request: Request, context: Any) -> Response:
        raise self.given


@pytest.mark.parametrize("kind", GENERIC.values(), ids=lambda kind: kind.__name__)
def test_every_code_comes_back_as_its_own_type(kind: type[Refusal]) -> None:
    back = from_status(to_status(kind("no", reason="BECAUSE", retry_after=1.5)))
    assert type(back) is kind
    assert (back.message, back.reason, back.retry_after) == ("no", "BECAUSE", 1.5)


def test_a_group_of_refusals_counts_as_its_first_and_a_mixed_one_as_none() -> None:
    missing, busy = NotFound("a"), Unavailable("b")
    assert refusal_in(ExceptionGroup("both", [ExceptionGroup("in", [missing]), busy])) is missing
    assert refusal_in(ExceptionGroup("both", [missing, ValueError("bug")])) is None


async def test_a_refusal_crosses_a_call_with_reason_metadata_and_fields(
    authority: Authority, issuer: Issuer
) -> None:
    refusal = UnknownPlan("There is no such plan.", metadata={"plan": "pro"})
    async with running(authority, issuer, Raising(refusal)) as small:
        stub = stub_of(small.internal())
        with pytest.raises(NotFound) as caught:
            await stub.Deliver(Request())
        assert caught.value.reason == "UNKNOWN_PLAN"
        assert caught.value.metadata == {"plan": "pro"}
        assert caught.value.message == "There is no such plan."
        violations = Violations()
        violations.add("lines[2].amount", "must not be negative")
        violations.add("name", "is missing")
        with pytest.raises(InvalidArgument) as local:
            violations.raise_if_any()
        small.service.deliver = Raising(local.value)
        with pytest.raises(InvalidArgument) as remote:
            await stub.Deliver(Request())
        assert remote.value.fields == (
            FieldViolation("lines[2].amount", "must not be negative"),
            FieldViolation("name", "is missing"),
        )


@pytest.mark.parametrize("word", ["x", "\u5927", "\n"])
async def test_what_is_wrong_in_a_thousand_places_is_told_as_far_as_there_is_room(
    authority: Authority, issuer: Issuer, word: str
) -> None:
    violations = Violations()
    for place in range(1000):
        violations.add(f"resources[{place}].memory", f"expected a number, got {word * 40}")
    with pytest.raises(InvalidArgument) as local:
        violations.raise_if_any()
    async with running(authority, issuer, Raising(local.value)) as small:
        with pytest.raises(InvalidArgument) as remote:
            await stub_of(small.internal()).Deliver(Request())
    told = remote.value.fields
    assert remote.value.reason == "INVALID_FIELDS"
    assert told[:-1] == local.value.fields[: len(told) - 1]
    assert 15 < len(told) < 1000
    assert told[-1].description == f"{1001 - len(told)} more fields are wrong"


@pytest.mark.parametrize(
    "error", [RuntimeError(SECRET_TEXT), ExceptionGroup(SECRET_TEXT, [KeyError(SECRET_TEXT)])]
)
async def test_an_unforeseen_error_is_logged_here_and_says_nothing_there(
    authority: Authority,
    issuer: Issuer,
    error: Exception,
    logs: list[structlog.typing.EventDict],
) -> None:
    async with running(authority, issuer, Raising(error)) as small:
        with pytest.raises(Internal) as caught:
            await stub_of(small.internal()).Deliver(Request())
    source = caught.value.__cause__
    assert isinstance(source, grpc.aio.AioRpcError)
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in f"{source.details()}{source.trailing_metadata()}"
    assert [line["exc_info"] for line in logs if line["event"] == "rpc failed"] == [error]


async def test_a_cancelled_inner_task_answers_instead_of_leaving_the_caller_waiting(
    authority: Authority, issuer: Issuer
) -> None:
    async with running(authority, issuer, Raising(asyncio.CancelledError())) as small:
        with pytest.raises(Internal):
            await stub_of(small.internal()).Deliver(Request(), timeout=20)


async def test_an_abort_of_a_handler_keeps_its_code(authority: Authority, issuer: Issuer) -> None:
    async def abort(request: Request, context: Any) -> Response:
        await context.abort(grpc.StatusCode.ABORTED, "lost a race")
        raise AssertionError("abort returns never")

    async with running(authority, issuer, abort) as small:
        with pytest.raises(Aborted):
            await stub_of(small.internal()).Deliver(Request())


async def test_what_the_transport_says_stays_out_of_the_refusal(authority: Authority) -> None:
    async with running(authority, Issuer()) as small:
        channel = small.internal(attempts=2)
        port = small.server.internal_port
        await small.server.drain()
        with pytest.raises(Unavailable) as caught:
            await stub_of(channel).Deliver(Request(), timeout=3)
        assert str(port) not in caught.value.message
        assert caught.value.__cause__ is not None


async def test_more_calls_than_allowed_are_shed(authority: Authority, issuer: Issuer) -> None:
    entered, go = asyncio.Event(), asyncio.Event()

    async def hold(request: Request, context: Any) -> Response:
        entered.set()
        await go.wait()
        return Response()

    # Two: the channel's own health watch is a call as well.
    limits = replace(QUICK, concurrent_rpcs=2)
    async with running(authority, issuer, hold, limits=limits) as small:
        stub = stub_of(small.internal())
        async with asyncio.TaskGroup() as calls:
            calls.create_task(_call(stub))
            await entered.wait()
            with pytest.raises(ResourceExhausted):
                await stub.Deliver(Request())
            go.set()


async def _call(stub: Any) -> None:
    await stub.Deliver(Request())
