"""The SQL of hours that are not over yet."""

from collections.abc import Callable, Mapping, Sequence

from services.chassis import outbox
from services.chassis.db import Connection
from services.chassis.facts import FactRecord
from services.provisioner.domain import TenantPhase
from services.provisioner.metering.hours import Metered, Use, UsedHour

ToFact = Callable[[UsedHour, int], FactRecord]

# The clock, not the transaction's begin: who waited for the row must not count into an hour that
# was told while it waited.
_CLAIM = """
UPDATE use_looks SET look_time = clock_timestamp()
WHERE look_time <= clock_timestamp() - make_interval(secs => $1) RETURNING true"""
_LOCK = "SELECT one FROM use_looks FOR UPDATE"
_NOW = "SELECT floor(extract(epoch FROM clock_timestamp()))::bigint"
_METERED = """
SELECT id, namespace, organization FROM tenants WHERE id > $1 AND phase = $2 AND uid <> ''
ORDER BY id LIMIT $3"""
_ADD = """
INSERT INTO use_hours AS known
    (tenant, hour, samples, cpu_sum, cpu_peak, memory_sum, memory_peak, storage_peak)
SELECT tenant, $1, 1, cpu, cpu, memory, memory, storage
FROM unnest($2::text[], $3::bigint[], $4::bigint[], $5::bigint[]) AS new (tenant, cpu, memory, storage)
ON CONFLICT (tenant, hour) DO UPDATE SET
    samples = known.samples + 1,
    cpu_sum = known.cpu_sum + excluded.cpu_sum,
    cpu_peak = greatest(known.cpu_peak, excluded.cpu_peak),
    memory_sum = known.memory_sum + excluded.memory_sum,
    memory_peak = greatest(known.memory_peak, excluded.memory_peak),
    storage_peak = greatest(known.storage_peak, excluded.storage_peak)"""  # noqa: E501 - one line of SQL
_OVER = """
WITH over AS (
    DELETE FROM use_hours WHERE (tenant, hour) IN (
        SELECT tenant, hour FROM use_hours WHERE hour < $1 ORDER BY hour, tenant LIMIT $2)
    RETURNING *
)
SELECT over.*, account, owner_subject, organization
FROM over JOIN tenants ON tenants.id = over.tenant ORDER BY hour, over.tenant"""


class PgMeteringStore:
    """Hours that are not over yet, on PostgreSQL."""

    def __init__(self, connection: Connection, to_fact: ToFact) -> None:
        self._connection = connection
        self._to_fact = to_fact

    async def claim(self, every: float) -> bool:
        """Become the one who measures, if nobody has for so many seconds."""
        return bool(await self._connection.fetchval(_CLAIM, every))

    async def lock(self) -> int:
        """Keep everybody else from these hours; return the database's second of the epoch then."""
        await self._connection.execute(_LOCK)
        second: int = await self._connection.fetchval(_NOW)
        return second

    async def metered(self, after: str, limit: int) -> Sequence[Metered]:
        """Return tenants that are ready, by id from behind this one on."""
        rows = await self._connection.fetch(_METERED, after, TenantPhase.READY.value, limit)
        return [Metered(row["id"], row["namespace"], row["organization"]) for row in rows]

    async def add(self, hour: int, used: Mapping[str, Use]) -> None:
        """Count a sample of each of these tenants into an hour."""
        uses = list(used.values())
        await self._connection.execute(
            _ADD,
            hour,
            list(used),
            [one.cpu_millis for one in uses],
            [one.memory_bytes for one in uses],
            [one.storage_bytes for one in uses],
        )

    async def tell(self, before: int, limit: int) -> int:
        """Write the facts of hours before this one and forget them; return how many."""
        now: int = await self._connection.fetchval(_NOW)
        rows = await self._connection.fetch(_OVER, before, limit)
        hours = [UsedHour(**dict(row)) for row in rows]
        await outbox.append(self._connection, [self._to_fact(hour, now) for hour in hours])
        return len(hours)
