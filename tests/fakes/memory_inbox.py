"""The in-memory twin of ``services.chassis.inbox``."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from services.chassis.facts import FactRecord
from services.chassis.inbox import Parked, unknown_type
from tests.fakes.memory_db import MemoryTx, Table

FACTS: Table[tuple[str, str], str] = Table("inbox_facts")
REVISIONS: Table[tuple[str, str], int] = Table("inbox_revisions")
PARKED: Table[tuple[str, str], Parked] = Table("inbox_parked")
_WAITS: Table[str, None] = Table("inbox_waits")


async def remember(tx: MemoryTx, fact: FactRecord, source: str) -> bool:
    """Count a money fact: True if it is new."""
    return await tx.insert(FACTS, (source, fact.id), fact.type)


async def remember_all(tx: MemoryTx, facts: Sequence[FactRecord], source: str) -> set[str]:
    """Count money facts by one statement; return the ids of those that are new."""
    await tx.db.step()
    new: set[str] = set()
    for fact in sorted(facts, key=lambda fact: fact.id):
        if await tx.hold(FACTS, (source, fact.id)) is None:
            tx.write(FACTS, (source, fact.id), fact.type)
            new.add(fact.id)
    return new


async def latest(tx: MemoryTx, object_key: str, type: str, revision: int) -> bool:  # noqa: A002
    """Record a state fact's revision: True if it is newer than what was applied."""
    if revision < 1:
        raise ValueError(f"a state fact has a revision from 1, not {revision}")
    known = await tx.lock(REVISIONS, (object_key, type))
    if known is not None and known >= revision:
        return False
    tx.write(REVISIONS, (object_key, type), revision)
    return True


async def park(
    tx: MemoryTx, fact: FactRecord, waiting_for: str, reason: str, *, source: str = ""
) -> None:
    """Keep a fact until what it waits for has come; the caller then looks once more."""
    await tx.lock(_WAITS, waiting_for)
    before = await tx.lock(PARKED, (source, fact.id))
    if before is not None:
        parked = replace(before, waiting_for=waiting_for, reason=reason)
    else:
        kept = replace(fact, destinations=())
        now = datetime.fromtimestamp(tx.db.now(), UTC)
        parked = Parked(tx.db.next("inbox_parked"), kept, source, waiting_for, reason, now)
    tx.write(PARKED, (source, fact.id), parked)


async def unpark(tx: MemoryTx, waiting_for: str) -> list[FactRecord]:
    """Take the facts that waited for this, oldest first."""
    await tx.lock(_WAITS, waiting_for)
    await tx.db.step()
    taken = [parked for parked in _in_order(tx) if parked.waiting_for == waiting_for]
    for parked in taken:
        await tx.hold(PARKED, (parked.source, parked.fact.id))
        tx.write(PARKED, (parked.source, parked.fact.id), None)
    return [parked.fact for parked in taken]


async def list_parked(tx: MemoryTx, *, after: int = 0, limit: int = 100) -> Sequence[Parked]:
    """Return a page of parked facts."""
    return [parked for parked in _in_order(tx) if parked.seq > after][:limit]


async def keep_unknown(tx: MemoryTx, fact: FactRecord, source: str) -> None:
    """Keep a fact whose type this version does not know."""
    await park(tx, fact, unknown_type(fact.type), "its type is not known yet", source=source)


async def kept_unknown(tx: MemoryTx, types: Sequence[str]) -> Sequence[tuple[FactRecord, str]]:
    """Return at most 100 facts of types that were kept unknown, oldest first, with sources."""
    await tx.db.step()
    wanted = {unknown_type(name) for name in types}
    rows = [parked for parked in _in_order(tx) if parked.waiting_for in wanted]
    return [(row.fact, row.source) for row in rows[:100]]


async def forget_kept(tx: MemoryTx, fact_id: str, type: str) -> None:  # noqa: A002
    """Forget that a fact was kept unknown, unless it waits for something else by now."""
    for key, parked in tx.rows(PARKED):
        if parked.fact.id == fact_id and parked.waiting_for == unknown_type(type):
            await tx.delete(PARKED, key)


class MemoryKeptFacts:
    """Facts that were kept unknown, in the inbox of a service in memory."""

    def __init__(self, tx: MemoryTx) -> None:
        self._tx = tx

    async def kept_unknown(self, types: Sequence[str]) -> Sequence[tuple[FactRecord, str]]:
        return await kept_unknown(self._tx, types)

    async def forget_kept(self, fact_id: str, type_name: str) -> None:
        await forget_kept(self._tx, fact_id, type_name)


def _in_order(tx: MemoryTx) -> list[Parked]:
    return sorted((parked for _, parked in tx.rows(PARKED)), key=lambda parked: parked.seq)
