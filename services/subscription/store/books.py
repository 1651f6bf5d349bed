"""SQL of subscriptions, orders and the timer."""

from collections.abc import Callable, Sequence
from datetime import timedelta

from services.chassis import outbox
from services.chassis.db import Connection
from services.chassis.facts import FactRecord
from services.subscription.domain import (
    CapacityOrdered,
    Order,
    Subscription,
)
from services.subscription.offers import Offer
from services.subscription.store.assignments import read_subscriptions
from services.subscription.store.forms import from_holding, from_offer, to_offer
from services.subscription.store.rows import to_order

Encode = Callable[[CapacityOrdered, str], FactRecord]
"""Makes the fact of an order, in a trace; the contract's bytes are no business of SQL."""

_SOLD = "SELECT offer FROM subscriptions WHERE name = $1"
_SUBSCRIPTION = "SELECT * FROM subscriptions WHERE name = $1"
_ORDERS = "SELECT * FROM orders WHERE account = $1 ORDER BY incarnation"
_SAVE_SUBSCRIPTION = """
INSERT INTO subscriptions (name, account, provider, provider_account, provider_subscription_id,
    checkout_id, offer, state, period_start, period_end, begin_time, ending, due, over_time,
    create_time, update_time, suspend_time, trial_end_time, customer_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
ON CONFLICT (name) DO UPDATE SET
    offer = excluded.offer, state = excluded.state, period_start = excluded.period_start,
    period_end = excluded.period_end, begin_time = excluded.begin_time, ending = excluded.ending,
    due = excluded.due, over_time = excluded.over_time, update_time = excluded.update_time,
    suspend_time = excluded.suspend_time, trial_end_time = excluded.trial_end_time,
    customer_id = excluded.customer_id
"""
_SAVE_ORDER = """
WITH counted AS (UPDATE accounts SET generation = $4 WHERE name = $1 AND generation < $4)
INSERT INTO orders AS known (account, incarnation, epoch, generation, phase, plan, capacity_kind,
    capacity, owner_subject, organization, paid_until, holding)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT (account, incarnation) DO UPDATE SET
    epoch = excluded.epoch, generation = excluded.generation, phase = excluded.phase,
    plan = excluded.plan, capacity_kind = excluded.capacity_kind, capacity = excluded.capacity,
    owner_subject = excluded.owner_subject, organization = excluded.organization,
    paid_until = excluded.paid_until, holding = excluded.holding, update_time = now()
"""
_EPOCH = "SELECT epoch FROM epoch"
_RAISE = "UPDATE epoch SET epoch = epoch + 1 RETURNING epoch"
_BEHIND = """
SELECT DISTINCT account FROM orders WHERE epoch < (SELECT epoch FROM epoch) ORDER BY 1 LIMIT $1
"""
# Graces that are over, and assignments whose end has come and does not stand yet.
_LATE = """(
    SELECT account, due FROM subscriptions WHERE over_time IS NULL AND due <= now()
    UNION ALL
    SELECT assignments.account, assignments.end_time FROM assignments
    JOIN subscriptions ON subscriptions.name = assignments.subscription
    WHERE assignments.end_time <= now() AND subscriptions.ending = 'NONE'
) AS late"""
_DUE = f"""
SELECT account FROM {_LATE} GROUP BY account ORDER BY min(due), account LIMIT $1
"""  # noqa: S608 - constants
_COUNT_DUE = f"SELECT count(DISTINCT account) FROM {_LATE}"  # noqa: S608 - constants
# An end that was asked for at its own time was a person's doing, and not the timer's.
_COUNT_OVER = """
SELECT count(DISTINCT account) FROM (
    SELECT account FROM subscriptions WHERE over_time > now() - $1::interval
    UNION ALL
    SELECT assignments.account FROM assignments
    JOIN subscriptions ON subscriptions.name = assignments.subscription
    WHERE assignments.end_time > assignments.end_ask_time
        AND subscriptions.ending = 'ENDED'
        AND subscriptions.suspend_time > now() - $1::interval
) AS touched
"""
_COUNT_ACCOUNTS = "SELECT count(*) FROM accounts"


class BookSql:
    """What accounts hold and what is ordered for them, on PostgreSQL; see the port."""

    _connection: Connection
    _encode: Encode

    async def sold(self, subscription: str) -> Offer | None:
        """Return what a subscription was given last."""
        offer = await self._connection.fetchval(_SOLD, subscription)
        return to_offer(offer) if offer else None

    async def subscription(self, name: str) -> Subscription | None:
        """Return a subscription, without a lock."""
        rows = await self._connection.fetch(_SUBSCRIPTION, name)
        return next(iter(await read_subscriptions(self._connection, rows)), None)

    async def save_subscription(self, subscription: Subscription) -> None:
        """Write a subscription."""
        key = subscription.key
        await self._connection.execute(
            _SAVE_SUBSCRIPTION,
            subscription.name,
            subscription.account,
            key.provider,
            key.provider_account,
            key.provider_subscription_id,
            key.checkout_id,
            from_offer(subscription.offer),
            subscription.state.value,
            subscription.period_start,
            subscription.period_end,
            subscription.begin_time,
            subscription.ending.value,
            subscription.due,
            subscription.over_time,
            subscription.create_time,
            subscription.update_time,
            subscription.suspend_time,
            subscription.trial_end_time,
            subscription.customer_id,
        )

    async def save_order(self, order: Order) -> None:
        """Write an order, and its generation as the account's last."""
        await self._connection.execute(
            _SAVE_ORDER,
            order.account,
            order.incarnation,
            order.epoch,
            order.generation,
            order.phase.value,
            order.plan,
            order.capacity.kind.value,
            order.capacity.body,
            order.owner_subject,
            order.organization,
            order.paid_until,
            from_holding(order),
        )

    async def orders(self, account: str) -> Sequence[Order]:
        """Return the orders of an account, oldest incarnation first."""
        return [to_order(row) for row in await self._connection.fetch(_ORDERS, account)]

    async def append(self, fact: CapacityOrdered, traceparent: str) -> None:
        """Put a fact into the outbox."""
        await outbox.append(self._connection, [self._encode(fact, traceparent)])

    async def epoch(self) -> int:
        """Return the epoch."""
        return int(await self._connection.fetchval(_EPOCH))

    async def raise_epoch(self) -> int:
        """Raise the epoch and return it."""
        return int(await self._connection.fetchval(_RAISE))

    async def accounts_behind(self, limit: int) -> Sequence[str]:
        """Return accounts with an order of an older epoch."""
        return [row[0] for row in await self._connection.fetch(_BEHIND, limit)]

    async def due_accounts(self, limit: int) -> Sequence[str]:
        """Return accounts in which a grace or an assignment is over, the longest due first."""
        return [row[0] for row in await self._connection.fetch(_DUE, limit)]

    async def count_due(self) -> int:
        """Return in how many accounts one is over and not acted on."""
        return int(await self._connection.fetchval(_COUNT_DUE))

    async def count_over(self, within: timedelta) -> int:
        """Return how many accounts the timer acted on in this time."""
        return int(await self._connection.fetchval(_COUNT_OVER, within))

    async def count_accounts(self) -> int:
        """Return how many accounts there are."""
        return int(await self._connection.fetchval(_COUNT_ACCOUNTS))
