"""The SQL of account tiers."""

from datetime import datetime

from services.chassis.db import Connection
from services.pricing.tiers import HeldTier, Standing

_STANDING = """
SELECT now() AS now, coalesce((SELECT tier FROM account_tiers WHERE account = $1), '') AS tier"""
_SET = """
INSERT INTO account_tiers (account, tier) VALUES ($1, $2)
ON CONFLICT (account) DO UPDATE SET tier = excluded.tier, update_time = now()"""
_DELETE = "DELETE FROM account_tiers WHERE account = $1"
_NOW = "SELECT now()"
_PAGE = """
SELECT account, tier, update_time FROM account_tiers WHERE account > $1
ORDER BY account LIMIT $2"""


class TierSql:
    """Account tiers on PostgreSQL, within one transaction."""

    _connection: Connection

    async def standing(self, account: str) -> Standing:
        """Return an account's tier and the time, by one statement."""
        (row,) = await self._connection.fetch(_STANDING, account)
        return Standing(row["tier"], row["now"])

    async def set_tier(self, account: str, tier: str) -> datetime:
        """Give an account a tier, or with an empty one take it away; return when that was."""
        if tier:
            await self._connection.execute(_SET, account, tier)
        else:
            await self._connection.execute(_DELETE, account)
        time: datetime = await self._connection.fetchval(_NOW)
        return time

    async def tiers(self, after: str, limit: int) -> list[HeldTier]:
        """Return the accounts that have a tier, by name, from behind this one on."""
        rows = await self._connection.fetch(_PAGE, after, limit)
        return [HeldTier(row["account"], row["tier"], row["update_time"]) for row in rows]
