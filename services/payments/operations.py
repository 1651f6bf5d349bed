"""Operations: calls to the provider that are written down first and then worked on (rules 22, 23).

A caller writes a row and a key of the work queue in one transaction and waits; a worker makes the
call, here or in another replica, now or after a crash. So a deadline cancels nothing midway, and
what nobody knows the outcome of stays STARTED until it is resolved.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from services.chassis.clock import Clock
from services.chassis.deadline import budget
from services.chassis.errors import Refusal
from services.chassis.ids import Ids
from services.chassis.transactions import Transactions
from services.payments.binding import Operation, OperationKind, OperationState
from services.payments.commerce import PlaceState, digest, encode
from services.payments.domain import AccountId, Identity, OperationId
from services.payments.errors import FINAL, InProgress, ProviderOff, ProviderRefused
from services.payments.pinning import KeyState
from services.payments.ports import AuditEntry, Commerce, OnceKey, Provider, Store
from services.payments.turns import Turns, after_others, holds_place

PATIENCE = 25.0
"""Seconds that a caller waits at most for an operation."""
_POLL = 0.25
# Seconds after which an operation comes again whose account has enough of them worked on.
_NO_SEAT = 1.0
_REFUSED, _MESSAGE, _META, _JOINED = "refused", "message", "meta.", "joined"


class Answers:
    """What workers of this process found, for callers of this process that still wait.

    Only a shortcut, and the only place where a URL lives: outcomes stand in the database.
    """

    def __init__(self) -> None:
        self._waiting: dict[OperationId, dict[asyncio.Future[object], None]] = {}

    @contextmanager
    def expect(self, operation_id: OperationId) -> Iterator["asyncio.Future[object]"]:
        """Hear within the block what comes of an operation."""
        heard: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.setdefault(operation_id, {})
        waiting[heard] = None
        try:
            yield heard
        finally:
            del waiting[heard]
            if not waiting:
                self._waiting.pop(operation_id, None)
            heard.cancel()

    async def news(self, operation_id: OperationId, seconds: float) -> None:
        """Wait until something came of an operation in this process, at most so long."""
        with self.expect(operation_id) as heard:
            await asyncio.wait({heard}, timeout=seconds)

    def tell(self, operation_id: OperationId, answer: object) -> None:
        """Say what came of it; an exception is what it was refused with."""
        for heard in self._waiting.get(operation_id, ()):
            if not heard.done():
                heard.set_result(answer)


@dataclass(frozen=True, slots=True)
class Selling:
    """What selling works with."""

    tx: Transactions[Store]
    provider: Provider
    commerce: Commerce
    key: KeyState
    deployment: str
    clock: Clock
    ids: Ids
    answers: Answers = field(default_factory=Answers)
    turns: Turns = field(default_factory=Turns)

    def pinned(self) -> Identity:
        """Whose money is moved. Raises ProviderOff, KeyNotVerified, ProviderUnreachable."""
        if not self.provider.capabilities.checkout:
            raise ProviderOff("No payment provider is on, so nothing can be bought.")
        return self.key.trusted()

    @property
    def home(self) -> tuple[str, str]:
        """The provider and its account, as rows name them."""
        return self.provider.name, self.pinned().account


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks for an operation, and under which idempotency key."""

    account_id: AccountId
    actor: str
    rpc: str
    request_id: str = ""
    reason: str = ""
    trace_id: str = ""


@dataclass(frozen=True, slots=True)
class Task:
    """What is asked for. ``same`` is what has to be the same for it to be the same request.

    ``in_turn``: after those of its kind that are under way for the account.
    """

    kind: OperationKind
    ask: Mapping[str, object]
    same: Mapping[str, object]
    quote: str = ""
    priority: int = 4
    object: str = ""
    in_turn: bool = False


