"""The SQL of budgets and their alerts."""

from collections.abc import Sequence
from dataclasses import replace

from services.chassis.db import Connection
from services.pricing.costs.budgets import Alert, Budget
from services.pricing.costs.sight import Asker
from services.pricing.costs.store.codec import Codec

# Any number that no other lock of this schema uses.
_EVALUATION_LOCK = 7_301_002
_ONLY_ONE = "SELECT pg_try_advisory_xact_lock($1)"
_ADD = """
INSERT INTO budgets
    (name, user_name, organization, revision, content, create_time, update_time)
VALUES ($1, $2, $3, $4, $5, $6, $7)"""
_READ = "SELECT content FROM budgets WHERE name = $1"
_SAVE = """
UPDATE budgets SET user_name = $2, organization = $3, revision = $4, content = $5,
    update_time = $6
WHERE name = $1"""
_DELETE = "DELETE FROM budgets WHERE name = $1"
# Who may see it: everybody ($1), or by name ($2), or by organization ($3).
_SEEN = """($1 OR (user_name <> '' AND user_name = $2)
    OR (organization <> '' AND organization = $3))"""
_LIST = f"""
SELECT content FROM budgets WHERE {_SEEN} AND name > $4 ORDER BY name LIMIT $5"""  # noqa: S608
_ADD_ALERT = """
INSERT INTO budget_alerts (name, budget, user_name, organization, content, create_time)
VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (name) DO NOTHING RETURNING true"""
_LIST_ALERTS = f"""
SELECT number, user_name, organization, content FROM budget_alerts
WHERE {_SEEN} AND ($4 = '' OR budget = $4) AND ($5::bigint = 0 OR number < $5)
ORDER BY number DESC LIMIT $6"""  # noqa: S608 - a constant


class BudgetSql:
    """Budgets on PostgreSQL, within one transaction."""

    _connection: Connection
    _codec: Codec

    async def add_budget(self, budget: Budget) -> None:
        """Store a new budget."""
        await self._connection.execute(
            _ADD,
            budget.name,
            budget.filter.user,
            budget.filter.organization,
            budget.revision,
            self._codec.encode_budget(budget),
            budget.create_time,
            budget.update_time,
        )

    async def budget(self, name: str, *, locked: bool = False) -> Budget | None:
        """Return a budget."""
        statement = f"{_READ} FOR UPDATE" if locked else _READ
        content = await self._connection.fetchval(statement, name)
        return None if content is None else self._codec.decode_budget(content)

    async def save_budget(self, budget: Budget) -> None:
        """Store what became of a budget."""
        await self._connection.execute(
            _SAVE,
            budget.name,
            budget.filter.user,
            budget.filter.organization,
            budget.revision,
            self._codec.encode_budget(budget),
            budget.update_time,
        )

    async def delete_budget(self, name: str) -> None:
        """Delete a budget; its alerts stay."""
        await self._connection.execute(_DELETE, name)

    async def budgets(self, asker: Asker, after: str, limit: int) -> Sequence[Budget]:
        """Return budgets that this caller may see, by name."""
        rows = await self._connection.fetch(_LIST, *_sight(asker), after, limit)
        return [self._codec.decode_budget(row["content"]) for row in rows]

    async def add_alert(self, alert: Alert) -> bool:
        """Store an alert; False if it was raised already."""
        added = await self._connection.fetchval(
            _ADD_ALERT,
            alert.name,
            alert.budget,
            alert.user,
            alert.organization,
            self._codec.encode_alert(alert),
            alert.create_time,
        )
        return bool(added)

    async def alerts(self, asker: Asker, budget: str, before: int, limit: int) -> Sequence[Alert]:
        """Return alerts that this caller may see, newest first."""
        rows = await self._connection.fetch(_LIST_ALERTS, *_sight(asker), budget, before, limit)
        return [
            replace(
                self._codec.decode_alert(row["content"]),
                user=row["user_name"],
                organization=row["organization"],
                number=row["number"],
            )
            for row in rows
        ]

    async def only_one_evaluates(self) -> bool:
        """Become the only one who evaluates budgets until the transaction ends, or say no."""
        return bool(await self._connection.fetchval(_ONLY_ONE, _EVALUATION_LOCK))


def _sight(asker: Asker) -> tuple[bool, str, str]:
    return asker.everything, asker.name, asker.organization
