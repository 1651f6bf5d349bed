"""The bare statement: one debit in one round trip, on tables of the bench's own.

The account's row, its condition and an append-only entry under the key: what a debit cannot do
without. No grants that it is taken from, no answer to a key that was used, no balance.
"""

from dataclasses import dataclass

from services.chassis.db import Pool

TABLES = """
CREATE TABLE bench_pools (
    account text PRIMARY KEY,
    posted bigint NOT NULL,
    held bigint NOT NULL DEFAULT 0,
    last_sequence bigint NOT NULL DEFAULT 0,
    CHECK (posted - held >= 0)
) WITH (fillfactor = 50);
CREATE TABLE bench_entries (
    name text PRIMARY KEY,
    account text NOT NULL,
    sequence bigint NOT NULL,
    amount bigint NOT NULL,
    posted bigint NOT NULL,
    create_time timestamptz NOT NULL DEFAULT clock_timestamp()
)"""
FILL = "INSERT INTO bench_pools (account, posted) SELECT *, $2 FROM unnest($1::text[])"
_DEBIT = """
WITH moved AS (
    UPDATE bench_pools SET posted = posted - $2, last_sequence = last_sequence + 1
    WHERE account = $1 AND posted - held - $2 >= 0
    RETURNING last_sequence, posted
)
INSERT INTO bench_entries (name, account, sequence, amount, posted)
SELECT $3, $1, last_sequence, $2, posted FROM moved
RETURNING posted"""


@dataclass(frozen=True)
class Statement:
    """Debits by the bare statement."""

    pool: Pool

    async def debit(self, account: str, key: str) -> bool:
        """Spend one credit; whether it was there."""
        return await self.pool.fetchval(_DEBIT, account, 1, key) is not None
