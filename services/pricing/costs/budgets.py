"""Budgets: what a month may cost, and who is told when. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from fractions import Fraction

from services.chassis.errors import Violations
from services.chassis.ids import derived
from services.chassis.money import EXPONENTS, Money, exponent
from services.pricing.costs.domain import CostFilter
from services.pricing.costs.forecast import Outlook
from services.pricing.costs.report import rounded

MOST_THRESHOLDS = 10
_HIGHEST_PERCENT = 1000
_LONGEST_NAME = 200
_LONGEST_FIELD = 255
_MOST_MINOR_UNITS = 10**15


class Basis(StrEnum):
    """What a threshold compares."""

    SPENT = "SPENT"
    FORECAST = "FORECAST"


@dataclass(frozen=True, slots=True, order=True)
class Threshold:
    """When a budget raises an alert: at so many percent of its amount. Basis None is not valid."""

    percent: int
    basis: Basis | None


@dataclass(frozen=True, slots=True)
class BudgetWish:
    """A budget as it is asked for; nobody has looked at it yet."""

    display_name: str
    filter: CostFilter
    currency: str
    minor_units: int
    thresholds: tuple[Threshold, ...]
    emails: tuple[str, ...] = ()
    webhook_url: str = ""


@dataclass(frozen=True, slots=True)
class Budget:
    """A sum of a calendar month (UTC) that is not to be passed unnoticed."""

    name: str
    display_name: str
    filter: CostFilter
    amount: Money
    thresholds: tuple[Threshold, ...]
    create_time: datetime
    update_time: datetime
    revision: int = 1
    emails: tuple[str, ...] = ()
    webhook_url: str = ""

    @property
    def etag(self) -> str:
        """What names this state of the budget."""
        return str(self.revision)


@dataclass(frozen=True, slots=True)
class Alert:
    """A threshold that was passed in a month: once for each budget, threshold and month.

    ``number`` is its place among all alerts, 0 until it is stored. ``user`` and ``organization``
    are those of the budget's filter when the alert was raised: they say who may see it.
    """

    name: str
    budget: str
    month: str
    threshold: Threshold
    amount: Money
    found: Money
    create_time: datetime
    user: str = ""
    organization: str = ""
    number: int = 0


def check_budget(wish: BudgetWish, bad: Violations) -> None:
    """Note every bad field of a budget that is asked for, but for who is told."""
    if not 1 <= len(wish.display_name.strip()) <= _LONGEST_NAME:
        bad.add("budget.display_name", f"expected 1 to {_LONGEST_NAME} characters")
    elif not wish.display_name.isprintable():
        bad.add("budget.display_name", "expected no control characters")
    _check_filter(wish.filter, bad)
    if wish.currency not in EXPONENTS:
        bad.add("budget.amount.currency", "expected an ISO 4217 code in lower case, such as usd")
    if not 1 <= wish.minor_units <= _MOST_MINOR_UNITS:
        bad.add("budget.amount.minor_units", f"expected 1 to {_MOST_MINOR_UNITS}")
    _check_thresholds(wish.thresholds, bad)


def check_filter(filter: CostFilter, where: str, bad: Violations) -> None:  # noqa: A002
    """Note what cannot be the value of any record."""
    for field, value in filter.terms():
        if len(value) > _LONGEST_FIELD or "\0" in value:
            bad.add(f"{where}.{field}", f"expected at most {_LONGEST_FIELD} characters, none NUL")


def _check_filter(filter: CostFilter, bad: Violations) -> None:  # noqa: A002
    if not filter.terms():
        bad.add("budget.filter", "expected at least one field")
    check_filter(filter, "budget.filter", bad)


def _check_thresholds(thresholds: Sequence[Threshold], bad: Violations) -> None:
    if not 1 <= len(thresholds) <= MOST_THRESHOLDS:
        bad.add("budget.thresholds", f"expected 1 to {MOST_THRESHOLDS}, got {len(thresholds)}")
    for place, one in enumerate(thresholds[:MOST_THRESHOLDS]):
        where = f"budget.thresholds[{place}]"
        if not 1 <= one.percent <= _HIGHEST_PERCENT:
            bad.add(f"{where}.percent", f"expected 1 to {_HIGHEST_PERCENT}, got {one.percent}")
        if one.basis is None:
            bad.add(f"{where}.basis", "expected spent or forecast")
        if one in thresholds[:place]:
            bad.add(where, "stands twice")


def alerts_of(budget: Budget, month: str, outlook: Outlook, now: datetime) -> list[Alert]:
    """Return an alert for each threshold that is reached by what is spent or expected."""
    found = {Basis.SPENT: outlook.spent, Basis.FORECAST: outlook.expected}
    return [
        Alert(
            name=derived("alr", budget.name, month, str(one.percent), one.basis),
            budget=budget.name,
            month=month,
            threshold=one,
            amount=budget.amount,
            found=rounded(found[one.basis], budget.amount.currency),
            create_time=now,
            user=budget.filter.user,
            organization=budget.filter.organization,
        )
        for one in budget.thresholds
        if one.basis is not None and found[one.basis] >= _limit(budget.amount, one.percent)
    ]


def _limit(amount: Money, percent: int) -> Fraction:
    return Fraction(amount.minor_units * percent, 100 * 10 ** exponent(amount.currency))
