"""Hours of use in memory: the twin of ``services.provisioner.metering.store``."""

from collections.abc import Mapping, Sequence

from services.provisioner.metering.hours import Metered, Use, UsedHour
from services.provisioner.metering.store import ToFact
from tests.fakes import memory_outbox
from tests.fakes.memory_db import MemoryTx, Table

HOURS: Table[tuple[str, int], UsedHour] = Table("use_hours")
LOOKS: Table[bool, float] = Table("use_looks")
READY: Table[str, Metered] = Table("metered tenants")
"""What the table of tenants is in PostgreSQL, as far as it is measured."""


class MemoryMeteringStore:
    """The in-memory twin of PgMeteringStore."""

    def __init__(self, tx: MemoryTx, to_fact: ToFact) -> None:
        self._tx = tx
        self._to_fact = to_fact

    async def claim(self, every: float) -> bool:
        last = await self._tx.lock(LOOKS, True)
        now = self._tx.db.now()
        if last is not None and last > now - every:
            return False
        await self._tx.put(LOOKS, True, now)
        return True

    async def lock(self) -> int:
        await self._tx.lock(LOOKS, True)
        return int(self._tx.db.now())

    async def metered(self, after: str, limit: int) -> Sequence[Metered]:
        await self._tx.db.step()
        found = sorted((row for key, row in self._tx.rows(READY) if key > after), key=_tenant)
        return found[:limit]

    async def add(self, hour: int, used: Mapping[str, Use]) -> None:
        for tenant, use in used.items():
            known = await self._tx.lock(HOURS, (tenant, hour))
            await self._tx.put(HOURS, (tenant, hour), _added(known, tenant, hour, use))

    async def tell(self, before: int, limit: int) -> int:
        over = [row for _, row in self._tx.rows(HOURS) if row.hour < before]
        page = sorted(over, key=lambda row: (row.hour, row.tenant))[:limit]
        for row in page:
            await self._tx.delete(HOURS, (row.tenant, row.hour))
        now = int(self._tx.db.now())
        await memory_outbox.append(self._tx, [self._to_fact(row, now) for row in page])
        return len(page)


def _tenant(one: Metered) -> str:
    return one.tenant


def _added(known: UsedHour | None, tenant: str, hour: int, use: Use) -> UsedHour:
    cpu, memory, storage = use.cpu_millis, use.memory_bytes, use.storage_bytes
    if known is None:
        return UsedHour(tenant, hour, 1, cpu, cpu, memory, memory, storage)
    counted = [one for one in (known.storage_peak, storage) if one is not None]
    return UsedHour(
        tenant,
        hour,
        known.samples + 1,
        known.cpu_sum + cpu,
        max(known.cpu_peak, cpu),
        known.memory_sum + memory,
        max(known.memory_peak, memory),
        max(counted, default=None),
    )