@dataclass(frozen=True, slots=True)
class Later:
    """An operation that cannot go on yet."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Joined:
    """An operation that another one does, or did, as well; ``answer`` if it is at hand."""

    operation_id: OperationId
    answer: object = None


@dataclass(frozen=True, slots=True)
class Made:
    """An operation that was done. ``answer`` may hold a URL and is not stored.

    ``entry`` is for the audit record, and ``also`` is done in the same transaction.
    """

    answer: object
    object_id: str = ""
    result: Mapping[str, str] = field(default_factory=dict)
    also: Callable[[Store], Awaitable[None]] | None = None
    entry: AuditEntry | None = None


Step = Later | Joined | Made
Handler = Callable[[Selling, Operation], Awaitable[Step]]


async def begin(
    selling: Selling, asked: Asked, task: Task, check: Callable[[], None] = lambda: None
) -> OperationId:
    """Write an operation down and have it worked on, once for each idempotency key.

    ``check`` may refuse what is new; a replay was judged when it was. Raises ProviderOff,
    KeyNotVerified, IdempotencyConflict.
    """
    pinned = selling.pinned()
    operation = Operation(
        id=OperationId(selling.ids.new("op")),
        kind=task.kind,
        account_id=asked.account_id,
        provider=selling.provider.name,
        provider_account=pinned.account,
        deployment=selling.deployment,
        parameters=b"",
        parameters_hash=b"",
        ask=encode(task.ask),
        quote=task.quote,
    )

    async def write(store: Store) -> str:
        async def produce() -> str:
            check()
            wanted = await after_others(store, operation) if task.in_turn else operation
            await store.put_operation_once(wanted)
            await store.enqueue_operation(operation.id, task.priority)
            await store.audit(_entry(asked, task, operation))
            return operation.id

        once = OnceKey(asked.account_id, asked.actor, asked.rpc, asked.request_id)
        same = digest([asked.rpc, asked.account_id, task.same])
        name = OperationId(await store.once(once, same, produce))
        if name != operation.id:
            await _hurry(store, name, task.priority)
        return name

    return OperationId(await selling.tx.run(write))


async def _hurry(store: Store, operation_id: OperationId, priority: int) -> None:
    """Have an operation that somebody asks for again worked on now, not when its turn comes."""
    known = await store.operation(operation_id)
    if known is not None and known.state is OperationState.STARTED:
        await store.enqueue_operation(operation_id, priority)


def _entry(asked: Asked, task: Task, operation: Operation) -> AuditEntry:
    return AuditEntry(
        actor=asked.actor,
        action=f"payments.operations.{task.kind}",
        object=task.object or operation.id,
        reason=asked.reason,
        trace_id=asked.trace_id,
        details={"operation": operation.id, "account": asked.account_id, "quote": task.quote},
    )


async def outcome(selling: Selling, operation_id: OperationId) -> tuple[Operation, object]:
    """Wait for an operation; returns it with the answer if it was heard in this process, or None.

    Raises what it was refused with, what a try of this process failed with while we waited, and
    InProgress when waiting any longer would leave no time to answer.
    """
    try:
        async with asyncio.timeout(budget(PATIENCE)):
            return await _settled(selling, operation_id)
    except TimeoutError as exc:
        raise InProgress(
            "The payment provider has not answered yet; ask again with the same key.",
            retry_after=1.0,
        ) from exc


async def _settled(selling: Selling, operation_id: OperationId) -> tuple[Operation, object]:
    with selling.answers.expect(operation_id) as heard:
        while True:
            operation = await load(selling, operation_id)
            if operation.state is not OperationState.STARTED:
                break
            await asyncio.wait({heard}, timeout=_POLL)
            if heard.done():
                return await _heard(selling, operation, heard.result())
    joined = operation.result.get(_JOINED)
    if joined:
        return await _settled(selling, OperationId(joined))
    if operation.state is OperationState.ABANDONED:
        raise _refusal(operation.result)
    return operation, None


async def _heard(
    selling: Selling, operation: Operation, answer: object
) -> tuple[Operation, object]:
    if isinstance(answer, BaseException):
        raise answer
    if isinstance(answer, Joined):
        return await _settled(selling, answer.operation_id)
    return operation, answer


async def load(selling: Selling, operation_id: OperationId) -> Operation:
    """Return an operation that is known to stand."""
    found = await selling.tx.run(lambda store: store.operation(operation_id))
    if found is None:
        raise LookupError(f"operation {operation_id} is gone")
    return found


async def work_on(
    selling: Selling, operation_id: OperationId, handlers: Mapping[OperationKind, Handler]
) -> float | None:
    """Bring one operation on; returns seconds after which to come again, None when it is over.

    Refusals that are raised mean: nobody knows, try again.
    """
    operation = await load(selling, operation_id)
    if operation.state is not OperationState.STARTED:
        return None
    with selling.turns.seat(operation.account_id) as seated:
        if not (seated or await holds_place(selling.tx, operation)):
            return _NO_SEAT
        return await _work_on(selling, operation, handlers)


async def _work_on(
    selling: Selling, operation: Operation, handlers: Mapping[OperationKind, Handler]
) -> float | None:
    try:
        selling.pinned()
        step = await handlers[operation.kind](selling, operation)
    except Exception as exc:
        if isinstance(exc, Refusal) and exc.reason in FINAL:
            await _refuse(selling, operation, exc)
            selling.answers.tell(operation.id, exc)
            return None
        selling.answers.tell(operation.id, exc)
        raise
    if isinstance(step, Later):
        return step.seconds
    await _finish(selling, operation, step)
    selling.answers.tell(operation.id, step if step.answer is None else step.answer)
    return None


async def _finish(selling: Selling, operation: Operation, step: Made | Joined) -> None:
    async def finish(store: Store) -> None:
        if isinstance(step, Joined):
            result = {_JOINED: str(step.operation_id)}
            await store.finish_operation(operation.id, OperationState.ABANDONED, "", result)
            return
        ours = await store.finish_operation(
            operation.id, OperationState.MADE, step.object_id, step.result
        )
        # Another did it: a second worker, or a commit of ours of which nobody heard.
        if ours and step.entry is not None:
            await store.audit(step.entry)
        if step.also is not None:
            await step.also(store)

    await selling.tx.run(finish)


async def _refuse(selling: Selling, operation: Operation, refusal: Refusal) -> None:
    """Keep a refusal, so that a replay is given the same; the account's place is free again."""
    metadata = {_META + name: value for name, value in refusal.metadata.items()}
    result = {_REFUSED: refusal.reason, _MESSAGE: refusal.message, **metadata}

    async def refuse(store: Store) -> None:
        await store.finish_operation(operation.id, OperationState.ABANDONED, "", result)
        await store.leave_place(operation.id, PlaceState.CLOSED)

    await selling.tx.run(refuse)


def _refusal(result: Mapping[str, str]) -> Refusal:
    kind = FINAL.get(result.get(_REFUSED, ""), ProviderRefused)
    metadata = {
        name.removeprefix(_META): value for name, value in result.items() if name.startswith(_META)
    }
    return kind(result.get(_MESSAGE, "It was given up."), metadata=metadata)
