"""SQL of purchases that are given back."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from services.chassis.db import Connection
from services.subscription.domain import Purchase
from services.subscription.granting import FIRST_REASON
from services.subscription.store.rows import to_purchase

_OPEN = """status = 'REFUND_DUE' AND refund_time IS NULL AND refund_decided IS NULL
    AND NOT EXISTS (
        SELECT FROM postponed WHERE postponed.name = purchases.name AND next_try > now())"""
_OLD_ENOUGH = "create_time <= now() - $1::interval"
_COUNT_REFUNDABLE = f"""
SELECT (SELECT count(*) FROM purchases WHERE {_OPEN} AND {_OLD_ENOUGH}) + (
    SELECT count(*) FROM giving_way
    WHERE decided IS NULL AND found_time <= now() - $1::interval AND NOT EXISTS (
        SELECT FROM postponed WHERE postponed.name = giving_way.subscription AND next_try > now()))
"""  # noqa: S608 - constants
_REFUNDABLE = f"""
SELECT * FROM purchases WHERE {_OPEN} AND {_OLD_ENOUGH} ORDER BY create_time, name LIMIT $2
"""  # noqa: S608 - constants
_COUNT_DECIDED = """
SELECT (SELECT count(*) FROM purchases WHERE refund_decided > now() - $1::interval)
    + (SELECT count(*) FROM giving_way WHERE decided > now() - $1::interval)
"""
_COUNT_PURCHASES = "SELECT count(*) FROM purchases WHERE create_time > now() - $1::interval"
_DECIDE = "UPDATE purchases SET refund_decided = coalesce(refund_decided, now()) WHERE name = $1"
_CLAIM = """
UPDATE purchases SET refund_tries = refund_tries + 1,
    refund_heard = CASE WHEN refund_tries > 0 THEN refund_heard ELSE (
        SELECT count(*) FROM invoices
        WHERE invoices.account = purchases.account AND invoices.paid > 0
            AND invoices.provider = purchases.provider
            AND invoices.provider_account = purchases.provider_account
            AND invoices.provider_subscription_id = purchases.provider_subscription_id
            AND invoices.provider_subscription_id <> '' AND billing_reason <> $3) END,
    refund_next = now() + least(interval '30 seconds' * power(2, least(refund_tries, 12)),
                                interval '1 hour')
WHERE name IN (
    SELECT name FROM purchases
    WHERE status = 'REFUND_DUE' AND refund_decided IS NOT NULL
        AND (refund_time IS NULL OR refund_rounds_done < refund_rounds)
        AND provider = $1 AND coalesce(refund_next, refund_decided) <= now()
    ORDER BY create_time, name LIMIT $2 FOR UPDATE SKIP LOCKED)
RETURNING *
"""
# How many are asked for again no statistics tell, and a third of all would be guessed: the order is
# one that only the index of those few has.
_WAIT = """
SELECT EXISTS (
    SELECT FROM purchases
    WHERE status = 'REFUND_DUE' AND refund_time IS NULL AND refund_decided IS NOT NULL
        AND coalesce(refund_next, refund_decided) <= now()
) OR EXISTS (
    SELECT FROM giving_way
    WHERE decided IS NOT NULL AND done_time IS NULL AND coalesce(next_try, decided) <= now()
) OR (
    SELECT count(*) > 0 FROM (
        SELECT FROM purchases WHERE refund_rounds_done < refund_rounds AND refund_next <= now()
        ORDER BY refund_rounds LIMIT 1) AS bought
) OR (
    SELECT count(*) > 0 FROM (
        SELECT FROM giving_way WHERE rounds_done < rounds AND next_try <= now()
        ORDER BY rounds LIMIT 1) AS gave_way)
"""
_AHEAD = f"SELECT ({_COUNT_REFUNDABLE}) > 0 OR ({_WAIT})"
_NOTE = """
UPDATE purchases SET refund_time = coalesce(refund_time, now()), refund_rounds_done = $3,
    refund_next = now(), refund_id = CASE WHEN $2 = '' THEN refund_id ELSE $2 END
WHERE name = $1
    AND CASE WHEN refund_time IS NULL THEN 0 ELSE refund_rounds_done + 1 END = $3::integer
RETURNING true
"""
_UNQUOTED = "SELECT * FROM purchases WHERE barred = 'UNKNOWN_QUOTE' ORDER BY name LIMIT $1"


class RefundSql:
    """Purchases that are given back, on PostgreSQL; see the port."""

    _connection: Connection

    async def count_refundable(self, delay: timedelta) -> int:
        """Return how many purchases and subscriptions are to be given back and not decided on."""
        return int(await self._connection.fetchval(_COUNT_REFUNDABLE, delay))

    async def refundable(self, delay: timedelta, limit: int) -> Sequence[Purchase]:
        """Return purchases that are to be given back and not decided on, the oldest first."""
        return [to_purchase(row) for row in await self._connection.fetch(_REFUNDABLE, delay, limit)]

    async def count_decided(self, within: timedelta) -> int:
        """Return how many of both were decided on in this time."""
        return int(await self._connection.fetchval(_COUNT_DECIDED, within))

    async def count_purchases(self, within: timedelta) -> int:
        """Return how many purchases came in this time."""
        return int(await self._connection.fetchval(_COUNT_PURCHASES, within))

    async def decide_refund(self, purchase: str) -> None:
        """Note that a purchase is given back."""
        await self._connection.execute(_DECIDE, purchase)

    async def refunds_ahead(self, delay: timedelta) -> bool:
        """Tell whether anything is to be decided on, or to be given."""
        return bool(await self._connection.fetchval(_AHEAD, delay))

    async def refunds_wait(self) -> bool:
        """Tell whether anything that is decided is due for a try."""
        return bool(await self._connection.fetchval(_WAIT))

    async def claim_refunds(self, provider: str, limit: int) -> Sequence[Purchase]:
        """Return decided purchases whose next try is due, and put off the one after it."""
        rows = await self._connection.fetch(_CLAIM, provider, limit, FIRST_REASON)
        found = [
            replace(
                to_purchase(row), again=row["refund_rounds_done"] + 1 if row["refund_time"] else 0
            )
            for row in rows
        ]
        return sorted(found, key=lambda one: one.name)

    async def note_refund(self, purchase: str, refund_id: str, again: int = 0) -> bool:
        """Note that it was given back; False if that was known."""
        return bool(await self._connection.fetchval(_NOTE, purchase, refund_id, again))

    async def unquoted(self, limit: int) -> Sequence[Purchase]:
        """Return purchases whose quote pricing did not know."""
        return [to_purchase(row) for row in await self._connection.fetch(_UNQUOTED, limit)]
