"""What was told of plans, in memory: the twin of ``services.provisioner.plans.store``."""

from datetime import datetime

from services.provisioner.plans.seen import PlansSeen, Told
from services.provisioner.plans.store import ToFact
from tests.fakes import memory_outbox
from tests.fakes.memory_db import MemoryTx, Table

TOLD: Table[str, Told] = Table("plans_told")


class MemoryPlansStore:
    """The in-memory twin of PgPlansStore."""

    def __init__(self, tx: MemoryTx, to_fact: ToFact) -> None:
        self._tx = tx
        self._to_fact = to_fact

    async def last_told(self, source: str) -> Told | None:
        await self._tx.db.step()
        return self._tx.get(TOLD, source)

    async def told_sources(self) -> list[tuple[str, Told]]:
        await self._tx.db.step()
        return sorted(self._tx.rows(TOLD), key=lambda row: row[0])

    async def tell(
        self, seen: PlansSeen, revision: int, observe_time: datetime, *, after: int
    ) -> bool:
        now = Told(revision, seen.digest)
        if not await self._tx.insert(TOLD, seen.source, now):
            known = await self._tx.lock(TOLD, seen.source)
            if known is None or known.revision != after:
                return False
            await self._tx.put(TOLD, seen.source, now)
        await memory_outbox.append(self._tx, [self._to_fact(seen, revision, observe_time)])
        return True
