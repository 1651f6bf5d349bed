"""Budgets of which thresholds were passed, in memory."""

from collections.abc import Sequence

from services.subscription.domain import Account
from services.subscription.noticing import BudgetNotice
from tests.fakes.memory_db import MemoryTx, Table

NOTICES: Table[str, BudgetNotice] = Table("budget_notices")


class MemoryNotices:
    """Notices of budgets in memory."""

    _tx: MemoryTx

    async def put_budget_notice(self, notice: BudgetNotice) -> bool:
        if await self._tx.insert(NOTICES, notice.budget, notice):
            return True
        known = await self._tx.lock(NOTICES, notice.budget)
        if known is not None and known.revision >= notice.revision:
            return False
        await self._tx.put(NOTICES, notice.budget, notice)
        return True

    async def budget_notices(self, account: Account, month: str) -> Sequence[BudgetNotice]:
        await self._tx.db.step()
        found = [
            one
            for _, one in self._tx.rows(NOTICES)
            if one.concerns(account) and one.month == month and one.passed
        ]
        return sorted(found, key=lambda one: one.budget)
