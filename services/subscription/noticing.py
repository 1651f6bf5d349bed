"""Budgets of which thresholds were passed, as pricing tells of them. Values and rules; pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.chassis.money import Money
from services.subscription.domain import Account, AccountKind


class Basis(StrEnum):
    """What a threshold compares."""

    SPENT = "SPENT"
    FORECAST = "FORECAST"


@dataclass(frozen=True, slots=True)
class PassedThreshold:
    """A threshold in percent of the budget, and what was found when it was first passed."""

    percent: int
    basis: Basis
    found: Money
    pass_time: datetime


@dataclass(frozen=True, slots=True)
class BudgetNotice:
    """What is told of a budget for a month ("2026-11", UTC); without ``passed`` there is nothing.

    It concerns the accounts that are named: one by its own name, and a person's and an
    organization's by the names that the outside knows them by.
    """

    budget: str
    revision: int
    account: str
    user: str
    organization: str
    display_name: str
    month: str
    amount: Money
    passed: tuple[PassedThreshold, ...]

    def concerns(self, account: Account) -> bool:
        """Tell whether the budget is one of this account."""
        own = {AccountKind.USER: self.user, AccountKind.ORGANIZATION: self.organization}
        named = own.get(account.kind, "")
        return self.account == account.name or (named != "" and named == account.external_id)


def month_of(moment: datetime) -> str:
    """Return the month of a moment, which is in UTC."""
    return f"{moment:%Y-%m}"
