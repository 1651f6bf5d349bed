"""The in-memory twin of ``services.chassis.queue``."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf

from services.chassis.wakeups import after_commit
from services.chassis.working import HIGHEST_PRIORITY, ClaimedKey, topic
from tests.fakes.memory_db import MemoryDatabase, MemoryTransactions, MemoryTx, Table


@dataclass(frozen=True)
class QueueRow:
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
    bumped = replace(known, generation=generation, priority=max(known.priority, priority))
    if known.running:
        return replace(bumped, next_at=min(known.next_at, due_at))
    return replace(bumped, due_at=min(known.due_at, due_at))


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
            now = tx.db.now()
            due = [
                (-row.priority, row.due_at, name)
                for name, row in tx.rows(QUEUE)
                if name[0] == queue and row.due_at <= now
            ]
            claimed: list[ClaimedKey] = []
            for _, _, name in sorted(due):
                if len(claimed) == limit:
                    break
                row = tx.get(QUEUE, name)
                if row and tx.try_lock(QUEUE, name) and tx.try_lock(_FENCES, name):
                    claimed.append(self._lease(tx, name, row, now + lease))
            return claimed

        return await self._transactions.single(claim)

    def _lease(self, tx: MemoryTx, name: _Name, row: QueueRow, ends: float) -> ClaimedKey:
        leased = replace(
            row,
            running=True,
            epoch=tx.db.next("reconcile_epoch"),
            due_at=ends,
            next_at=row.next_at if row.next_at > tx.db.now() else inf,
        )
        tx.write(QUEUE, name, leased)
        return ClaimedKey(name[1], leased.generation, leased.epoch, leased.failures)

    async def renew(
        self, queue: str, held: Sequence[tuple[str, int]], lease: float
    ) -> set[tuple[str, int]]:
        """Prolong leases."""

        async def renew(tx: MemoryTx) -> set[tuple[str, int]]:
            kept: set[tuple[str, int]] = set()
            await tx.db.step()
            for key, epoch in sorted(held):
                row = await _mine(tx, queue, key, epoch)
                if row is not None:
                    tx.write(QUEUE, (queue, key), replace(row, due_at=tx.db.now() + lease))
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
                idle = replace(row, running=False, failures=0, next_at=inf, due_at=due_at)
                tx.write(QUEUE, name, idle)

        await self._settle(queue, claimed, finish)
        return gone

    async def again(self, queue: str, claimed: ClaimedKey, after: float, error: str | None) -> None:
        """Release the key, due later."""

        def again(tx: MemoryTx, row: QueueRow) -> None:
            idle = replace(
                row,
                running=False,
                failures=0 if error is None else row.failures + 1,
                next_at=inf,
                due_at=min(row.next_at, tx.db.now() + max(0.0, after)),
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


async def _mine(tx: MemoryTx, queue: str, key: str, epoch: int) -> QueueRow | None:
    row = await tx.hold(QUEUE, (queue, key))
    return row if row is not None and row.running and row.epoch == epoch else None
