"""SQL of all that is known of one account: one statement, and so one round trip and one snapshot.

Rows come as JSON, a list for each table. What grows with the years is not read: of an account's
invoices only when each subscription was first paid, and the newest of each kind; of grants the
newest.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from services.chassis.db import Connection
from services.subscription.domain import Account, Evidence, Subscription, UnitKey
from services.subscription.granting import FIRST_REASON, RENEWAL_REASON
from services.subscription.store.giving_way import to_giving_way
from services.subscription.store.grants import to_grant, to_invoice, to_reversal
from services.subscription.store.rows import (
    Row,
    to_assignment,
    to_order,
    to_purchase,
    to_snapshot,
    to_subscription,
)
from services.subscription.units import Holdings

# The end of an assignment is the database's to say. A refund is before its failure, a dispute
# before its end.
_HOLDINGS = """
SELECT now() AS now, (SELECT epoch FROM epoch) AS epoch,
    ARRAY(SELECT to_jsonb(purchases) FROM purchases WHERE account = $1) AS purchases,
    ARRAY(SELECT to_jsonb(paid) FROM (
        SELECT provider, provider_account, provider_subscription_id, min(pay_time) AS first_paid
        FROM invoices WHERE account = $1 AND provider_subscription_id <> '' GROUP BY 1, 2, 3
    ) paid) AS evidence,
    ARRAY(SELECT to_jsonb(snapshots) FROM snapshots WHERE account = $1) AS snapshots,
    ARRAY(
        SELECT to_jsonb(subscriptions) FROM subscriptions WHERE account = $1
        ORDER BY create_time, name
    ) AS subscriptions,
    ARRAY(
        SELECT to_jsonb(giving_way) FROM giving_way
        JOIN subscriptions ON subscriptions.name = giving_way.subscription
        WHERE subscriptions.account = $1 ORDER BY create_time, name
    ) AS giving_way,
    ARRAY(
        SELECT to_jsonb(orders) || jsonb_build_object('capacity', encode(capacity, 'hex'))
        FROM orders WHERE account = $1 ORDER BY incarnation DESC LIMIT 1
    ) AS orders,
    ARRAY(
        SELECT to_jsonb(assignments)
            || jsonb_build_object('over', coalesce(end_time <= now(), false))
        FROM assignments WHERE account = $1 ORDER BY begin_time, subscription
    ) AS assignments,
    ARRAY(
        SELECT to_jsonb(newest) FROM (
            SELECT DISTINCT ON (provider, provider_account, provider_subscription_id,
                billing_reason) * FROM invoices
            WHERE account = $1 AND provider_subscription_id <> '' AND paid > 0
                AND billing_reason = ANY($2::text[])
            ORDER BY provider, provider_account, provider_subscription_id, billing_reason,
                period_start DESC NULLS LAST, period_end DESC NULLS LAST
        ) newest
    ) AS invoices,
    ARRAY(
        SELECT to_jsonb(newest) FROM subscriptions CROSS JOIN LATERAL (
            SELECT * FROM credit_grants
            WHERE subscription = subscriptions.name AND subscription <> ''
            ORDER BY period_start DESC NULLS LAST LIMIT 1
        ) newest
        WHERE subscriptions.account = $1
    ) AS grants,
    ARRAY(
        SELECT to_jsonb(credit_reversals) FROM credit_reversals
        JOIN customers USING (provider, provider_account, customer_id)
        WHERE customers.account = $1 AND granted = '' ORDER BY reversal_id, length(kind), kind
    ) AS reversals
"""
_REASONS = [FIRST_REASON, RENEWAL_REASON]
_TIMES = (
    *("create_time", "update_time", "period_start", "period_end", "begin_time", "end_time"),
    *("end_ask_time", "renew_time", "due", "over_time", "suspend_time", "trial_end_time"),
    *("paid_until", "first_paid", "paid_since", "pay_time"),
)
"""Columns of these tables that hold a time; of others it only counts whether they are empty."""


class HoldingsSql:
    """All that is known of one account, on PostgreSQL; see the port."""

    _connection: Connection
    _now: datetime | None

    async def holdings(self, account: Account) -> Holdings:
        """Return everything known of a locked account."""
        found = await self._connection.fetchrow(_HOLDINGS, account.name, _REASONS)
        assert found is not None, "a list of nothing is a row too"  # noqa: S101
        self._now = found["now"]
        newest = [_read(row) for row in found["orders"]]
        return Holdings(
            account,
            purchases=[to_purchase(_read(row)) for row in found["purchases"]],
            evidence=[_evidence(_read(row)) for row in found["evidence"]],
            snapshots=[to_snapshot(_read(row)) for row in found["snapshots"]],
            subscriptions=_subscriptions(found),
            order=next((to_order(_with_capacity(row)) for row in newest), None),
            assignments=[to_assignment(_read(row)) for row in found["assignments"]],
            giving_way=[to_giving_way(_read(row)) for row in found["giving_way"]],
            epoch=found["epoch"],
            invoices=[to_invoice(_read(row)) for row in found["invoices"]],
            grants={row["subscription"]: to_grant(_read(row)) for row in found["grants"]},
            reversals=[to_reversal(_read(row)) for row in found["reversals"]],
        )


def _subscriptions(found: Row) -> Sequence[Subscription]:
    given = {row["subscription"]: _read(row) for row in found["assignments"]}
    rows = [_read(row) for row in found["subscriptions"]]
    return [to_subscription(row, given.get(row["name"])) for row in rows]


def _read(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Read the times of a row."""
    told = {name: row[name] for name in _TIMES if row.get(name)}
    return {**row, **{name: _moment(text) for name, text in told.items()}}


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _with_capacity(row: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**row, "capacity": bytes.fromhex(row["capacity"])}


def _evidence(row: Row) -> Evidence:
    key = UnitKey(row["provider"], row["provider_account"], row["provider_subscription_id"])
    return Evidence(key, row["first_paid"])
