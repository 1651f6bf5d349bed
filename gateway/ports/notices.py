"""What budgets say on the accounts that they concern, as the gateway sees it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from gateway.ports.costs import Threshold
from services.chassis.money import Money


@dataclass(frozen=True, slots=True)
class PassedThreshold:
    """A threshold that was passed, and what was found when that was first noticed."""

    threshold: Threshold
    found: Money
    pass_time: datetime


@dataclass(frozen=True, slots=True)
class BudgetNotice:
    """A budget of an account of which thresholds were passed this month, such as 2026-11."""

    account: str
    budget: str
    display_name: str
    month: str
    amount: Money
    passed: Sequence[PassedThreshold]


class BudgetNotices(Protocol):
    """The part of subscription that tells what budgets say."""

    async def budget_notices(self, account: str) -> Sequence[BudgetNotice]:
        """Return what stands of an account's budgets this month, by budget."""
        ...

    async def visible_accounts(self, most: int) -> Sequence[str]:
        """Return the first accounts that the actor may see."""
        ...
