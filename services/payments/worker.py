"""The loops of payments: comparing the key, folding, operations, dropping old bodies."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType

import structlog

from services.chassis.backoff import Backoff
from services.chassis.clock import Clock
from services.chassis.errors import Refusal, is_transient
from services.chassis.queue import Again, Done, Job, Outcome
from services.payments.binding import OperationKind
from services.payments.changes import change_subscription, end_subscription
from services.payments.checkouts import make_checkout
from services.payments.domain import ObjectRef, OperationId
from services.payments.folding import Folding, Task, Timeline, fold_object
from services.payments.operations import Handler, Selling, work_on
from services.payments.pinning import KeyState
from services.payments.refunds import refund_checkout, refund_subscription

HOUSEKEEPING_SECONDS = 3600.0
_KEY_RETRY = Backoff(base=0.5, cap=30.0)

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("payments")


def folds(folding: Folding) -> Callable[[Job], Awaitable[Outcome]]:
    """Return the handler of the work queue."""

    async def handle(job: Job) -> Outcome:
        task = Task(ObjectRef.from_key(job.key), job.attempts, job.lease)
        folded = await fold_object(folding, task)
        if folded.timeline is not None:
            _tell(job.key, folded.timeline)
        left = folded.again_after
        return Done() if left is None else Again(left)

    return handle


def _tell(key: str, timeline: Timeline) -> None:
    _log.info(
        "object folded",
        key=key,
        received=timeline.received.isoformat(),
        waited_ms=round(timeline.waited * 1000, 1),
        fetched_ms=round(timeline.fetched * 1000, 1),
        committed_ms=round(timeline.committed * 1000, 1),
    )


HANDLERS: Mapping[OperationKind, Handler] = MappingProxyType(
    {
        OperationKind.CHECKOUT: make_checkout,
        OperationKind.CHANGE: change_subscription,
        OperationKind.END: end_subscription,
        OperationKind.REFUND: refund_checkout,
        OperationKind.REFUND_SUBSCRIPTION: refund_subscription,
    }
)
"""What is done for each kind of operation; customers are made on the way to a checkout."""


def operations(selling: Selling) -> Callable[[Job], Awaitable[Outcome]]:
    """Return the handler of the operations' queue."""

    async def handle(job: Job) -> Outcome:
        left = await work_on(selling, OperationId(job.key), HANDLERS)
        return Done() if left is None else Again(left)

    return handle


async def verify_key(check: Callable[[], Awaitable[bool]], state: KeyState, clock: Clock) -> None:
    """Compare the provider's key with the pinned account until that has an outcome.

    Says once that it has to wait, and once how it ended. A refused key does not make the process
    not ready: that would take the whole service from those who ask it other things.
    """
    failures = 0
    while not await _checked(check, state):
        failures += 1
        if failures == 1:
            _log.warning(
                "The provider's key cannot be compared yet; trying again.", problem=state.trouble
            )
        await clock.sleep(_KEY_RETRY.delay(failures))
    if state.verified:
        _log.info("The provider's key is verified.", account=str(state.identity))
    else:
        _log.error("The provider is refused; nothing is taken in.", problem=state.trouble)


async def _checked(check: Callable[[], Awaitable[bool]], state: KeyState) -> bool:
    try:
        return await check()
    except Refusal as exc:
        if not is_transient(exc):
            raise
        state.assume(state.identity, exc.message)
        return False


async def keep_house(
    chores: Callable[[], Awaitable[None]], clock: Clock, stopping: asyncio.Event
) -> None:
    """Do the chores now and every hour; one that fails for a passing reason waits for the next."""
    while not stopping.is_set():
        try:
            await chores()
        except Refusal as exc:
            if not is_transient(exc):
                raise
            _log.warning("Old bodies are not dropped now; later.", problem=exc.message)
        await clock.sleep(HOUSEKEEPING_SECONDS)
