"""The two ends of a delivery: the servicer that takes facts, the client that the relay uses."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final

import grpc.aio
import structlog

from services.chassis.context import Context
from services.chassis.deadline import lifted
from services.chassis.errors import Code, InvalidArgument, Refusal, Unauthenticated, is_transient
from services.chassis.facts import MAX_FACTS_A_DELIVERY, Delivery, FactRecord, Outcome
from services.chassis.identity import current_caller
from services.chassis.telemetry import note_error, remote_span
from tollgate.common.v1 import fact_sink_service_pb2, fact_sink_service_pb2_grpc, facts_pb2

SERVICE: Final = "tollgate.common.v1.FactSink"
DELIVER: Final = f"/{SERVICE}/Deliver"

_MAX_REASON = 500
_OUTCOMES: Final = {
    Outcome.ACCEPTED: facts_pb2.FactResult.OUTCOME_ACCEPTED,
    Outcome.RETRY: facts_pb2.FactResult.OUTCOME_RETRY,
    Outcome.REJECTED: facts_pb2.FactResult.OUTCOME_REJECTED,
}
_FROM_WIRE: Final = {number: outcome for outcome, number in _OUTCOMES.items()}

Handle = Callable[[FactRecord, str], Awaitable[None]]
"""Takes one fact from the service named second; returns only when the fact is durable."""

HandleTogether = Callable[[Sequence[FactRecord], str], Awaitable[bool]]
"""Takes facts of one key that came in one call, all or none.

