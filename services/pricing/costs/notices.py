"""What is told of a budget to those whom it concerns: which thresholds were passed. Pure.

What was passed stays told until the month ends or the budget changes, also where less is expected
by then.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from services.chassis.money import Money
from services.pricing.costs.budgets import Alert, Budget, Threshold
from services.pricing.costs.domain import CostFilter


@dataclass(frozen=True, slots=True)
class Passed:
    """A threshold that was passed; ``found`` is what was found when that was first noticed."""

    threshold: Threshold
    found: Money
    pass_time: datetime


@dataclass(frozen=True, slots=True)
class Notice:
    """What is told of a budget, as it was in its ``budget_revision``-th state.

    ``revision`` counts what was told of the budget, from 1. Without ``passed`` it takes back what
    was told before.
    """

    budget: str
    revision: int
    budget_revision: int
    display_name: str
    filter: CostFilter
    month: str
    amount: Money
    passed: tuple[Passed, ...]


def next_notice(
    budget: Budget, month: str, reached: Sequence[Alert], told: Notice | None
) -> Notice | None:
    """Return what is to be told now that these thresholds are reached; None if that was told.

    ``told`` is what was told last of this budget.
    """
    of_now = told is not None and (told.month, told.budget_revision) == (month, budget.revision)
    kept = told.passed if told is not None and of_now else ()
    known = {one.threshold for one in kept}
    fresh = [
        Passed(alert.threshold, alert.found, alert.create_time)
        for alert in reached
        if alert.threshold not in known and _concerns_somebody(budget.filter)
    ]
    outdated = told is not None and told.month == month and not of_now and told.passed != ()
    if not fresh and not outdated:
        return None
    return Notice(
        budget=budget.name,
        revision=1 if told is None else told.revision + 1,
        budget_revision=budget.revision,
        display_name=budget.display_name,
        filter=budget.filter,
        month=month,
        amount=budget.amount,
        passed=tuple(sorted((*kept, *fresh), key=lambda one: _place(one.threshold))),
    )


def taken_back(told: Notice | None) -> Notice | None:
    """Return what takes back what was told of a budget; None if nothing is told of it."""
    if told is None or not told.passed:
        return None
    return replace(told, revision=told.revision + 1, passed=())


def _concerns_somebody(filter: CostFilter) -> bool:  # noqa: A002 - the contract's word
    """Tell whether a budget is that of an account: operators' own budgets are nobody's."""
    return bool(filter.account or filter.user or filter.organization)


def _place(threshold: Threshold) -> tuple[int, str]:
    return threshold.percent, str(threshold.basis)
