"""SQL of plans that were given by hand."""

from collections.abc import Sequence

from services.chassis.db import Connection
from services.subscription.domain import Assignment, Subscription
from services.subscription.store.forms import from_offer
from services.subscription.store.rows import Row, to_subscription

# Whether an end has come is the database's to say, in the transaction that acts on it.
_NAMED = """
SELECT *, coalesce(end_time <= now(), false) AS over FROM assignments WHERE subscription = ANY($1)
"""
_SAVE = """
INSERT INTO assignments (subscription, account, offer, actor, reason, begin_time, end_time,
    end_actor, end_reason, end_ask_time, renew_time)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (subscription) DO UPDATE SET
    offer = excluded.offer, actor = excluded.actor, reason = excluded.reason,
    end_time = excluded.end_time, end_actor = excluded.end_actor,
    end_reason = excluded.end_reason, end_ask_time = excluded.end_ask_time,
    renew_time = excluded.renew_time
"""
_RENEWABLE = """
SELECT account FROM assignments WHERE renew_time <= now()
GROUP BY account ORDER BY min(renew_time), account LIMIT $1
"""


class AssignmentSql:
    """Plans that were given by hand, on PostgreSQL; see the port."""

    _connection: Connection

    async def save_assignment(self, assignment: Assignment) -> None:
        """Write what is given by hand."""
        await self._connection.execute(
            _SAVE,
            assignment.subscription,
            assignment.account,
            from_offer(assignment.offer),
            assignment.actor,
            assignment.reason,
            assignment.begin_time,
            assignment.end_time,
            assignment.end_actor,
            assignment.end_reason,
            assignment.end_ask_time,
            assignment.renew_time,
        )

    async def renewable_accounts(self, limit: int) -> Sequence[str]:
        """Return accounts with an assignment whose next month has begun."""
        return [row[0] for row in await self._connection.fetch(_RENEWABLE, limit)]


async def read_subscriptions(connection: Connection, rows: Sequence[Row]) -> Sequence[Subscription]:
    """Return subscriptions in the order of their rows, with who gave them by hand."""
    found = [to_subscription(row) for row in rows]
    names = [sub.key.assignment for sub in found if sub.key.assignment]
    if not names:
        return found
    given = {row["subscription"]: row for row in await connection.fetch(_NAMED, names)}
    return [to_subscription(row, given.get(sub.name)) for row, sub in zip(rows, found, strict=True)]
