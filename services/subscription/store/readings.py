"""SQL of the lists that people read."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter

from services.chassis import inbox
from services.chassis.db import Connection
from services.subscription.asking import Sight
from services.subscription.domain import (
    Account,
    AccountKind,
    Observation,
    ParkedFact,
    Purchase,
    PurchaseStatus,
    State,
    Subscription,
)
from services.subscription.holder import AccountRef, Held, Holder
from services.subscription.store.assignments import read_subscriptions
from services.subscription.store.forms import to_offer
from services.subscription.store.rows import Row, to_account, to_observation, to_purchase

# $1 and $2 are the cursor, null for the first page, which begins at infinity: so the index finds
# every page's begin. $4 to $6 are who may see what.
_VISIBLE = """($4 OR (accounts.kind, accounts.external_id) IN (
    SELECT * FROM unnest($5::text[], $6::text[])))"""
_ACCOUNTS = f"""
SELECT * FROM accounts
WHERE (create_time, name) > (coalesce($1::timestamptz, '-infinity'), coalesce($2::text, ''))
    AND {_VISIBLE}
ORDER BY create_time, name LIMIT $3
"""  # noqa: S608 - constants
_SUBSCRIPTIONS = f"""
SELECT subscriptions.* FROM subscriptions JOIN accounts ON accounts.name = subscriptions.account
WHERE (subscriptions.create_time, subscriptions.name)
        > (coalesce($1::timestamptz, '-infinity'), coalesce($2::text, ''))
    AND {_VISIBLE}
    AND ($7 = '' OR subscriptions.account = $7)
ORDER BY subscriptions.create_time, subscriptions.name LIMIT $3
"""  # noqa: S608 - constants
_PURCHASES = """
SELECT * FROM purchases
WHERE (create_time, name) < (coalesce($1::timestamptz, 'infinity'), coalesce($2::text, ''))
    AND ($4::text IS NULL OR $4 = CASE WHEN refund_time IS NULL THEN status ELSE 'REFUNDED' END)
ORDER BY create_time DESC, name DESC LIMIT $3
"""
_OBSERVATION = """
SELECT * FROM observations WHERE account = $1 AND incarnation = $2
ORDER BY epoch DESC, generation DESC, revision DESC LIMIT 1
"""
# Accounts by name ($1) or by outside name ($2, $3), a row for each subscription that has begun.
# All that an entitlement follows from is of the one moment of this statement.
# What has to give way entitles to nothing beside what it gives way to, also while that waits to be
# decided; from then on its state says so.
_HOLDERS = """
WITH asked AS (
    SELECT * FROM accounts WHERE name = ANY($1::text[])
    UNION
    SELECT accounts.* FROM unnest($2::text[], $3::text[]) AS outside (kind, external_id)
    JOIN accounts ON accounts.kind = outside.kind AND accounts.external_id = outside.external_id
    WHERE accounts.external_id <> ''
)
SELECT asked.*, (
        SELECT jsonb_object_agg(pool, posted - held) FROM credit_pools WHERE account = asked.name
    ) AS credits, held.offer, held.state, held.begin_time, held.period_end
FROM asked LEFT JOIN subscriptions AS held
    ON held.account = asked.name AND held.begin_time IS NOT NULL AND NOT EXISTS (
        SELECT FROM giving_way WHERE subscription = held.name AND decided IS NULL)
ORDER BY asked.name, held.create_time, held.name
"""


class ReadingSql:
    """Pages and single reads on PostgreSQL; see the port."""

    _connection: Connection

    async def list_accounts(
        self, sight: Sight, after: tuple[datetime, str] | None, limit: int
    ) -> Sequence[Account]:
        """Return accounts that may be seen, oldest first."""
        rows = await self._connection.fetch(
            _ACCOUNTS, *(after or (None, None)), limit, *_seen_by(sight)
        )
        return [to_account(row) for row in rows]

    async def list_subscriptions(
        self, sight: Sight, account: str, after: tuple[datetime, str] | None, limit: int
    ) -> Sequence[Subscription]:
        """Return subscriptions of one account, or of all that may be seen, oldest first."""
        rows = await self._connection.fetch(
            _SUBSCRIPTIONS, *(after or (None, None)), limit, *_seen_by(sight), account
        )
        return await read_subscriptions(self._connection, rows)

    async def list_purchases(
        self, status: PurchaseStatus | None, before: tuple[datetime, str] | None, limit: int
    ) -> Sequence[Purchase]:
        """Return purchases, newest first."""
        wanted = status.value if status else None
        rows = await self._connection.fetch(_PURCHASES, *(before or (None, None)), limit, wanted)
        return [to_purchase(row) for row in rows]

    async def list_parked(self, after: int, limit: int) -> Sequence[tuple[int, ParkedFact]]:
        """Return parked facts with their cursors, oldest first."""
        return [
            (
                row.seq,
                ParkedFact(row.fact.id, row.fact.type, row.waiting_for, row.reason, row.parked_at),
            )
            for row in await inbox.list_parked(self._connection, after=after, limit=limit)
        ]

    async def holders(self, asked: Collection[AccountRef]) -> Mapping[AccountRef, Holder]:
        """Return accounts with what they hold, by what they were asked for."""
        names: list[str] = []
        outside: list[tuple[AccountKind, str]] = []
        for ref in asked:
            if isinstance(ref, str):
                names.append(ref)
            else:
                outside.append(ref)
        kinds, outside_names = [kind.value for kind, _ in outside], [name for _, name in outside]
        rows = await self._connection.fetch(_HOLDERS, names, kinds, outside_names)
        found: dict[str, Holder] = {}
        for name, its in groupby(rows, itemgetter("name")):
            found[name] = _to_holder(list(its))
        by_outside_name = {
            (one.account.kind, one.account.external_id): one
            for one in found.values()
            if one.account.external_id
        }
        return {name: found[name] for name in names if name in found} | {
            ref: by_outside_name[ref] for ref in outside if ref in by_outside_name
        }

    async def observation(self, account: str, incarnation: int) -> Observation | None:
        """Return what was last seen of an incarnation."""
        row = await self._connection.fetchrow(_OBSERVATION, account, incarnation)
        return to_observation(row) if row else None


def _to_holder(rows: Sequence[Row]) -> Holder:
    first = rows[0]
    held = [_to_held(row) for row in rows if row["offer"] is not None]
    return Holder(to_account(first), held, first["credits"] or {})


def _to_held(row: Row) -> Held:
    return Held(to_offer(row["offer"]), State(row["state"]), row["begin_time"], row["period_end"])


def _seen_by(sight: Sight) -> tuple[bool, list[str], list[str]]:
    names = sorted(sight.names)
    return sight.everything, [kind.value for kind, _ in names], [name for _, name in names]
