"""The in-memory twin of ``services.chassis.queue``."""

from collections.abc import Callable, Mapping, Sequence
from math import inf
from typing import NamedTuple

from services.chassis.wakeups import after_commit
from services.chassis.working import HIGHEST_PRIORITY, ClaimedKey, topic
from tests.fakes.memory_db import MemoryDatabase, MemoryTransactions, MemoryTx, Table


class QueueRow(NamedTuple):
    """A key; while it runs ``due_at`` is the end of its lease."""

    due_at: float
    priority: int
    generation: int
    running: bool = False
    next_at: float = inf
    epoch: int = 0
    failures: int = 0


_Name = tuple[str, str]
QUEUE: Table[_Name, QueueRow] = Table("reconcile_queue")
# A run that asks whether it still holds its key bars claims and lets enqueues through, so its lock
# is not the row's.
_FENCES: Table[_Name, None] = Table("reconcile_fences")


async def enqueue(
    tx: MemoryTx, queue: str, keys: Sequence[str], *, due_in: float = 0.0, priority: int = 0
) -> None:
    """Ask for a run that begins after the commit; see the real one."""
    if not 0 <= priority <= HIGHEST_PRIORITY:
        raise ValueError(f"a priority is 0 to {HIGHEST_PRIORITY}, not {priority}")
    await tx.db.step()
    for key in sorted(set(keys)):
        await ask(tx, queue, key, due_in=due_in, priority=priority)


async def ask(tx: MemoryTx, queue: str, key: str, *, due_in: float, priority: int) -> None:
    """Ask for a run within a statement that has begun; keys in their order."""
    due_at = tx.db.now() + max(0.0, due_in)
    known = await tx.hold(QUEUE, (queue, key))
    generation = tx.db.next("reconcile_generation")
    tx.write(QUEUE, (queue, key), _asked(known, generation, due_at, priority))
    if due_in <= 0:
        after_commit(topic(queue))


def _asked(known: QueueRow | None, generation: int, due_at: float, priority: int) -> QueueRow:
    if known is None:
        return QueueRow(due_at, priority, generation)
    priority = max(known.priority, priority)
    if known.running:
        next_at = min(known.next_at, due_at)
        return known._replace(generation=generation, priority=priority, next_at=next_at)
    due_at = min(known.due_at, due_at)
    return known._replace(generation=generation, priority=priority, due_at=due_at)


def asked(tx: MemoryTx, queue: str, keys: Sequence[str]) -> dict[str, int]:
    """Return the generations of those keys that wait; see the real one."""
    rows = {key: tx.get(QUEUE, (queue, key)) for key in keys}
    return {key: row.generation for key, row in rows.items() if row is not None and not row.running}


async def withdraw(tx: MemoryTx, queue: str, asked_for: Mapping[str, int]) -> None:
    """Remove keys that were handled elsewhere, unless more was asked for or somebody is at them."""
    if asked_for:
        await tx.db.step()
    for key in sorted(asked_for):
        row = tx.get(QUEUE, (queue, key)) if tx.try_lock(QUEUE, (queue, key)) else None
        if row is not None and row.generation == asked_for[key] and not row.running:
            tx.write(QUEUE, (queue, key), None)


async def holds(tx: MemoryTx, queue: str, key: str, epoch: int) -> bool:
    """Tell whether the run of this epoch still holds the key; nobody gets it before the commit."""
    await tx.lock(_FENCES, (queue, key))
    row = tx.get(QUEUE, (queue, key))
    return row is not None and row.running and row.epoch == epoch and row.due_at > tx.db.now()


