"""What the store keeps of budgets of which thresholds were passed."""

from collections.abc import Sequence
from typing import Protocol

from services.subscription.domain import Account
from services.subscription.noticing import BudgetNotice


class NoticeRows(Protocol):
    """Notices of budgets, within one transaction; the newest of each budget."""

    async def put_budget_notice(self, notice: BudgetNotice) -> bool:
        """Take what was told of a budget; False, and nothing changes, if it is no newer."""
        ...

    async def budget_notices(self, account: Account, month: str) -> Sequence[BudgetNotice]:
        """Return the notices of a month that concern an account and say anything, by budget."""
        ...
