"""The network of a simulated world: real stubs and real servicers, with trouble in between.

Requests and answers cross as bytes. Who calls is known by what would be the certificate; the
person acting travels in the metadata; refusals come back as statuses, as over gRPC.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import Any, NoReturn

import grpc.aio
from google.rpc import status_pb2

from services.chassis.access import AccessTable, check_complete
from services.chassis.backoff import Backoff
from services.chassis.deadline import budget, within
from services.chassis.errors import DeadlineExceeded, Internal, Unavailable
from services.chassis.identity import current_or_none
from services.chassis.interceptors.admission import admitting_services
from services.chassis.interceptors.call import Kind, Layer, Proceed, Registrar, RpcCall, wrap
from services.chassis.metadata import PRINCIPAL, principal_to_bytes
from services.chassis.server import DEFAULT_EDGES, Servicers
from services.chassis.status import from_status, refusal_in, to_status
from services.chassis.tls import spiffe_name
from tests.simulation.engine.lives import Life, SimTask, current_life
from tests.simulation.engine.loop import SimLoop
from tests.simulation.engine.process import SimProcess

Metadata = tuple[tuple[str, str | bytes], ...]
Answer = tuple[bool, bytes]
"""Whether it went well, and the answer's bytes or the status's."""

ATTEMPTS = 5
WITHOUT_DEADLINE = 60.0
_DEFAULT_TIMEOUT = 5.0


@dataclass
class NetTrouble:
    """How likely each trouble is, for one message or call; all 0 is a good network.

    ``hurry`` gives a call a deadline of up to ``hurry_seconds``: its handler is cancelled midway.
    ``late`` lets a request arrive up to ``late_seconds`` late, after its caller has asked again.
    """

    lose_request: float = 0.0
    lose_answer: float = 0.0
    double: float = 0.0
    slow: float = 0.0
    slow_seconds: float = 2.0
    hurry: float = 0.0
    hurry_seconds: float = 0.05
    late: float = 0.0
    late_seconds: float = 60.0


@cache
def _certificate(caller: str) -> Mapping[str, Sequence[bytes]]:
    """Return what the certificate of a service says of it."""
    return {"peer_spiffe_id": (spiffe_name(caller).encode(),)}


@dataclass(eq=False)
class _Call:
    """One call on its way; ``handlers`` are the tasks that work on it."""

    answer: "asyncio.Future[Answer]"
    handlers: dict[SimTask[None], None] = field(default_factory=dict)


class SimContext:
    """What a handler is given beside its request."""

    def __init__(self, caller: str, metadata: Metadata, deadline: float, loop: SimLoop) -> None:
        self._auth = _certificate(caller)
        self._metadata = metadata
        self._deadline = deadline
        self._loop = loop
        self.end: asyncio.TimerHandle | None = None
        """What cancels the handler at the deadline."""

    def invocation_metadata(self) -> Metadata:
        """Return what came with the call."""
        return self._metadata

    def auth_context(self) -> Mapping[str, Iterable[bytes]]:
        """Return what the caller's certificate says."""
        return self._auth

    def time_remaining(self) -> float:
        """Return the seconds that are left."""
        return max(0.0, self._deadline - self._loop.seconds)


