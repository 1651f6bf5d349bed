"""The SQL of what tenants use, and of what stands beside it."""

from collections.abc import Mapping, Sequence

from services.chassis.db import Connection
from services.pricing.costs.domain import CostFilter, CostRecord
from services.pricing.costs.store.codec import Codec
from services.pricing.costs.store.rows import COLUMNS, FOREVER, Conditions, record_of
from services.pricing.costs.use import UsedHour, UseSummary
from services.pricing.quotes import PlanQuote

_ADD = """
INSERT INTO tenant_use (tenant, hour, samples, cpu_mean, cpu_peak, memory_mean, memory_peak, storage)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING RETURNING true"""  # noqa: E501 - SQL
_SUMMARY = """
SELECT tenant, count(*)::integer AS hours,
    percentile_disc(0.95) WITHIN GROUP (ORDER BY cpu_peak) AS cpu_p95,
    percentile_disc(0.95) WITHIN GROUP (ORDER BY memory_peak) AS memory_p95,
    max(memory_peak) AS memory_peak, max(storage) AS storage_bytes
FROM tenant_use WHERE tenant = ANY($1::text[]) AND hour >= $2 GROUP BY tenant"""
_FORGET = """
DELETE FROM tenant_use WHERE (tenant, hour) IN (
    SELECT tenant, hour FROM tenant_use WHERE hour < $1 LIMIT $2)"""
_SOLD = """
SELECT owner, content FROM quotes
WHERE kind = 'plan' AND taker <> '' AND owner = ANY($1::text[]) ORDER BY take_time"""
_TIERS = "SELECT account, tier FROM account_tiers WHERE account = ANY($1::text[])"


class UseSql:
    """What tenants use, on PostgreSQL, within one transaction."""

    _connection: Connection
    _codec: Codec

    async def add_use(self, used: UsedHour) -> bool:
        """Store an hour; False if it was there already."""
        added = await self._connection.fetchval(
            _ADD,
            used.tenant,
            used.hour,
            used.samples,
            used.cpu_mean,
            used.cpu_peak,
            used.memory_mean,
            used.memory_peak,
            used.storage_bytes,
        )
        return bool(added)

    async def use_of(self, tenants: Sequence[str], since: int) -> Mapping[str, UseSummary]:
        """Return what tenants used from an hour on; one that was never measured is missing."""
        rows = await self._connection.fetch(_SUMMARY, list(tenants), since)
        return {
            row["tenant"]: UseSummary(
                row["hours"],
                row["cpu_p95"],
                row["memory_p95"],
                row["memory_peak"],
                row["storage_bytes"],
            )
            for row in rows
        }

    async def forget_use(self, before: int, limit: int) -> int:
        """Forget hours before this one, at most so many; return how many."""
        done = await self._connection.execute(_FORGET, before, limit)
        return int(done.rpartition(" ")[2])

    async def standing_records(
        self,
        filter: CostFilter,  # noqa: A002 - the contract's word
        after: str,
        limit: int,
    ) -> Sequence[CostRecord]:
        """Return the records of what stands, by tenant, from behind this one on."""
        found = Conditions()
        found.add_filter(filter)
        # Written out, so that the index of what stands is seen to hold it.
        found.add(f"end_second = {FOREVER}")
        found.add("tenant > {}", after)
        place = found.parameter(limit)
        statement = f"""
SELECT {", ".join(COLUMNS)}, content FROM (
    SELECT * FROM cost_records {found.where} ORDER BY tenant LIMIT {place}
) AS page JOIN cost_observations USING (tenant, revision) ORDER BY tenant"""  # noqa: S608 - constants, and places of parameters
        rows = await self._connection.fetch(statement, *found.parameters)
        return [record_of(row, self._codec) for row in rows]

    async def tiers_of(self, names: Sequence[str]) -> Mapping[str, str]:
        """Return the tiers of those of these accounts that have one."""
        rows = await self._connection.fetch(_TIERS, list(names))
        return {row["account"]: row["tier"] for row in rows}

    async def sold_to(self, accounts: Sequence[str]) -> Mapping[tuple[str, str], PlanQuote]:
        """Return by which quotes plans were sold, by account and plan; the last one of each."""
        found: dict[tuple[str, str], PlanQuote] = {}
        for row in await self._connection.fetch(_SOLD, list(accounts)):
            subject = self._codec.decode_quote(row["content"]).subject
            if isinstance(subject, PlanQuote):
                found[row["owner"], subject.plan] = subject
        return found