class MemoryQueue:
    """Rows of the queue, as a worker sees them."""

    def __init__(self, db: MemoryDatabase) -> None:
        self._db = db
        self._transactions = MemoryTransactions(db, lambda tx: tx)

    async def claim(self, queue: str, limit: int, lease: float) -> Sequence[ClaimedKey]:
        """Lease due keys."""

        async def claim(tx: MemoryTx) -> list[ClaimedKey]:
            await tx.db.step()
            claimed: list[ClaimedKey] = []
            for _, _, name in sorted(_due(tx, queue)):
                if len(claimed) == limit:
                    break
                claimed += self._try(tx, name, lease)
            return claimed

        return await self._transactions.single(claim)

    async def claim_oldest(self, queue: str, lease: float) -> Sequence[ClaimedKey]:
        """Lease the longest due key."""

        async def claim(tx: MemoryTx) -> list[ClaimedKey]:
            await tx.db.step()
            due = [(due_at, urgency, name) for urgency, due_at, name in _due(tx, queue)]
            return self._try(tx, min(due)[-1], lease) if due else []

        return await self._transactions.single(claim)

    def _try(self, tx: MemoryTx, name: _Name, lease: float) -> list[ClaimedKey]:
        row = tx.get(QUEUE, name)
        if row and tx.try_lock(QUEUE, name) and tx.try_lock(_FENCES, name):
            return [_lease(tx, name, row, lease)]
        return []

    async def renew(
        self, queue: str, held: Sequence[tuple[str, int]], lease: float
    ) -> set[tuple[str, int]]:
        """Prolong leases."""

        async def renew(tx: MemoryTx) -> set[tuple[str, int]]:
            kept: set[tuple[str, int]] = set()
            await tx.db.step()
            ends = tx.db.now() + lease
            for key, epoch in sorted(held):
                row = await _mine(tx, queue, key, epoch)
                if row is not None:
                    tx.write(QUEUE, (queue, key), row._replace(due_at=ends))
                    kept.add((key, epoch))
            return kept

        return await self._transactions.single(renew)

    async def finish(self, queue: str, claimed: ClaimedKey) -> bool:
        """Remove the key, or release it if it was enqueued since."""
        gone = False

        def finish(tx: MemoryTx, row: QueueRow) -> None:
            nonlocal gone
            name = (queue, claimed.key)
            gone = row.generation == claimed.generation and row.next_at == inf
            if gone:
                tx.write(QUEUE, name, None)
            else:
                due_at = tx.db.now() if row.next_at == inf else row.next_at
                idle = QueueRow(due_at, row.priority, row.generation, epoch=row.epoch)
                tx.write(QUEUE, name, idle)

        await self._settle(queue, claimed, finish)
        return gone

    async def again(self, queue: str, claimed: ClaimedKey, after: float, error: str | None) -> None:
        """Release the key, due later."""

        def again(tx: MemoryTx, row: QueueRow) -> None:
            idle = QueueRow(
                min(row.next_at, tx.db.now() + max(0.0, after)),
                row.priority,
                row.generation,
                epoch=row.epoch,
                failures=0 if error is None else row.failures + 1,
            )
            tx.write(QUEUE, (queue, claimed.key), idle)

        await self._settle(queue, claimed, again)

    async def holds(self, conn: MemoryTx, queue: str, claimed: ClaimedKey) -> bool:
        """Ask in the caller's transaction."""
        return await holds(conn, queue, claimed.key, claimed.epoch)

    def keys(self, queue: str) -> dict[str, QueueRow]:
        """Return what is committed, by key."""
        return {key: row for (name, key), row in self._db.committed(QUEUE).items() if name == queue}

    async def _settle(
        self,
        queue: str,
        claimed: ClaimedKey,
        settle: Callable[[MemoryTx, QueueRow], None],
    ) -> None:
        async def run(tx: MemoryTx) -> None:
            await tx.db.step()
            row = await _mine(tx, queue, claimed.key, claimed.epoch)
            if row is not None:
                settle(tx, row)

        await self._transactions.single(run)


def _lease(tx: MemoryTx, name: _Name, row: QueueRow, lease: float) -> ClaimedKey:
    now = tx.db.now()
    epoch = tx.db.next("reconcile_epoch")
    leased = QueueRow(
        now + lease,
        row.priority,
        row.generation,
        running=True,
        next_at=row.next_at if row.next_at > now else inf,
        epoch=epoch,
        failures=row.failures,
    )
    tx.write(QUEUE, name, leased)
    return ClaimedKey(name[1], row.generation, epoch, row.failures)


def _due(tx: MemoryTx, queue: str) -> list[tuple[int, float, _Name]]:
    """Return those keys that are due: how urgent, the least first, since when, and their names."""
    now = tx.db.now()
    return [
        (-row.priority, row.due_at, name)
        for name, row in tx.rows(QUEUE)
        if name[0] == queue and row.due_at <= now
    ]


async def _mine(tx: MemoryTx, queue: str, key: str, epoch: int) -> QueueRow | None:
    row = await tx.hold(QUEUE, (queue, key))
    return row if row is not None and row.running and row.epoch == epoch else None
