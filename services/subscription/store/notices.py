"""SQL of budgets of which thresholds were passed."""

from collections.abc import Sequence
from datetime import UTC, datetime

from services.chassis.db import Connection
from services.chassis.money import Money
from services.subscription.domain import Account, AccountKind
from services.subscription.noticing import Basis, BudgetNotice, PassedThreshold
from services.subscription.store.rows import Row

_PUT = """
INSERT INTO budget_notices AS known (budget, revision, account, user_name, organization,
    display_name, month, currency, amount, passed)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (budget) DO UPDATE SET revision = excluded.revision, account = excluded.account,
    user_name = excluded.user_name, organization = excluded.organization,
    display_name = excluded.display_name, month = excluded.month, currency = excluded.currency,
    amount = excluded.amount, passed = excluded.passed
WHERE known.revision < excluded.revision
RETURNING true
"""
# The empty name is nobody's, and the indexes leave it out.
_OF_ACCOUNT = """
SELECT * FROM budget_notices
WHERE month = $4 AND passed <> '[]' AND (
    (account <> '' AND account = $1) OR (user_name <> '' AND user_name = $2)
    OR (organization <> '' AND organization = $3))
ORDER BY budget
"""


class NoticeSql:
    """Notices of budgets on PostgreSQL; see the port."""

    _connection: Connection

    async def put_budget_notice(self, notice: BudgetNotice) -> bool:
        """Take what was told of a budget; False if it is no newer."""
        taken = await self._connection.fetchval(
            _PUT,
            notice.budget,
            notice.revision,
            notice.account,
            notice.user,
            notice.organization,
            notice.display_name,
            notice.month,
            notice.amount.currency,
            notice.amount.minor_units,
            [_form(one) for one in notice.passed],
        )
        return bool(taken)

    async def budget_notices(self, account: Account, month: str) -> Sequence[BudgetNotice]:
        """Return what stands of an account's budgets in a month, by budget."""
        user, organization = (
            account.external_id if account.kind is kind else ""
            for kind in (AccountKind.USER, AccountKind.ORGANIZATION)
        )
        rows = await self._connection.fetch(_OF_ACCOUNT, account.name, user, organization, month)
        return [_notice(row) for row in rows]


def _form(passed: PassedThreshold) -> dict[str, object]:
    return {
        "percent": passed.percent,
        "basis": passed.basis.value,
        "currency": passed.found.currency,
        "found": passed.found.minor_units,
        "pass_time": passed.pass_time.astimezone(UTC).isoformat(),
    }


def _notice(row: Row) -> BudgetNotice:
    return BudgetNotice(
        budget=row["budget"],
        revision=row["revision"],
        account=row["account"],
        user=row["user_name"],
        organization=row["organization"],
        display_name=row["display_name"],
        month=row["month"],
        amount=Money(row["currency"], row["amount"]),
        passed=tuple(
            PassedThreshold(
                one["percent"],
                Basis(one["basis"]),
                Money(one["currency"], one["found"]),
                datetime.fromisoformat(one["pass_time"]),
            )
            for one in row["passed"]
        ),
    )
