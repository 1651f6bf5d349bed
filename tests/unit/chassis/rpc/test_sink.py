"""The sink of facts: an answer for each fact, order within a key, and nothing cut off midway."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import pytest
import structlog
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from services.chassis import deadline
from services.chassis.channel import connect
from services.chassis.errors import DeadlineExceeded, InvalidArgument, NotFound, Unavailable
from services.chassis.facts import MAX_FACTS_A_DELIVERY, FactRecord, Outcome
from services.chassis.health import Health
from services.chassis.sink import FactSinkClient, FactSinkServicer, HandleTogether
from services.chassis.telemetry import current_traceparent
from tests.unit.chassis.rpc.support import Authority, Issuer, server_of, until

TRACE = "0af7651916cd43dd8448eb211c80319c"


def fact(name: str, key: str = "order-1", traceparent: str = "") -> FactRecord:
    return FactRecord(name, key, 1, "tollgate.test.v1.Thing", b"payload", (), traceparent)


Handle = Callable[[FactRecord, str], Awaitable[None]]


@asynccontextmanager
async def delivering(
    authority: Authority,
    issuer: Issuer,
    handle: Handle,
    *,
    together: HandleTogether | None = None,
    timeout: float = 10.0,
) -> AsyncIterator[FactSinkClient]:
    """Run a sink with this handler; give a client that calls as payments."""
    async with asyncio.TaskGroup() as tasks:
        health = Health()
        sink = FactSinkServicer(handle, tasks, together=together)
        server = server_of(authority, issuer, sink, health=health)
        await server.start()
        health.mark_all(True)
        target = f"127.0.0.1:{server.internal_port}"
        own = authority.issue("payments")
        try:
            async with connect(target, server_name="pricing", tls=own) as channel:
                yield FactSinkClient(channel, timeout=timeout)
        finally:
            await server.drain()


async def test_each_fact_gets_its_own_answer(authority: Authority, issuer: Issuer) -> None:
    taken: list[tuple[str, str]] = []

    async def handle(record: FactRecord, source: str) -> None:
        if record.id == "bad":
            raise InvalidArgument("amount: must not be negative")
        if record.id == "busy":
            raise Unavailable("the database is away")
        if record.id == "odd":
            raise NotFound("its parent was never heard of")
        if record.id == "bug":
            raise RuntimeError("password=hunter2")
        taken.append((record.id, source))

    names = ["good", "bad", "busy", "odd", "bug", "fine"]
    async with delivering(authority, issuer, handle) as client:
        answers = await client.deliver([fact(name, key=name) for name in names])
    assert [item.id for item in answers] == names
    assert [item.outcome for item in answers] == [
        Outcome.ACCEPTED,
        Outcome.REJECTED,
        Outcome.RETRY,
        Outcome.RETRY,
        Outcome.RETRY,
        Outcome.ACCEPTED,
    ]
    assert answers[1].reason == "amount: must not be negative"
    assert answers[0].reason == ""
    assert "hunter2" not in answers[4].reason
    assert sorted(taken) == [("fine", "payments"), ("good", "payments")]


async def test_facts_of_a_key_keep_their_order_and_keys_run_at_once(
    authority: Authority, issuer: Issuer
) -> None:
    begun: list[str] = []
    both = asyncio.Event()

    async def handle(record: FactRecord, source: str) -> None:
        begun.append(record.id)
        if {"a1", "b1"} <= set(begun):
            both.set()
        await both.wait()

    sent = [fact("a1", "a"), fact("a2", "a"), fact("b1", "b"), fact("a3", "a")]
    async with delivering(authority, issuer, handle) as client:
        answers = await client.deliver(sent)
    assert [item.id for item in answers] == ["a1", "a2", "b1", "a3"]
    assert [name for name in begun if name.startswith("a")] == ["a1", "a2", "a3"]


@pytest.mark.parametrize("fate", ["taken", "not its kind", "refused"])
async def test_what_comes_of_one_key_is_offered_together_and_else_taken_one_by_one(
    authority: Authority, issuer: Issuer, fate: str
) -> None:
    seen: list[str] = []

    async def handle(record: FactRecord, source: str) -> None:
        seen.append(record.id)

    async def together(records: Sequence[FactRecord], source: str) -> bool:
        seen.append("+".join(record.id for record in records))
        if fate == "refused":
            raise Unavailable("one of them cannot be taken now")
        return fate == "taken"

    async with delivering(authority, issuer, handle, together=together) as client:
        answers = await client.deliver([fact("a1"), fact("a2"), fact("b1", "other")])
    assert {item.outcome for item in answers} == {Outcome.ACCEPTED}
    alone = [] if fate == "taken" else ["a1", "a2"]
    assert sorted(seen) == sorted(["a1+a2", *alone, "b1"])


async def test_one_that_can_never_be_taken_costs_what_came_with_it_nothing(
    authority: Authority, issuer: Issuer
) -> None:
    stood: list[str] = []

    async def handle(record: FactRecord, source: str) -> None:
        if record.id == "a2":
            raise InvalidArgument("never")
        stood.append(record.id)

    async def together(records: Sequence[FactRecord], source: str) -> bool:
        for record in records:
            if record.id == "a2":
                raise RuntimeError("a transaction that is rolled back")
        return True

    async with delivering(authority, issuer, handle, together=together) as client:
        answers = await client.deliver([fact("a1"), fact("a2"), fact("a3"), fact("b1", "other")])
    assert [item.outcome for item in answers] == [
        Outcome.ACCEPTED,
        Outcome.REJECTED,
        Outcome.ACCEPTED,
        Outcome.ACCEPTED,
    ]
    assert sorted(stood) == ["a1", "a3", "b1"]


async def test_what_comes_after_a_fact_to_be_retried_waits_for_it(
    authority: Authority, issuer: Issuer
) -> None:
    seen: list[str] = []

    async def handle(record: FactRecord, source: str) -> None:
        seen.append(record.id)
        if record.id == "a2":
            raise Unavailable("not now")

    async with delivering(authority, issuer, handle) as client:
        answers = await client.deliver([fact("a1"), fact("a2"), fact("a3"), fact("b1", "other")])
    found = {item.id: item.outcome for item in answers}
    assert found["a3"] is Outcome.RETRY
    assert found["a1"] is found["b1"] is Outcome.ACCEPTED
    assert "a3" not in seen


async def test_what_comes_after_a_rejected_fact_goes_on(
    authority: Authority, issuer: Issuer
) -> None:
    async def handle(record: FactRecord, source: str) -> None:
        if record.id == "a1":
            raise InvalidArgument("never")

    async with delivering(authority, issuer, handle) as client:
        answers = await client.deliver([fact("a1"), fact("a2")])
    assert [item.outcome for item in answers] == [Outcome.REJECTED, Outcome.ACCEPTED]


async def test_a_caller_that_gives_up_cancels_nothing_and_order_holds_over_calls(
    authority: Authority, issuer: Issuer
) -> None:
    go, other = asyncio.Event(), asyncio.Event()
    log: list[str] = []

    async def handle(record: FactRecord, source: str) -> None:
        if record.key == "order-2":
            other.set()
            return
        log.append(f"begin {record.id}")
        if record.id == "a1" and not go.is_set():
            await go.wait()
        log.append(f"end {record.id}")

    async with delivering(authority, issuer, handle) as client:
        with deadline.within(0.4), pytest.raises(DeadlineExceeded):
            await client.deliver([fact("a1")])
        again = asyncio.create_task(client.deliver([fact("a2"), fact("b1", key="order-2")]))
        # What comes after it in its call is taken, so that it would have begun by now.
        await other.wait()
        assert log == ["begin a1"]
        go.set()
        await again
    assert log == ["begin a1", "end a1", "begin a2", "end a2"]


async def test_the_work_has_the_trace_of_its_fact_and_not_the_deadline_of_its_caller(
    authority: Authority, issuer: Issuer
) -> None:
    seen: list[tuple[str, float | None]] = []

    async def handle(record: FactRecord, source: str) -> None:
        seen.append((current_traceparent(), deadline.remaining()))

    sent = fact("a1", traceparent=f"00-{TRACE}-b7ad6b7169203331-01")
    async with delivering(authority, issuer, handle) as client:
        await client.deliver([sent])
    ((traceparent, left),) = seen
    assert traceparent.split("-")[1] == TRACE
    assert left is None


async def test_a_delivery_of_nothing_or_too_much_is_refused(
    authority: Authority, issuer: Issuer
) -> None:
    async def handle(record: FactRecord, source: str) -> None:
        raise AssertionError("nothing is handled")

    async with delivering(authority, issuer, handle) as client:
        for count in (0, MAX_FACTS_A_DELIVERY + 1):
            with pytest.raises(InvalidArgument):
                await client.deliver([fact(f"f{number}") for number in range(count)])


async def test_what_failed_is_logged_with_the_fact_and_without_its_payload(
    authority: Authority, issuer: Issuer, logs: list[structlog.typing.EventDict]
) -> None:
    async def handle(record: FactRecord, source: str) -> None:
        raise RuntimeError("bug")

    async with delivering(authority, issuer, handle) as client:
        await client.deliver([fact("a1")])
    await until(lambda: any(line["event"] == "fact failed" for line in logs))
    (line,) = [line for line in logs if line["event"] == "fact failed"]
    assert (line["fact"], line["source"], line["log_level"]) == ("a1", "payments", "error")
    assert "payload" not in line


@pytest.mark.parametrize("error", [NotFound("no such plan"), RuntimeError("bug")])
async def test_the_span_of_a_fact_that_failed_says_so(
    authority: Authority, issuer: Issuer, ended: InMemorySpanExporter, error: Exception
) -> None:
    async def handle(record: FactRecord, source: str) -> None:
        if record.id == "bad":
            raise error

    sent = [
        fact(name, key=name, traceparent=f"00-{TRACE}-b7ad6b7169203331-01")
        for name in ("good", "bad")
    ]
    async with delivering(authority, issuer, handle) as client:
        await client.deliver(sent)
    found = [span.status for span in ended.get_finished_spans() if span.name.startswith("fact ")]
    told = {status.description: status.status_code for status in found}
    assert told == {
        None: StatusCode.UNSET,
        f"{type(error).__name__}: {error}": StatusCode.ERROR,
    }