class SimNet:
    """Connects processes. ``unforeseen`` collects what handlers raised that was no refusal."""

    def __init__(self, loop: SimLoop, chance: Random) -> None:
        self.loop = loop
        self.trouble = NetTrouble()
        self.unforeseen: list[tuple[str, BaseException]] = []
        self.calls = 0
        self._chance = chance
        self._replicas: dict[str, list[SimProcess]] = {}
        self._served: dict[Life, dict[str, Any]] = {}
        self._busy: dict[Life, dict[_Call, None]] = {}
        self.backoff = Backoff(base=0.1, cap=1.0, jitter=chance.random)
        """How long those who call wait before they call again."""

    def join(self, process: SimProcess) -> None:
        """Let a process be found under the name of its service."""
        self._replicas.setdefault(process.service, []).append(process)
        process.on_end(self._broken)

    def serve(self, servicers: Servicers, access: AccessTable) -> None:
        """Serve from the life that runs now, behind the layers of an internal listener."""
        registrar = Registrar()
        for add, servicer, name in servicers:
            add(servicer, registrar)
            assert name in registrar.services, name
        check_complete(registrar.methods(), access)
        layers: list[Layer] = [admitting_services(access, DEFAULT_EDGES), _limit]
        life = current_life()
        self._busy[life] = {}
        self._served[life] = {
            f"/{service}/{name}": wrap(handler, f"/{service}/{name}", Kind.INTERNAL, layers)
            for service, handlers in registrar.services.items()
            for name, handler in handlers.items()
        }

    def leave(self) -> None:
        """Serve nothing new from the life that runs now; what is under way goes on."""
        self._served.pop(current_life(), None)

    def channel(self, caller: str, target: str) -> "SimChannel":
        """Return a channel from one service to another's replicas."""
        return SimChannel(self, caller, target)

    def delay(self) -> float:
        """Draw how long a message takes, in seconds."""
        chance, trouble = self._chance.random, self.trouble
        if trouble.slow and chance() < trouble.slow:
            return chance() * trouble.slow_seconds
        return 0.0002 + chance() * 0.002

    def _travel(self) -> float:
        """Draw how long a request takes; a late one is there after its caller has given up."""
        trouble = self.trouble
        late = trouble.late and self.happens(trouble.late)
        return trouble.late_seconds * self._chance.random() if late else self.delay()

    def happens(self, likelihood: float) -> bool:
        """Draw whether something happens that is likely; what is not need not ask."""
        return self._chance.random() < likelihood

    def deadline(self, seconds: float) -> float:
        """Return when a call ends that asked for so many seconds."""
        trouble = self.trouble
        if trouble.hurry and self.happens(trouble.hurry):
            seconds = min(seconds, self._chance.random() * trouble.hurry_seconds)
        return self.loop.seconds + seconds

    async def exchange(
        self, caller: str, target: str, method: str, raw: bytes, metadata: Metadata, deadline: float
    ) -> bytes:
        """Send a request to one replica and wait for its answer until the deadline."""
        self.calls += 1
        loop, trouble = self.loop, self.trouble
        answer: asyncio.Future[Answer] = loop.create_future()
        call = _Call(answer)
        timer = loop.alarm(deadline, _expire, answer)
        for _ in range(2 if trouble.double and self.happens(trouble.double) else 1):
            if trouble.lose_request and self.happens(trouble.lose_request):
                loop.alarm(loop.seconds + self.delay(), _refuse, answer, "The connection broke.")
            else:
                arrive = (call, caller, target, method, raw, metadata, deadline, loop.seconds)
                loop.alarm(loop.seconds + self._travel(), self._arrive, *arrive)
        try:
            well, told = await answer
        except asyncio.CancelledError:
            for task in call.handlers:
                loop.call_later(self.delay(), task.cancel, context=task.life.context.copy())
            raise
        finally:
            timer.cancel()
        if well:
            return told
        raise from_status(status_pb2.Status.FromString(told))

    def _arrive(
        self,
        call: _Call,
        caller: str,
        target: str,
        method: str,
        raw: bytes,
        metadata: Metadata,
        deadline: float,
        sent: float,
    ) -> None:
        lives = [
            process.life
            for process in self._replicas[target]
            if process.life is not None and process.life in self._served
        ]
        if not lives:
            self._answer(call, *_status(Unavailable(f"{target} is down.")))
            return
        life = lives[0] if len(lives) == 1 else lives[int(self._chance.random() * len(lives))]
        handler = self._served[life][method]
        ends = deadline
        now = self.loop.seconds
        if call.answer.cancelled() or now >= deadline:
            # A server counts a deadline from when it reads the request; that the caller has hung
            # up is read behind it, when the handler has begun.
            deadline = now + deadline - sent
            ends = now + self.delay()
        context = SimContext(caller, metadata, deadline, self.loop)
        task = self.loop.spawn(life, self._handle(call, method, handler, raw, context), method)
        call.handlers[task] = None
        self._busy[life][call] = None
        context.end = self.loop.call_at(ends, task.cancel, context=life.context)

    async def _handle(
        self, call: _Call, method: str, handler: Any, raw: bytes, context: SimContext
    ) -> None:
        try:
            request = handler.request_deserializer(raw)
            told = handler.response_serializer(await handler.unary_unary(request, context))
            answer = (True, told)
        except Exception as error:  # noqa: BLE001 - what a handler raises goes to its caller
            refusal = refusal_in(error)
            if refusal is None:
                self.unforeseen.append((method, error))
                refusal = Internal("Something went wrong here; it has been noted.")
            answer = _status(refusal)
        if context.end is not None:
            context.end.cancel()
        busy = self._busy.get(current_life())
        if busy is not None:
            busy.pop(call, None)
        lost = self.trouble.lose_answer
        if lost and self.happens(lost):
            answer = _status(Unavailable("The connection broke."))
        self._answer(call, *answer)

    def _answer(self, call: _Call, well: bool, told: bytes) -> None:
        if not call.answer.done():
            self.loop.alarm(self.loop.seconds + self.delay(), _deliver, call.answer, (well, told))

    def _broken(self, life: Life) -> None:
        """A process has ended: whoever waits for it hears that the connection is gone."""
        self._served.pop(life, None)
        for call in self._busy.pop(life, {}):
            self._answer(call, *_status(Unavailable("The other side is gone.")))


