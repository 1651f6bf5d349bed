"""SQL of subscriptions that give way to others, and of decisions that wait for news."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import timedelta

from services.chassis.db import Connection
from services.subscription.domain import GivingWay, UnitKey
from services.subscription.granting import FIRST_REASON
from services.subscription.store.rows import Row

_SAVE = """
INSERT INTO giving_way AS known (subscription, account, provider, provider_account,
    provider_subscription_id, gives_way_to, paid_since)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (subscription) DO UPDATE
    SET gives_way_to = excluded.gives_way_to, paid_since = excluded.paid_since
    WHERE known.decided IS NULL
"""
_DROP = "DELETE FROM giving_way WHERE subscription = $1 AND decided IS NULL"
_DECIDE = "UPDATE giving_way SET decided = coalesce(decided, now()) WHERE subscription = $1"
_DUE = """
SELECT * FROM giving_way
WHERE decided IS NULL AND found_time <= now() - $1::interval AND NOT EXISTS (
    SELECT FROM postponed WHERE postponed.name = giving_way.subscription AND next_try > now())
ORDER BY found_time, subscription LIMIT $2
"""
# What is known when it is claimed first was paid before payments looks; a later try of the same
# request may be answered from that look, so it leaves the number as it is.
_CLAIM = """
UPDATE giving_way SET tries = tries + 1,
    heard = CASE WHEN tries > 0 THEN heard ELSE (
        SELECT count(*) FROM invoices
        WHERE invoices.account = giving_way.account AND invoices.paid > 0
            AND invoices.provider = giving_way.provider
            AND invoices.provider_account = giving_way.provider_account
            AND invoices.provider_subscription_id = giving_way.provider_subscription_id) END,
    next_try = now() + least(interval '30 seconds' * power(2, least(tries, 12)),
                             interval '1 hour')
WHERE subscription IN (
    SELECT subscription FROM giving_way
    WHERE decided IS NOT NULL AND (done_time IS NULL OR rounds_done < rounds) AND provider = $1
        AND coalesce(next_try, decided) <= now()
    ORDER BY decided, subscription LIMIT $2 FOR UPDATE SKIP LOCKED)
RETURNING *
"""
_NOTE = """
UPDATE giving_way SET done_time = coalesce(done_time, now()), rounds_done = $3, next_try = now(),
    refund_id = CASE WHEN $2 = '' THEN refund_id ELSE $2 END
WHERE subscription = $1
    AND CASE WHEN done_time IS NULL THEN 0 ELSE rounds_done + 1 END = $3::integer
RETURNING true
"""
# The previous version claims without a number: what it asked for is asked for once more.
_ASK_AGAIN = """
WITH paid AS (
    SELECT provider, provider_account, provider_subscription_id, count(*) AS number,
        count(*) FILTER (WHERE billing_reason <> $3) AS later
    FROM invoices
    WHERE account = $1 AND provider_subscription_id <> '' AND paid > 0 GROUP BY 1, 2, 3
), bought AS (
    UPDATE purchases SET refund_rounds = refund_rounds + 1, refund_heard = later FROM paid
    WHERE purchases.account = $1 AND refund_tries > 0 AND later > refund_heard
        AND purchases.provider = paid.provider
        AND purchases.provider_account = paid.provider_account
        AND purchases.provider_subscription_id = paid.provider_subscription_id
    RETURNING name
), gave_way AS (
    UPDATE giving_way SET rounds = rounds + 1, heard = number FROM paid
    WHERE subscription = ANY($2::text[]) AND tries > 0 AND number > heard
        AND giving_way.provider = paid.provider
        AND giving_way.provider_account = paid.provider_account
        AND giving_way.provider_subscription_id = paid.provider_subscription_id
    RETURNING subscription
)
SELECT name FROM bought UNION ALL SELECT subscription FROM gave_way ORDER BY 1
"""
_POSTPONE = """
INSERT INTO postponed AS known (name, tries, next_try, since, told)
VALUES ($1, 1, now() + interval '30 seconds', now(), false)
ON CONFLICT (name) DO UPDATE SET
    (tries, next_try, since, told) = (
        SELECT CASE WHEN anew THEN 1 ELSE known.tries + 1 END,
            now() + least(interval '30 seconds'
                          * power(2, CASE WHEN anew THEN 0 ELSE least(known.tries, 12) END),
                          interval '1 hour'),
            CASE WHEN anew THEN now() ELSE known.since END,
            known.told AND NOT anew
        FROM (SELECT known.next_try < now() - interval '1 day' AS anew) AS last)