Returns False, or raises, if it took none: then they are taken one by one.
"""

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("tollgate.sink")


class FactSinkServicer(fact_sink_service_pb2_grpc.FactSinkServicer):
    """Hands each fact to ``handle`` and tells what came of it.

    Facts of one key run one after the other, also over calls that overlap; keys run at once, up to
    ``concurrency``. The work belongs to ``tasks``: a caller that gives up cancels nothing. What
    comes of one key in one call is given to ``together`` first, where there is one.
    """

    def __init__(
        self,
        handle: Handle,
        tasks: asyncio.TaskGroup,
        *,
        together: HandleTogether | None = None,
        concurrency: int = 16,
    ) -> None:
        self._handle = handle
        self._together = together
        self._tasks = tasks
        self._slots = asyncio.Semaphore(concurrency)
        self._last_of_key: dict[tuple[str, str], asyncio.Task[list[Delivery]]] = {}

    async def Deliver(  # noqa: N802 - the contract's name
        self,
        request: fact_sink_service_pb2.DeliverRequest,
        context: Context,
    ) -> fact_sink_service_pb2.DeliverResponse:
        caller = current_caller()
        if caller is None:
            raise Unauthenticated("Facts are taken from services only.", reason="NO_SERVICE_NAME")
        if not 1 <= len(request.facts) <= MAX_FACTS_A_DELIVERY:
            raise InvalidArgument(f"A delivery has 1 to {MAX_FACTS_A_DELIVERY} facts.")
        records = [_from_proto(fact) for fact in request.facts]
        done = await self._take(records, caller.service)
        return fact_sink_service_pb2.DeliverResponse(results=[_to_proto(item) for item in done])

    async def _take(self, records: Sequence[FactRecord], source: str) -> list[Delivery]:
        places: dict[str, list[int]] = {}
        for place, record in enumerate(records):
            places.setdefault(record.key, []).append(place)
        chains = {
            key: self._start(source, key, [records[place] for place in found])
            for key, found in places.items()
        }
        # Waiting for tasks, unlike awaiting them, leaves them alone when this call is cancelled.
        await asyncio.wait(chains.values())
        answers: dict[int, Delivery] = {}
        for key, task in chains.items():
            answers.update(zip(places[key], task.result(), strict=True))
        return [answers[place] for place in range(len(records))]

    def _start(
        self, source: str, key: str, facts: Sequence[FactRecord]
    ) -> asyncio.Task[list[Delivery]]:
        name = (source, key)
        before = self._last_of_key.get(name)
        task = self._tasks.create_task(self._run_chain(facts, source, before))
        self._last_of_key[name] = task

        def forget(ended: asyncio.Task[list[Delivery]]) -> None:
            if self._last_of_key.get(name) is ended:
                del self._last_of_key[name]

        task.add_done_callback(forget)
        return task

    async def _run_chain(
        self,
        facts: Sequence[FactRecord],
        source: str,
        before: asyncio.Task[list[Delivery]] | None,
    ) -> list[Delivery]:
        if before is not None:
            await asyncio.wait([before])
        answers: list[Delivery] = []
        with lifted():
            if len(facts) > 1 and await self._taken_together(facts, source):
                return [Delivery(fact.id, Outcome.ACCEPTED) for fact in facts]
            for fact in facts:
                if answers and answers[-1].outcome is Outcome.RETRY:
                    reason = "an earlier fact of this key has to come first"
                    answers.append(Delivery(fact.id, Outcome.RETRY, reason))
                    continue
                async with self._slots:
                    answers.append(await self._judge(fact, source))
        return answers

    async def _taken_together(self, facts: Sequence[FactRecord], source: str) -> bool:
        """Take all at once if that can be done; what cannot be says one by one why."""
        if self._together is None:
            return False
        async with self._slots:
            with remote_span(facts[0].traceparent, f"facts {facts[0].type}") as span:
                try:
                    return await self._together(facts, source)
                except Exception as error:  # noqa: BLE001 - each is judged by itself then
                    note_error(span, error)
                    _log.info(
                        "Facts are taken one by one.",
                        **_labels(facts[0], source),
                        facts=len(facts),
                        error=type(error).__name__,
                    )
        return False

    async def _judge(self, fact: FactRecord, source: str) -> Delivery:
        with remote_span(fact.traceparent, f"fact {fact.type}") as span:
            try:
                await self._handle(fact, source)
            except Refusal as refusal:
                note_error(span, refusal)
                outcome = _outcome_of(refusal)
                write = _log.warning if is_transient(refusal) else _log.error
                write("fact not taken", **_labels(fact, source), reason=refusal.reason)
                return Delivery(fact.id, outcome, refusal.message[:_MAX_REASON])
            except Exception as error:  # noqa: BLE001 - one failed fact fails no other
                note_error(span, error)
                _log.error("fact failed", **_labels(fact, source), exc_info=error)
                return Delivery(fact.id, Outcome.RETRY, "it failed here, the log says why")
        return Delivery(fact.id, Outcome.ACCEPTED)


class FactSinkClient:
    """Delivers facts to one consumer, as an outbox relay wants it."""

    def __init__(self, channel: grpc.aio.Channel, *, timeout: float = 30.0) -> None:
        self._stub = fact_sink_service_pb2_grpc.FactSinkStub(channel)
        self._timeout = timeout

    async def deliver(self, facts: Sequence[FactRecord]) -> list[Delivery]:
        """Deliver up to 256 facts; return an answer for each, in their order.

        A fact that the answer leaves out is to be delivered again. Raises the refusal of the call
        as a whole, such as Unavailable.
        """
        request = fact_sink_service_pb2.DeliverRequest(facts=[_to_fact(fact) for fact in facts])
        response = await self._stub.Deliver(request, timeout=self._timeout)
        answered = _by_id(response.results)
        missing = "the consumer gave no answer"
        return [answered.get(fact.id, Delivery(fact.id, Outcome.RETRY, missing)) for fact in facts]


def _outcome_of(refusal: Refusal) -> Outcome:
    return Outcome.REJECTED if refusal.code is Code.INVALID_ARGUMENT else Outcome.RETRY


def _labels(fact: FactRecord, source: str) -> dict[str, str]:
    return {"fact": fact.id, "type": fact.type, "source": source}


def _by_id(results: Iterable[facts_pb2.FactResult]) -> dict[str, Delivery]:
    return {
        item.id: Delivery(item.id, _FROM_WIRE.get(item.outcome, Outcome.RETRY), item.reason)
        for item in results
    }


def _to_proto(item: Delivery) -> facts_pb2.FactResult:
    return facts_pb2.FactResult(id=item.id, outcome=_OUTCOMES[item.outcome], reason=item.reason)


def _to_fact(record: FactRecord) -> facts_pb2.Fact:
    return facts_pb2.Fact(
        id=record.id,
        key=record.key,
        revision=record.revision,
        type=record.type,
        payload=record.payload,
        traceparent=record.traceparent,
    )


def _from_proto(fact: facts_pb2.Fact) -> FactRecord:
    return FactRecord(
        id=fact.id,
        key=fact.key,
        revision=fact.revision,
        type=fact.type,
        payload=fact.payload,
        traceparent=fact.traceparent,
    )
