"""Group commit: many callers' rows in one transaction, each caller answered for its own row."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import chain
from typing import Any, Generic, TypeAlias, TypeVar

from services.chassis.clock import Clock, SystemClock
from services.chassis.errors import Internal, ResourceExhausted, Unavailable, is_transient

T = TypeVar("T")
R = TypeVar("R")

_Waiting: TypeAlias = tuple[T, int, asyncio.Future[R]]
"""An item, its bytes, and who waits for it."""


class GroupCommit(Generic[T, R]):
    """Writes what gathered while the last batch was being written.

    ``write`` writes items in one transaction and returns an answer for each, in order; it raises
    before anything is committed, or commits all. ``key`` sorts a batch, so that batches of several
    replicas take their locks in one order. After an idle time ``linger`` seconds are waited for
    more, so that what comes in one burst is one batch. ``size`` is an item's bytes; a batch holds
    at most ``max_batch_bytes`` (or one item), and more than ``max_bytes`` waiting and being written
    are refused rather than kept in memory. With ``at_once`` a batch that is full also leaves while
    others are being written, up to so many in all: who sends one away has time for the next.
    """

    def __init__(
        self,
        write: Callable[[Sequence[T]], Awaitable[Sequence[R]]],
        *,
        key: Callable[[T], Any],
        size: Callable[[T], int],
        max_batch: int = 128,
        max_batch_bytes: int = 16 * 1024 * 1024,
        max_bytes: int = 16 * 1024 * 1024,
        linger: float = 0.0,
        at_once: int = 1,
        clock: Clock | None = None,
    ) -> None:
        self._write = write
        self._key = key
        self._size = size
        self._max_batch = max_batch
        self._max_batch_bytes = max_batch_bytes
        self._max_bytes = max_bytes
        self._linger = linger
        self._at_once = at_once
        self._clock = clock or SystemClock()
        self._gathered: list[_Waiting[T, R]] = []
        self._flushing: list[list[_Waiting[T, R]]] = []
        self._bytes = 0
        self._something = asyncio.Event()
        self._full = asyncio.Event()
        self._closed = False

    async def submit(self, item: T) -> R:
        """Have the item written and return its answer, after its commit.

        A caller that goes away cancels nothing: its row is written all the same. Raises
        ResourceExhausted when too much is under way, Unavailable after the end.
        """
        return await self.enter(item)

    def enter(self, item: T) -> "asyncio.Future[R]":
        """Have the item written; the answer comes after its commit. Raises as ``submit`` does.

        For a caller of many items: a task for each would cost more than its row.
        """
        if self._closed:
            raise Unavailable("This process is stopping.", reason="STOPPING")
        size = self._size(item)
        if self._bytes + size > self._max_bytes:
            raise ResourceExhausted("Too much is being written.", reason="BUSY", retry_after=1.0)
        answer: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._bytes += size
        answer.add_done_callback(_retrieved)
        self._gathered.append((item, size, answer))
        self._something.set()
        if len(self._gathered) >= self._max_batch:
            self._full.set()
        return answer

    async def run(self, stopping: asyncio.Event | None = None) -> None:
        """Flush until ``stopping`` is set and all that gathered is written.

        The one owner of this task is the process; only one may run.
        """
        stopping = stopping or asyncio.Event()
        async with asyncio.TaskGroup() as group:
            watch = group.create_task(self._wake_at(stopping))
            beside = [
                group.create_task(self._flush_full(stopping)) for _ in range(self._at_once - 1)
            ]
            try:
                await self._flush(stopping)
                if beside:
                    await asyncio.wait(beside)
            finally:
                self._close()
            watch.cancel()

    async def _flush(self, stopping: asyncio.Event) -> None:
        while self._gathered or not stopping.is_set():
            await self._something.wait()
            if self._linger and not stopping.is_set():
                await self._clock.sleep(self._linger)
            self._something.clear()
            while self._gathered:
                await self._flush_batch()

    async def _flush_full(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            await self._full.wait()
            while len(self._gathered) >= self._max_batch:
                await self._flush_batch()
            self._full.clear()

    async def _flush_batch(self) -> None:
        batch = self._take()
        self._flushing.append(batch)
        failure = await self._write_all(batch)
        if failure is not None:
            await self._settle_each(batch, failure)
        # By identity: equal batches are not the same one. What ends by an exception stays here,
        # and is told of its end by whoever closes.
        self._flushing = [other for other in self._flushing if other is not batch]

    async def _wake_at(self, stopping: asyncio.Event) -> None:
        await stopping.wait()
        self._something.set()
        self._full.set()

    def _close(self) -> None:
        """Tell those who still wait: a caller that is told nothing would wait for its deadline."""
        self._closed = True
        for _, _, answer in chain(*self._flushing, self._gathered):
            if not answer.done():
                answer.set_exception(Unavailable("This process is stopping.", reason="STOPPING"))

    def _take(self) -> list[_Waiting[T, R]]:
        batch = self._gathered[: self._fitting()]
        del self._gathered[: len(batch)]
        if len(batch) > 1:
            batch.sort(key=lambda waiting: self._key(waiting[0]))
        return batch

    def _fitting(self) -> int:
        """Return how many of what gathered go into one batch: at least one."""
        held = count = 0
        for _, size, _ in self._gathered[: self._max_batch]:
            held += size
            if count and held > self._max_batch_bytes:
                break
            count += 1
        return count

    async def _settle_each(self, batch: list[_Waiting[T, R]], failure: Exception) -> None:
        """Write row by row what failed together, and answer each."""
        if is_transient(failure) or len(batch) == 1:
            # The database is away: asking it for each row would only keep all of them waiting.
            self._fail(batch, failure)
            return
        for place, waiting in enumerate(batch):
            alone = await self._write_all([waiting])
            if alone is not None and is_transient(alone):
                self._fail(batch[place:], alone)
                return
            if alone is not None:
                self._fail([waiting], alone)

    async def _write_all(self, batch: list[_Waiting[T, R]]) -> Exception | None:
        """Write rows and answer those who wait for them; on a failure answer nobody."""
        try:
            answers = await self._write([item for item, _, _ in batch])
        except Exception as exc:  # noqa: BLE001 - it is the waiters' to handle
            return exc
        if len(answers) != len(batch):
            return Internal(f"{len(batch)} rows were written and {len(answers)} answered.")
        for (_, size, waiting), answer in zip(batch, answers, strict=True):
            self._bytes -= size
            if not waiting.done():
                waiting.set_result(answer)
        return None

    def _fail(self, batch: list[_Waiting[T, R]], failure: Exception) -> None:
        for _, size, waiting in batch:
            self._bytes -= size
            if not waiting.done():
                waiting.set_exception(failure)


def _retrieved(answer: asyncio.Future[Any]) -> None:
    """Look at the outcome: a waiter that went away would leave an exception nobody retrieved."""
    if not answer.cancelled():
        answer.exception()
