"""The in-memory twin of ``services.chassis.outbox``."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import NamedTuple

from services.chassis.facts import FactRecord
from services.chassis.handing import offers_to, tell_after_commit
from services.chassis.relaying import FOLLOWERS, ClaimedFact, Postponed, Rejected
from tests.fakes.memory_db import MemoryDatabase, MemoryTransactions, MemoryTx, Table


class OutboxRow(NamedTuple):
    """A fact on its way to one destination."""

    seq: int
    destination: str
    fact: FactRecord
    due_at: float
    epoch: int = 0
    failures: int = 0


@dataclass(frozen=True)
class DeadRow:
    """A fact that its destination can never take."""

    destination: str
    fact: FactRecord
    reason: str


OUTBOX: Table[int, OutboxRow] = Table("outbox")
OUTBOX_IDS: Table[tuple[str, str], int] = Table("outbox_ids")
DEAD: Table[int, DeadRow] = Table("dead_letters")


async def append(tx: MemoryTx, facts: Sequence[FactRecord]) -> None:
    """Write facts, a row for each destination; see the real one."""
    for fact in facts:
        if not fact.destinations:
            raise ValueError(f"fact {fact.id} ({fact.type}) goes nowhere")
    rows = [(destination, fact) for fact in facts for destination in fact.destinations]
    offers = offers_to(destination for destination, _ in rows)
    await tx.db.step()
    standing = {(row.destination, row.fact.key) for _, row in tx.rows(OUTBOX)}
    leased: dict[tuple[str, str], int] = {}
    now = tx.db.now()
    for destination, fact in rows:
        seq = tx.db.next("outbox")
        if await tx.hold(OUTBOX_IDS, (destination, fact.id)) is not None:
            continue
        offer = offers[destination] if (destination, fact.key) not in standing else None
        if offer is not None:
            leased[destination, fact.id] = seq
        due_at = now if offer is None else now + offer.lease
        alone = fact if fact.destinations == (destination,) else _only_to(destination, fact)
        tx.write(OUTBOX_IDS, (destination, fact.id), seq)
        await tx.hold(OUTBOX, seq)
        tx.write(OUTBOX, seq, OutboxRow(seq, destination, alone, due_at))
    tell_after_commit(offers, rows, leased)


def _only_to(destination: str, fact: FactRecord) -> FactRecord:
    return replace(fact, destinations=(destination,))


class MemoryOutbox:
    """Rows of the outbox, as a relay sees them."""

    def __init__(self, db: MemoryDatabase) -> None:
        self._db = db
        self._transactions = MemoryTransactions(db, lambda tx: tx)

    async def claim(
        self, destination: str, after_key: str, limit: int, lease: float
    ) -> Sequence[ClaimedFact]:
        """Lease due heads of keys."""

        async def claim(tx: MemoryTx) -> list[ClaimedFact]:
            await tx.db.step()
            chains: dict[str, list[OutboxRow]] = {}
            for row in sorted(row for _, row in tx.rows(OUTBOX) if row.destination == destination):
                chains.setdefault(row.fact.key, []).append(row)
            claimed: list[ClaimedFact] = []
            heads = 0
            now = tx.db.now()
            for key in sorted(chains):
                due = _due(now, chains[key][: 1 + FOLLOWERS])
                free = key > after_key and heads < limit and bool(due)
                if free and tx.try_lock(OUTBOX, due[0].seq):
                    heads += 1
                    for row in due:
                        leased = row._replace(epoch=row.epoch + 1, due_at=now + lease)
                        await tx.hold(OUTBOX, row.seq)
                        tx.write(OUTBOX, row.seq, leased)
                        claimed.append(ClaimedFact(row.seq, leased.epoch, row.failures, row.fact))
            return claimed

        return await self._transactions.single(claim)

    async def accepted(self, claimed: Sequence[ClaimedFact]) -> None:
        """Remove what was taken."""

        async def remove(tx: MemoryTx) -> None:
            await tx.db.step()
            for mine in claimed:
                await _remove(tx, mine.seq)

        await self._transactions.single(remove)

    async def postpone(self, postponed: Sequence[Postponed]) -> None:
        """Set when to try again."""

        async def postpone(tx: MemoryTx) -> None:
            await tx.db.step()
            for one in postponed:
                row = await tx.hold(OUTBOX, one.claimed.seq)
                if row is not None and row.epoch == one.claimed.epoch:
                    due_at = tx.db.now() + one.after
                    again = row._replace(failures=row.failures + 1, due_at=due_at)
                    tx.write(OUTBOX, row.seq, again)

        await self._transactions.single(postpone)

    async def reject(self, rejected: Sequence[Rejected]) -> None:
        """Move to the dead letters."""

        async def bury(tx: MemoryTx) -> None:
            await tx.db.step()
            for one in rejected:
                row = await tx.hold(OUTBOX, one.claimed.seq)
                if row is not None and row.epoch == one.claimed.epoch:
                    await _remove(tx, row.seq)
                    await tx.hold(DEAD, row.seq)
                    tx.write(DEAD, row.seq, DeadRow(row.destination, row.fact, one.reason))

        await self._transactions.single(bury)

    def waiting(self, destination: str) -> list[FactRecord]:
        """Return what is committed and not taken yet, oldest first."""
        rows = sorted(self._db.committed(OUTBOX).items(), key=lambda pair: pair[0])
        return [row.fact for _, row in rows if row.destination == destination]

    def dead(self, destination: str) -> list[FactRecord]:
        """Return the dead letters, oldest first."""
        rows = sorted(self._db.committed(DEAD).items(), key=lambda pair: pair[0])
        return [row.fact for _, row in rows if row.destination == destination]


def _due(now: float, chain: Sequence[OutboxRow]) -> Sequence[OutboxRow]:
    return list(takewhile(lambda row: row.due_at <= now, chain))


async def _remove(tx: MemoryTx, seq: int) -> None:
    row = await tx.hold(OUTBOX, seq)
    if row is not None:
        await tx.hold(OUTBOX_IDS, (row.destination, row.fact.id))
        tx.write(OUTBOX, seq, None)
        tx.write(OUTBOX_IDS, (row.destination, row.fact.id), None)