"""
_TELL = """
UPDATE postponed SET told = true
WHERE name = $1 AND NOT told AND since <= now() - $2::interval RETURNING true
"""
# A row that old counts as none; see `anew`.
_FORGET = """
DELETE FROM postponed WHERE name IN (
    SELECT name FROM postponed WHERE next_try < now() - interval '1 day'
    ORDER BY name LIMIT 1000 FOR UPDATE SKIP LOCKED)
RETURNING true
"""


def to_giving_way(row: Row) -> GivingWay:
    """Read that a subscription gives way."""
    return GivingWay(
        subscription=row["subscription"],
        account=row["account"],
        key=UnitKey(row["provider"], row["provider_account"], row["provider_subscription_id"]),
        to=row["gives_way_to"],
        paid_since=row["paid_since"],
        decided=row["decided"] is not None,
    )


class GivingWaySql:
    """Subscriptions that give way, and postponed decisions, on PostgreSQL; see the ports."""

    _connection: Connection

    async def save_giving_way(self, row: GivingWay) -> None:
        """Note that one gives way; one that is decided on stays."""
        await self._connection.execute(
            _SAVE,
            row.subscription,
            row.account,
            row.key.provider,
            row.key.provider_account,
            row.key.provider_subscription_id,
            row.to,
            row.paid_since,
        )

    async def drop_giving_way(self, subscription: str) -> None:
        """Forget that one was to give way, unless that is decided."""
        await self._connection.execute(_DROP, subscription)

    async def decide_giving_way(self, subscription: str) -> None:
        """Note that one ends and is given back."""
        await self._connection.execute(_DECIDE, subscription)

    async def due_giving_way(self, delay: timedelta, limit: int) -> Sequence[GivingWay]:
        """Return what is neither decided on nor postponed, the longest found first."""
        return [to_giving_way(row) for row in await self._connection.fetch(_DUE, delay, limit)]

    async def claim_giving_way(self, provider: str, limit: int) -> Sequence[GivingWay]:
        """Return what is decided and due for a try, and put off the next."""
        rows = await self._connection.fetch(_CLAIM, provider, limit)
        found = [
            replace(to_giving_way(row), again=row["rounds_done"] + 1 if row["done_time"] else 0)
            for row in rows
        ]
        return sorted(found, key=lambda one: one.subscription)

    async def note_gave_way(self, subscription: str, refund_id: str, again: int = 0) -> bool:
        """Note that one was ended and given back; False if that was known."""
        return bool(await self._connection.fetchval(_NOTE, subscription, refund_id, again))

    async def ask_again(self, account: str, ways: Collection[str]) -> Sequence[str]:
        """Note what is to be asked for once more; return their names."""
        rows = await self._connection.fetch(_ASK_AGAIN, account, [*ways], FIRST_REASON)
        return [row["name"] for row in rows]

    async def postpone(self, name: str, long: timedelta) -> bool:
        """Put a decision off; True once, when it has been put off for long."""
        await self._connection.execute(_POSTPONE, name)
        return bool(await self._connection.fetchval(_TELL, name, long))

    async def forget_postponed(self) -> int:
        """Forget what was not tried for a day."""
        return len(await self._connection.fetch(_FORGET))