class SimChannel:
    """What generated stubs take for a channel; what its calls raise are refusals."""

    def __init__(self, net: SimNet, caller: str, target: str) -> None:
        self.net = net
        self.caller = caller
        self.target = target

    def unary_unary(
        self,
        method: str,
        request_serializer: Callable[[Any], bytes],
        response_deserializer: Callable[[bytes], Any],
        _registered_method: bool | None = False,
    ) -> "SimUnary":
        """Return a callable for one method."""
        return SimUnary(self, method, request_serializer, response_deserializer)

    def unary_stream(self, method: str, *_args: object, **_kwargs: object) -> Callable[..., Any]:
        """Return something that refuses when it is called: no service calls a stream of another."""

        def refuse(*_args: object, **_kwargs: object) -> NoReturn:
            raise grpc.aio.UsageError(f"{method}: the simulation streams nothing")

        return refuse


class SimUnary:
    """Calls one method that answers once, as the chassis's channel does."""

    def __init__(
        self,
        channel: SimChannel,
        method: str,
        serialize: Callable[[Any], bytes],
        deserialize: Callable[[bytes], Any],
    ) -> None:
        self._channel = channel
        self._method = method
        self._serialize = serialize
        self._deserialize = deserialize

    async def __call__(
        self,
        request: Any,
        *,
        timeout: float | None = None,
        metadata: Sequence[tuple[str, str | bytes]] | None = None,
        wait_for_ready: bool | None = None,
    ) -> Any:
        """Make the call, again after UNAVAILABLE; raise the refusal that the other side answered.

        ``timeout`` is in seconds and bounds all attempts together.
        """
        channel, net = self._channel, self._channel.net
        deadline = net.deadline(budget(_DEFAULT_TIMEOUT if timeout is None else timeout))
        raw = self._serialize(request)
        carried = _carried(metadata)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                told = await net.exchange(
                    channel.caller, channel.target, self._method, raw, carried, deadline
                )
            except Unavailable:
                pause = net.backoff.delay(attempt)
                if attempt == ATTEMPTS or net.loop.time() + pause >= deadline:
                    raise
                await asyncio.sleep(pause)
            else:
                return self._deserialize(told)
        raise AssertionError("the last attempt returns or raises")


def _carried(extra: Sequence[tuple[str, str | bytes]] | None) -> Metadata:
    carried = list(extra or ())
    principal = current_or_none()
    if principal is not None:
        carried.append((PRINCIPAL, principal_to_bytes(principal)))
    return tuple(carried)


async def _limit(call: RpcCall, proceed: Proceed) -> object:
    with within(call.context.time_remaining()):
        return await proceed(call)


def _status(refusal: Any) -> Answer:
    return False, to_status(refusal).SerializeToString()


def _deliver(answer: "asyncio.Future[Answer]", told: Answer) -> None:
    if not answer.done():
        answer.set_result(told)


def _refuse(answer: "asyncio.Future[Answer]", text: str) -> None:
    _deliver(answer, _status(Unavailable(text)))


def _expire(answer: "asyncio.Future[Answer]") -> None:
    _deliver(answer, _status(DeadlineExceeded("A service that this needs took too long.")))
