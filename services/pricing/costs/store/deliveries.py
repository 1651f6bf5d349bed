"""The SQL of who is told of alerts."""

from collections.abc import Sequence

import asyncpg

from services.chassis import queue
from services.chassis.db import Connection
from services.pricing.costs.telling import Channel, Delivery, DeliveryState

DELIVERIES = "alert-deliveries"
"""The queue of deliveries that are due."""

_ADD = """
INSERT INTO alert_deliveries
    (name, alert, budget, channel, target, subject, body, state, attempts, last_error)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (name) DO NOTHING"""
_READ = "SELECT * FROM alert_deliveries WHERE name = $1"
_OF_ALERTS = """
SELECT * FROM alert_deliveries WHERE alert = ANY($1::text[]) ORDER BY alert, channel, target"""
# What is over stays over, whichever of two runs of a lost lease is later.
_SAVE = """
UPDATE alert_deliveries SET state = $2, attempts = $3, last_error = $4, update_time = now()
WHERE name = $1 AND state = 'PENDING'"""


class DeliverySql:
    """Deliveries on PostgreSQL, within one transaction."""

    _connection: Connection

    async def add_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        """Store deliveries, and have them made after the commit."""
        for one in deliveries:
            await self._connection.execute(
                _ADD,
                one.name,
                one.alert,
                one.budget,
                one.channel,
                one.target,
                one.subject,
                one.body,
                one.state,
                one.attempts,
                one.last_error,
            )
        await queue.enqueue(self._connection, DELIVERIES, [one.name for one in deliveries])

    async def delivery(self, name: str) -> Delivery | None:
        """Return a delivery."""
        row = await self._connection.fetchrow(_READ, name)
        return None if row is None else _delivery(row)

    async def save_delivery(self, delivery: Delivery) -> None:
        """Store how far a delivery is, unless it is over."""
        await self._connection.execute(
            _SAVE, delivery.name, delivery.state, delivery.attempts, delivery.last_error
        )

    async def deliveries(self, alerts: Sequence[str]) -> Sequence[Delivery]:
        """Return who is told of these alerts."""
        rows = await self._connection.fetch(_OF_ALERTS, list(alerts))
        return [_delivery(row) for row in rows]


def _delivery(row: asyncpg.Record) -> Delivery:
    return Delivery(
        name=row["name"],
        alert=row["alert"],
        budget=row["budget"],
        channel=Channel(row["channel"]),
        target=row["target"],
        subject=row["subject"],
        body=row["body"],
        state=DeliveryState(row["state"]),
        attempts=row["attempts"],
        last_error=row["last_error"],
    )
