"""What will have been spent by the end of a month, and between what it will probably be.

Expected is what is spent, and what stands now for the rest of the month. The band comes from how
much the cost of a day has changed from one day to the next over the last days: each day's change
stays for the days after it, so that over ``d`` days that are left independent changes with the
standard deviation ``s`` spread the sum by ``s`` times the root of ``d`` cubed over three. Low and
high are the first and fourth fifth of a normal distribution around what is expected. Never a float.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction
from itertools import pairwise

from services.chassis.money import Money
from services.pricing.costs.domain import DAY, cost_of
from services.pricing.costs.report import Sum, rounded

HISTORY_DAYS = 28
_FIFTH = Fraction(8416, 10_000)
"""Standard deviations from the middle of a normal distribution to its fourth fifth."""
_WIDE = Context(prec=50)


@dataclass(frozen=True, slots=True)
class DayChange:
    """What changed of what stands, in one currency, on one day of a history.

    ``day`` counts from 0; -1 is what stood when the history began. ``rate`` is the sum of the
    monthly rates that came, less those that went; ``rate_seconds`` what they cost on that day.
    """

    currency: str
    hours_per_month: int
    day: int
    rate: Decimal
    rate_seconds: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Standing:
    """The sum of the monthly rates of what stands now, in one currency."""

    currency: str
    hours_per_month: int
    rate: Decimal


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is spent and expected in one currency, exactly."""

    currency: str
    spent: Fraction
    expected: Fraction


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is expected by the month's end, in one currency, and the band around it."""

    spent: Money
    expected: Money
    low: Money
    high: Money


@dataclass(frozen=True, slots=True)
class MonthForecast:
    """The forecasts of one month, such as 2026-11, by currency."""

    month: str
    forecasts: Sequence[Forecast]


def outlooks(spent: Iterable[Sum], standing: Iterable[Standing], left: int) -> list[Outlook]:
    """Return what is spent, and what will be if nothing changes for ``left`` seconds."""
    so_far: dict[str, Fraction] = {}
    to_come: dict[str, Fraction] = {}
    for one in spent:
        so_far[one.currency] = so_far.get(one.currency, Fraction(0)) + one.cost
    for now in standing:
        rest = cost_of(now.rate, now.hours_per_month, left)
        to_come[now.currency] = to_come.get(now.currency, Fraction(0)) + rest
    return [
        Outlook(
            currency,
            so_far.get(currency, Fraction(0)),
            so_far.get(currency, Fraction(0)) + to_come.get(currency, Fraction(0)),
        )
        for currency in sorted(so_far.keys() | to_come.keys())
    ]


def daily_costs(changes: Iterable[DayChange], days: int) -> Mapping[str, Sequence[Fraction]]:
    """Return what each day of a history cost, by currency."""
    found: dict[str, list[Fraction]] = {}
    for change in changes:
        costs = found.setdefault(change.currency, [Fraction(0)] * days)
        full = cost_of(change.rate, change.hours_per_month, DAY)
        if change.day >= 0:
            costs[change.day] += cost_of(change.rate_seconds, change.hours_per_month)
        for day in range(change.day + 1, days):
            costs[day] += full
    return found


def forecast(outlook: Outlook, days: Sequence[Fraction], left: int) -> Forecast:
    """Return the forecast with its band; ``days`` cost so much, ``left`` are seconds.

    Days before the first that cost something say nothing. Without two days of history nothing is
    known of changes, and the band has no width. What is spent stays spent: low is not below it.
    """
    spread = _deviation(days) * _root(Fraction(left, DAY) ** 3 / 3) * _FIFTH
    currency = outlook.currency
    return Forecast(
        spent=rounded(outlook.spent, currency),
        expected=rounded(outlook.expected, currency),
        low=rounded(max(outlook.spent, outlook.expected - spread), currency),
        high=rounded(outlook.expected + spread, currency),
    )


def _deviation(days: Sequence[Fraction]) -> Fraction:
    first = next((place for place, cost in enumerate(days) if cost), len(days))
    told = days[first:]
    changes = [after - before for before, after in pairwise(told)]
    if not changes:
        return Fraction(0)
    # Around zero: that nothing changes is what is expected.
    return _root(sum((change * change for change in changes), Fraction(0)) / len(changes))


def _root(value: Fraction) -> Fraction:
    ratio = _WIDE.divide(Decimal(value.numerator), Decimal(value.denominator))
    return Fraction(_WIDE.sqrt(ratio))
